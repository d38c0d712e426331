"""CIFAR-10: 60,000 colour photographs of 32x32 pixels in 10 classes."""

from harness.competition import Competition
from harness.data.folds import HoldOut, KFold
from harness.data.readers import CifarBatches, ClassFolders, LabelsFile
from harness.scoring.submission_format import SubmissionFormat

competition = Competition(
    title="CIFAR-10 (object recognition in small images)",
    slug="cifar-10",
    readers=(
        CifarBatches(),
        LabelsFile(labels="trainLabels.csv", train="train", test="test"),
        ClassFolders(train="train", holdout="test"),
    ),
    metric="accuracy",
    submission=SubmissionFormat(id_column="id", value_column="label", value="class"),
    folds=KFold(5),
    # If the test set has labels, it is the hold-out. Kaggle's has none: there, a tenth of the training rows.
    holdout=HoldOut(0.1),
    hflip_safe=True,
    obtain=(
        "Give cifar-10-python.tar.gz, or the folder it was unpacked to, with --data. "
        "Where Keras has loaded CIFAR-10 before, that is ~/.keras/datasets/cifar-10-batches-py-target."
    ),
    terms="Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009); for research.",
)
