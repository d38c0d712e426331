"""Competition metrics by name, each with its direction, its range, and its own intervals."""

from harness.scoring.metrics.metric import Metric, RowMetric, SetMetric
from harness.scoring.metrics.own import own_metric, weighted_log_loss
from harness.scoring.metrics.proportion import wilson, worth_of
from harness.scoring.metrics.registry import METRICS
from harness.scoring.metrics.resampling import Interval, bootstrap
from harness.scoring.metrics.rows import LOG_LOSS, in_top

__all__ = [
    "LOG_LOSS",
    "METRICS",
    "Interval",
    "Metric",
    "RowMetric",
    "SetMetric",
    "bootstrap",
    "in_top",
    "own_metric",
    "weighted_log_loss",
    "wilson",
    "worth_of",
]
