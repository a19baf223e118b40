from xml.etree import ElementTree

from tools.benchmarks.picture import drawn

SVG = "{http://www.w3.org/2000/svg}"


def bars(figures: dict[str, float]) -> list[tuple[str, float, float]]:
    picture = ElementTree.fromstring(drawn(figures, caption="2 cores & more"))  # noqa: S314 it is our own
    return [
        (bar.attrib["class"], float(bar.attrib["x"]), float(bar.attrib["x"]) + float(bar.attrib["width"]))
        for bar in picture.iter(f"{SVG}rect")
    ]


def test_a_bar_ends_right_of_the_goal_where_it_is_reached_and_begins_left_of_it_where_not() -> None:
    (reached, from_goal, right), (missed, left, to_goal) = bars({"serving": 0.4, "holding.last": 2_000})

    assert (reached, missed) == ("reached", "missed")
    assert from_goal == to_goal
    assert right - from_goal == to_goal - left


def test_what_is_far_beyond_its_target_stays_in_the_picture() -> None:
    ((_, left, right),) = bars({"holding.cpu": 0.0})

    assert 0 < left < right <= 1_000


def test_a_picture_of_nothing_has_no_bars() -> None:
    assert bars({}) == []
