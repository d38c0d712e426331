"""The metrics by name."""

from harness.scoring.metrics.auc import AUC, MEAN_COLUMN_AUC
from harness.scoring.metrics.counted import KAPPA, MACRO_F1, PROBABILISTIC_F1
from harness.scoring.metrics.metric import Metric
from harness.scoring.metrics.rows import ACCURACY, ERROR, LOG_LOSS, MICRO_F1, average_precision_at, top

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        ACCURACY,
        ERROR,
        LOG_LOSS,
        MICRO_F1,
        MACRO_F1,
        AUC,
        MEAN_COLUMN_AUC,
        KAPPA,
        PROBABILISTIC_F1,
        *(average_precision_at(k) for k in (3, 5, 10)),
        *(top(k) for k in (3, 5)),
    )
}
