"""Dogs vs Cats: 25,000 photographs, scored as Kaggle's Redux edition scores them."""

from harness.competition import Competition
from harness.data.folds import HoldOut, KFold
from harness.data.readers import ClassInName
from harness.scoring.submission_format import SubmissionFormat

competition = Competition(
    title="Dogs vs Cats (Redux: Kernels Edition)",
    # The first edition, `dogs-vs-cats`, is closed; this one still scores late submissions.
    slug="dogs-vs-cats-redux-kernels-edition",
    readers=(ClassInName(classes=("cat", "dog"), train="train", tests=("test1", "test")),),
    metric="log_loss",
    # Enough decimals for log loss: with fewer, 0.000000 for a dog that looks like a cat would cost 34.5.
    submission=SubmissionFormat(id_column="id", value_column="label", value="probability", positive="dog", decimals=15),
    folds=KFold(5),
    holdout=HoldOut(0.1),
    hflip_safe=True,
    obtain="Accept the rules on Kaggle, download the competition's zip, and give it with --data ZIP.",
    terms="Kaggle's competition rules: for the competition; the images may not be re-published.",
)
