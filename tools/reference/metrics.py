"""The reference of all metrics, from their definitions."""

from collections.abc import Iterable, Sequence

from prometheus_client import Histogram
from prometheus_client.metrics import MetricWrapperBase

from provider.observability.metrics import recorded, states
from tools.reference.markdown import code, table

_Line = tuple[str, Sequence[str], str]


def reference() -> str:
    """Return the tables of all metrics."""
    state = _table((one.name, one.labels, one.words) for one in states.STATES)
    metrics = [one for one in vars(recorded).values() if isinstance(one, MetricWrapperBase)]
    counted = _table((_name(one), one._labelnames, one._documentation) for one in metrics)
    buckets = "\n".join(
        f"- `{_name(one)}`: {', '.join(f'{edge:g}' for edge in one._upper_bounds[:-1])}"
        for one in metrics
        if isinstance(one, Histogram)
    )
    return (
        f"## State at the time of a scrape\n\n{state}\n"
        f"## Counters and histograms\n\n{counted}\n## Histogram buckets, in seconds\n\n{buckets}\n"
    )


def _name(metric: MetricWrapperBase) -> str:
    """Return the name as queried: a counter with its suffix."""
    family = next(iter(metric.describe()))
    return f"{family.name}_total" if family.type == "counter" else family.name


def _table(lines: Iterable[_Line]) -> str:
    rows = ((code(name), ", ".join(map(code, labels)), words) for name, labels, words in lines)
    return table(("metric", "labels", "description"), rows)
