"""How a canary is judged: counts → evidence → verdict. Pure: no clock, store or network. See docs/analysis.md."""

from provider.domain.analysis.baseline import BASELINE_CODES
from provider.domain.analysis.checks import (
    Check,
    CheckReading,
    PrometheusCheck,
    WebhookCheck,
    filled_in,
    held_against_bounds,
)
from provider.domain.analysis.counts import Counts, Histogram, Trials, Window
from provider.domain.analysis.evidence import Evidence
from provider.domain.analysis.forecast import Forecast, Rates, Stretch
from provider.domain.analysis.limits import LimitVerdict
from provider.domain.analysis.outcome import Outcome, ReasonCode
from provider.domain.analysis.presets import Origin, Preset
from provider.domain.analysis.record import CheckResult, Measurement, Record, SampleResult
from provider.domain.analysis.remaining import roughly, seconds_until_known
from provider.domain.analysis.settings import Analysis, ClientErrors, Latency, Limits, Prometheus, Source, Undecided
from provider.domain.analysis.share import Share, ShareState
from provider.domain.analysis.snapshots import Sample, Series, Snapshot, snapshot, window_between
from provider.domain.analysis.statuses import ErrorStatuses
from provider.domain.analysis.tally import Tally
from provider.domain.analysis.verdict import MetricVerdict, Verdict, judge
from provider.domain.analysis.warm_up import Exposure

__all__ = [
    "BASELINE_CODES",
    "Analysis",
    "Check",
    "CheckReading",
    "CheckResult",
    "ClientErrors",
    "Counts",
    "ErrorStatuses",
    "Evidence",
    "Exposure",
    "Forecast",
    "Histogram",
    "Latency",
    "LimitVerdict",
    "Limits",
    "Measurement",
    "MetricVerdict",
    "Origin",
    "Outcome",
    "Preset",
    "Prometheus",
    "PrometheusCheck",
    "Rates",
    "ReasonCode",
    "Record",
    "Sample",
    "SampleResult",
    "Series",
    "Share",
    "ShareState",
    "Snapshot",
    "Source",
    "Stretch",
    "Tally",
    "Trials",
    "Undecided",
    "Verdict",
    "WebhookCheck",
    "Window",
    "filled_in",
    "held_against_bounds",
    "judge",
    "roughly",
    "seconds_until_known",
    "snapshot",
    "window_between",
]
