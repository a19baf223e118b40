"""Pictures of dashboards, of answers that are made up."""

import math
import re
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dashboards.drawing.answers import Questions
from dashboards.drawing.browser import drawing_board
from dashboards.drawing.page import KINDS, WIDTH, page
from dashboards.drawing.prometheus import Labels, Sample, Span
from dashboards.drawing.scales import Linear, Logarithmic, linear, logarithmic, time_ticks
from dashboards.drawing.units import tick, written
from dashboards.panels import Panel, Query, above, annotation, columns, dashboard, mapping, override, variable
from tests.browser.scene import needed
from tests.dashboards.dashboard import DASHBOARDS, PANELS

SPAN = Span(1_000.0, 1_060.0)
SIDES: Labels = {"side": "canary", "rollout": "shop"}
GREEN, RED, ORANGE = "#73BF69", "#F2495C", "#FF9830"

Found = Sequence[tuple[Labels, Sequence[float]]]


@dataclass
class Answers:
    """Answers each expression with series of one value every five seconds, NaN where there is none."""

    found: Mapping[str, Found] = field(default_factory=dict)
    otherwise: Found = ()
    asked: list[str] = field(default_factory=list)

    def at(self, expression: str, moment: float) -> Sequence[tuple[Labels, Sample]]:
        return [(labels, samples[-1]) for labels, samples in self.over(expression, SPAN) if moment]

    def over(self, expression: str, span: Span) -> Sequence[tuple[Labels, Sequence[Sample]]]:
        self.asked.append(expression)
        return [
            (
                labels,
                [(span.start + 5 * n, float(value)) for n, value in enumerate(values) if not math.isnan(value)],
            )
            for labels, values in self.found.get(expression, self.otherwise)
        ]


def drawn(panel: Panel, answers: Answers, **more: Any) -> str:
    """Draw a dashboard of one panel."""
    whole = dashboard("small", "", {"Row": [panel]}, **more)
    return page(whole, Questions(answers, SPAN, {"datasource": "Prometheus", "rollout": "shop"}))


def cells(html: str) -> Sequence[str]:
    """Give what stands in the cells of tables, legends among them."""
    return re.findall(r"<td[^>]*>(?:<i[^>]*></i>)?([^<]*)</td>", html)


# The dashboards


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_of_a_dashboard_is_drawn(name: str) -> None:
    answers = Answers(otherwise=[(SIDES, [1.0, 2.0, 3.0])])
    html = page(DASHBOARDS[name], Questions(answers, SPAN, {"datasource": "Prometheus", "rollout": "shop"}))
    titles = [panel["title"].replace("$rollout", "shop") for panel in DASHBOARDS[name]["panels"]]

    assert not [title for title in titles if title.replace("'", "&#x27;") not in html]
    assert not [expression for expression in answers.asked if "$" in expression]


def test_every_kind_of_panel_can_be_drawn() -> None:
    assert {panel["type"] for panel in PANELS} <= KINDS.keys()


@pytest.mark.parametrize("name", DASHBOARDS)
def test_what_finds_nothing_says_so(name: str) -> None:
    html = page(DASHBOARDS[name], Questions(Answers(), SPAN, {"datasource": "Prometheus", "rollout": "shop"}))
    panels = [panel for panel in DASHBOARDS[name]["panels"] if panel["type"] != "row"]

    assert len(panels) == html.count('class="nothing"')


# Questions


def test_variables_are_filled_in_as_grafana_does() -> None:
    answers = Answers()
    drawn(Panel("a", [Query('rate(a{r="$rollout"}[$__rate_interval]) + increase(b[$__range])')]), answers)

    assert answers.asked == ['rate(a{r="shop"}[20s]) + increase(b[60s])']


def test_a_legend_names_series_by_their_labels_and_tells_last_and_most() -> None:
    panel = Panel("a", [Query("x", "{{side}} of {{ rollout }}{{gone}}")], unit="percent")
    html = drawn(panel, Answers({"x": [(SIDES, [12.5, 50, 25])]}))

    assert cells(html) == ["canary of shop", "25%", "50%"]


