"""Flowers-17: 1,360 photographs of 17 species."""

from harness.competition import Competition
from harness.data.folds import HoldOut, KFold
from harness.data.readers import ClassFolders, NumberedFiles
from harness.scoring.submission_format import SubmissionFormat

# In the order of the organiser's numbering, 80 photographs each.
SPECIES = (
    "daffodil",
    "snowdrop",
    "lilyvalley",
    "bluebell",
    "crocus",
    "iris",
    "tigerlily",
    "tulip",
    "fritillary",
    "sunflower",
    "daisy",
    "coltsfoot",
    "dandelion",
    "cowslip",
    "buttercup",
    "windflower",
    "pansy",
)

competition = Competition(
    title="Flowers-17 (Oxford VGG)",
    readers=(NumberedFiles(classes=SPECIES, each=80, folder="jpg"), ClassFolders()),
    metric="accuracy",
    submission=SubmissionFormat(id_column="id", value_column="label", value="class"),
    folds=KFold(5),
    holdout=HoldOut(0.25),
    # Some photographs occur twice, saved at different sizes; exact grouping would let them leak into the hold-out.
    group="near",
    hflip_safe=True,
    obtain="Give 17flowers.tgz, or the folder it was unpacked to, with --data.",
    terms="Nilsback & Zisserman, A Visual Vocabulary for Flower Classification (CVPR 2006); for research.",
)
