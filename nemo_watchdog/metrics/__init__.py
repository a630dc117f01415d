"""What Prometheus sees: every metric is declared here, counted here, and written as a page that holds up nobody."""

from nemo_watchdog.metrics.declared import Metrics
from nemo_watchdog.metrics.looks import FEW_BUCKETS, MANY_BUCKETS, DependencyMetrics
from nemo_watchdog.metrics.page import page

__all__ = ["FEW_BUCKETS", "MANY_BUCKETS", "DependencyMetrics", "Metrics", "page"]