def test_the_axis_has_the_unit_and_the_chart_the_colours_that_were_chosen() -> None:
    panel = Panel("a", [Query("x", "canary")], unit="percent", colours={"canary": "orange"}, defaults={"min": 0})
    html = drawn(panel, Answers({"x": [({}, [0, 50])]}))

    assert {"0%", "20%", "40%"} <= set(re.findall(r'text-anchor="end">([^<]+)<', html))
    assert f'stroke="{ORANGE}"' in html


def test_an_override_fits_names_by_an_expression() -> None:
    dashes = override("/p50$/", matcher="byRegexp", custom__lineStyle={"fill": "dash", "dash": [4, 6]})
    panel = Panel("a", [Query("x", "p50"), Query("y", "p95", "B")], overrides=[dashes])
    html = drawn(panel, Answers(otherwise=[({}, [1, 2])]))

    assert html.count('stroke-dasharray="4 6"') == 1


def test_a_line_is_broken_where_nothing_is_known_unless_it_may_span_that() -> None:
    answers = Answers({"x": [({}, [1, 1, math.nan, 2, 2])]})
    broken = drawn(Panel("a", [Query("x", "x")]), answers)
    whole = drawn(Panel("a", [Query("x", "x")], custom={"spanNulls": 60_000}), answers)

    assert [html.count('fill="none"') for html in (broken, whole)] == [2, 1]


def test_what_is_stacked_stands_on_what_is_below() -> None:
    stacked = {"stacking": {"mode": "normal", "group": "A"}}
    panel = Panel("a", [Query("x", "{{n}}")], custom=stacked, defaults={"min": 0})
    html = drawn(panel, Answers({"x": [({"n": "1"}, [3, 3]), ({"n": "2"}, [4, 4])]}))
    lower, upper = (float(y) for y in re.findall(r'<path d="M[\d.]+,([\d.]+)L[^"]*" fill="none"', html))

    assert upper < lower
    assert "6" in re.findall(r'text-anchor="end">([^<]+)<', html)


def test_a_mark_is_what_is_above_0_and_a_while_is_one() -> None:
    answers = Answers({"moves": [({"phase": "Paused"}, [0, 1, 1, 0, 0, 1])], "x": [({}, [1, 2])]})
    marks = [annotation("Phase", "moves", title="{{phase}}", colour="blue")]
    html = drawn(Panel("a", [Query("x", "x")]), answers, annotations=marks)

    assert html.count("<title>Paused</title>") == 2
    assert html.count("<rect") == 1


# Kinds of panel


def test_a_stat_has_the_colour_of_its_threshold_and_words_for_its_value() -> None:
    words = {0: ("away", "red"), 1: ("there", "green")}
    alarmed = drawn(Panel("a", [Query("x")], kind="stat", defaults=above(1)), Answers({"x": [({}, [7.0])]}))
    calm = drawn(Panel("a", [Query("x")], kind="stat", defaults=mapping(words)), Answers({"x": [({}, [1.0])]}))

    assert f"background:{RED}" in alarmed
    assert "<strong>7</strong>" in alarmed
    assert f"background:{GREEN}" in calm
    assert "<strong>there</strong>" in calm


def test_a_table_joins_its_queries_by_their_labels_and_sorts() -> None:
    panel = Panel(
        "a",
        [Query("asked", name="asked"), Query("got", name="got")],
        kind="table",
        unit="percent",
        options={"sortBy": [{"displayName": "Rollout", "desc": False}]},
        transformations=columns(rollout="Rollout", asked="Asked for", got="Achieved"),
    )
    shop, blog = {"rollout": "shop"}, {"rollout": "blog"}
    html = drawn(panel, Answers({"asked": [(shop, [5]), (blog, [50])], "got": [(shop, [4.5])]}))

    assert re.findall(r"<th[^>]*>([^<]+)</th>", html) == ["Rollout", "Asked for", "Achieved"]
    assert cells(html) == ["blog", "50%", "", "shop", "5%", "4.50%"]


