"""The names of the splits of a data set.

``TRAIN`` rows are used for fitting and get out-of-fold predictions. ``HOLDOUT`` rows have labels and are never trained
on. ``TEST`` rows are the organiser's, without labels.
"""

TRAIN, HOLDOUT, TEST = "train", "holdout", "test"
# Predictions of the training rows, each by a model that was not fitted on that row.
OUT_OF_FOLD = "out_of_fold"
# The splits that predictions are scored on, as scores are shown.
SCORED = (OUT_OF_FOLD, HOLDOUT)
