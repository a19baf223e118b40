"""Counts and windows: valid by construction, and they add up."""

import pytest

from provider.domain.analysis import Counts, Histogram, Trials, Window


def test_a_rate_is_a_share_and_unknown_without_trials() -> None:
    assert Trials(8, 2).rate == 0.25
    assert Trials(0, 0).rate is None


@pytest.mark.parametrize(("requests", "errors"), [(3, 4), (0, 1), (5, -1), (-1, 0)])
def test_errors_cannot_be_more_than_the_requests(requests: int, errors: int) -> None:
    with pytest.raises(ValueError, match=f"^{errors} errors among {requests} requests cannot be$"):
        Counts(requests=requests, errors=errors)


@pytest.mark.parametrize(
    ("histogram", "words"),
    [
        (((0.1,), (), 0), "one count for each edge"),
        (((1.2, 0.1), (1, 1), 1), "edges of a histogram must rise"),
        (((0.1, 0.1), (1, 1), 1), "edges of a histogram must rise"),
        (((0.1, 1.2), (2, 1), 2), "counts of a histogram are cumulated"),
        (((0.1, 1.2), (1, 3), 2), "counts of a histogram are cumulated"),
        (((0.1,), (-1,), 2), "counts of a histogram are cumulated"),
        (((), (), 2), "without edges"),
    ],
)
def test_a_histogram_that_contradicts_itself_is_refused(
    histogram: tuple[tuple[float, ...], tuple[int, ...], int], words: str
) -> None:
    edges, counts, total = histogram
    with pytest.raises(ValueError, match=words):
        Histogram(edges=edges, counts=counts, total=total)


def test_slow_answers_are_those_above_an_edge() -> None:
    histogram = Histogram(edges=(0.1, 1.2), counts=(70, 95), total=100)

    assert Trials(100, 5) == histogram.above(1.2)
    assert Trials(100, 30) == histogram.above(0.1)
    assert histogram.above(5) is None


def test_windows_add_up() -> None:
    few = Counts(10, 1, Histogram((0.1, 1.2), (5, 9), 10))
    many = Counts(100, 2, Histogram((0.1, 1.2), (80, 99), 100))

    total = Window(stable=many, canary=few) + Window(stable=few, canary=few)

    assert Counts(110, 3, Histogram((0.1, 1.2), (85, 108), 110)) == total.stable
    assert Counts(20, 2, Histogram((0.1, 1.2), (10, 18), 20)) == total.canary


def test_nothing_adds_nothing() -> None:
    window = Window(stable=Counts(10, 1, Histogram((0.1,), (5,), 10)))

    assert window == window + Window() == Window() + window


def test_histograms_with_other_edges_add_up_where_they_agree() -> None:
    total = Histogram((0.1, 1.2, 5), (1, 2, 3), 4) + Histogram((0.2, 1.2), (10, 20), 30)

    assert Histogram((1.2,), (22,), 34) == total


def test_histograms_without_a_common_edge_tell_nothing_together() -> None:
    assert Histogram() == Histogram((0.1,), (1,), 1) + Histogram((0.2,), (1,), 1)


def test_a_window_goes_to_json_and_back() -> None:
    window = Window(stable=Counts(10, 1, Histogram((0.1,), (5,), 10)))
    document = window.as_document()

    assert Window.from_document(document) == window
    assert document["stable"] == {
        "requests": 10,
        "errors": 1,
        "latency": {"edges": [0.1], "counts": [5], "total": 10},
        "clientErrors": 0,
        "unknown": 0,
    }
