"""How a canary is judged: counts → evidence → verdict. Pure: no clock, store or network. See docs/analysis.md."""

from provider.analysis.counts import Counts, Histogram, Trials, Window
from provider.analysis.evidence import Evidence
from provider.analysis.limits import LimitVerdict
from provider.analysis.outcome import Outcome, Tally
from provider.analysis.settings import Analysis, Latency, Limits, Prometheus, Source, Undecided
from provider.analysis.snapshots import Sample, Series, Snapshot, snapshot, window_between
from provider.analysis.verdict import MetricVerdict, Verdict, judge

__all__ = [
    "Analysis",
    "Counts",
    "Evidence",
    "Histogram",
    "Latency",
    "LimitVerdict",
    "Limits",
    "MetricVerdict",
    "Outcome",
    "Prometheus",
    "Sample",
    "Series",
    "Snapshot",
    "Source",
    "Tally",
    "Trials",
    "Undecided",
    "Verdict",
    "Window",
    "judge",
    "snapshot",
    "window_between",
]