def test_a_timeline_has_a_bar_for_as_long_as_a_state_lasts() -> None:
    states = mapping({1: ("Healthy", "green"), 2: ("Degraded", "red")})
    panel = Panel("a", [Query("x", "{{rollout}}")], kind="state-timeline", wide=24, defaults=states)
    html = drawn(panel, Answers({"x": [({"rollout": "shop"}, [1] * 6 + [2] * 6)]}))
    bars = re.findall(r'<rect[^>]*width="([\d.]+)"[^>]*fill="([^"]+)"', html)

    assert [colour for _, colour in bars] == [GREEN, RED]
    assert float(bars[0][0]) == pytest.approx(float(bars[1][0]), abs=0.2)
    assert re.findall(r'class="value"[^>]*>([^<]+)<', html) == ["Healthy", "Degraded"]


def test_what_was_chosen_stands_above_all() -> None:
    panel = Panel("of $rollout", [Query("x", "x")])
    html = drawn(panel, Answers(), variables=[variable("rollout", "Rollout", "label_values(a, rollout)")])

    assert "<b>Rollout</b><em>shop</em>" in html
    assert "<h3>of shop</h3>" in html


# Numbers


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        (0, "s", None, "0 s"),
        (0.0042, "s", None, "4.20 ms"),
        (0.00005, "s", None, "50.0 µs"),
        (1.5, "s", None, "1.50 s"),
        (90, "s", None, "1.50 mins"),
        (7_200, "s", 0, "2 hours"),
        (12.34, "percent", 1, "12.3%"),
        (24.83, "percent", None, "24.8%"),
        (3, "none", None, "3"),
        (3.7, "none", 0, "4"),
        (5.2, "reqps", None, "5.20 req/s"),
        (1.06, "ops", None, "1.06 ops/s"),
    ],
)
def test_a_number_is_written_with_its_unit(value: float, unit: str, decimals: int | None, text: str) -> None:
    assert written(value, unit, decimals) == text


def test_at_an_axis_there_are_no_idle_digits() -> None:
    assert [tick(value, unit) for value, unit in ((0.5, "percent"), (2, "s"), (0.25, "s"), (1.5, "reqps"))] == [
        "0.5%",
        "2 s",
        "250 ms",
        "1.5 req/s",
    ]


def test_axes_are_chosen_as_grafana_does() -> None:
    assert Linear(4.5, 10.5) == linear([5, 10])
    assert Linear(0, 109.5) == linear([5, 100])
    assert Linear(0, 100) == linear([0, 0])
    assert Linear(0, 1) == linear([0, 0.2], low=0, soft_high=1)
    assert Logarithmic(0.001, 10) == logarithmic([0.002, 0, 3])
    assert pytest.approx(logarithmic([0.002, 3]).ticks(300)) == [0.001, 0.01, 0.1, 1, 10]


def test_the_time_is_that_of_the_day_in_utc() -> None:
    assert [words for _, words in time_ticks(1_000, 1_200, 400)] == ["00:17", "00:18", "00:19", "00:20"]


# The picture


def test_a_page_becomes_a_picture_of_few_colours(tmp_path: Path) -> None:
    needed(shutil.which("chromium-headless-shell") or shutil.which("chromium"), what="chromium")
    html = drawn(Panel("a", [Query("x", "x")]), Answers({"x": [({}, [1, 2])]}))

    def draw_it() -> None:
        with drawing_board() as draw:
            draw(html, tmp_path / "a.png")

    # Other tests may have a browser of their own in this thread, of which there can be one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(draw_it).result()
    with Image.open(tmp_path / "a.png") as picture:
        found = picture.mode, picture.width, len(picture.getcolors() or ())

    assert found[:2] == ("P", WIDTH)
    assert 10 < found[2] <= 256
