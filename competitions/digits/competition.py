"""Digits: the built-in default competition, with the CSV format of Kaggle's Digit Recognizer."""

from harness.competition import Competition
from harness.data.folds import HoldOut, KFold
from harness.data.readers import SklearnDigits
from harness.scoring.submission_format import SubmissionFormat

competition = Competition(
    title="Digits (scikit-learn's handwritten digits)",
    readers=(SklearnDigits(),),
    metric="accuracy",
    submission=SubmissionFormat(id_column="ImageId", value_column="Label", value="class"),
    folds=KFold(5),
    holdout=HoldOut(0.2),
    hflip_safe=False,
    obtain="They come inside scikit-learn.",
    terms="UCI Machine Learning Repository, CC BY 4.0.",
)
