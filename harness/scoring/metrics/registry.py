"""The metrics by name."""

from dataclasses import replace

from harness.scoring.metrics import multilabel
from harness.scoring.metrics.auc import AUC, MEAN_COLUMN_AUC
from harness.scoring.metrics.counted import KAPPA, MACRO_F1, PROBABILISTIC_F1
from harness.scoring.metrics.metric import Metric
from harness.scoring.metrics.numbers import MAE, RMSE
from harness.scoring.metrics.rows import ACCURACY, ERROR, LOG_LOSS, MICRO_F1, average_precision_at, top

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        ACCURACY,
        ERROR,
        replace(LOG_LOSS, several=multilabel.log_loss(LOG_LOSS.high)),
        replace(MICRO_F1, several=multilabel.MICRO_F1),
        replace(MACRO_F1, several=multilabel.MACRO_F1),
        AUC,
        replace(MEAN_COLUMN_AUC, several=multilabel.MEAN_COLUMN_AUC),
        KAPPA,
        PROBABILISTIC_F1,
        *(replace(average_precision_at(k), several=multilabel.average_precision_at(k)) for k in (3, 5, 10)),
        *(top(k) for k in (3, 5)),
        multilabel.WEIGHTED_AUC,
        multilabel.MICRO_F2,
        multilabel.SAMPLE_F1,
        multilabel.SAMPLE_F2,
        RMSE,
        MAE,
    )
}
