"""How a canary is judged: counts → evidence → verdict. Pure: no clock, store or network. See docs/analysis.md."""

from provider.analysis.checks import Answer, Check, PrometheusCheck, WebhookCheck, filled_in, held_against_bounds
from provider.analysis.counts import Counts, Histogram, Trials, Window
from provider.analysis.evidence import Evidence
from provider.analysis.forecast import Forecast, Rates, Stretch
from provider.analysis.limits import LimitVerdict
from provider.analysis.outcome import Outcome, ReasonCode
from provider.analysis.presets import Origin, Preset
from provider.analysis.record import CheckResult, Look, Measurement, Record
from provider.analysis.remaining import roughly, seconds_until_known
from provider.analysis.settings import Analysis, ClientErrors, Latency, Limits, Prometheus, Source, Undecided
from provider.analysis.share import Share, ShareState
from provider.analysis.snapshots import Sample, Series, Snapshot, snapshot, window_between
from provider.analysis.statuses import ErrorStatuses
from provider.analysis.tally import Tally
from provider.analysis.verdict import MetricVerdict, Verdict, judge
from provider.analysis.warm_up import Exposure

__all__ = [
    "Analysis",
    "Answer",
    "Check",
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
    "Look",
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
