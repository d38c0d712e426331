"""CIFAR-10: 60,000 colour photographs of 32x32 pixels in 10 classes."""

from harness.competition import Competition
from harness.data.folds import KFold
from harness.data.readers import ClassFolders
from harness.scoring.submission import SubmissionFormat

competition = Competition(
    title="CIFAR-10 (object recognition in small images)",
    slug="cifar-10",
    readers=(ClassFolders(train="train", holdout="test"),),
    metric="accuracy",
    submission=SubmissionFormat(id_column="id", value_column="label", value="class"),
    folds=KFold(5),
    # The organiser's test set is public, with labels: it is the hold-out.
    holdout=None,
    mirror=True,
    obtain="Unpack train/<class>/<image> and test/<class>/<image> and give the folder with --data DIR.",
    terms="Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009); for research.",
)
