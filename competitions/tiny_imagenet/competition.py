"""Tiny ImageNet: 200 classes of ImageNet at 64x64 pixels."""

from harness.competition import Competition
from harness.data.folds import KFold
from harness.data.readers import TinyImageNet
from harness.scoring.submission_format import SubmissionFormat

competition = Competition(
    title="Tiny ImageNet (Stanford CS231n)",
    readers=(TinyImageNet(),),
    metric="error",
    # test_0.JPEG n04067472
    submission=SubmissionFormat(header=False, separator=" ", value="class"),
    folds=KFold(5),
    # The organiser's validation set is the hold-out.
    holdout=None,
    hflip_safe=True,
    obtain="Give tiny-imagenet-200.zip, or the folder it was unpacked to, with --data.",
    terms="ImageNet's terms: non-commercial research and education only.",
)
