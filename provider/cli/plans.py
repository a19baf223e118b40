"""Forecast of a rollout's steps."""

from collections.abc import Mapping
from typing import Any

import click

from provider.cli.client import rollout_path
from provider.cli.errors import CommandError
from provider.cli.options import Shell, connected, show_warnings
from provider.cli.output import say, show_facts, show_json, show_table, span
from provider.domain.json_object import Json
from provider.domain.step_text import step_text


@click.command()
@click.argument("name")
@click.option("--rate", type=float, help="Requests per second to both sides together (default: latest measurement)")
@click.option("--errors", type=float, help="Error rate of stable in percent (default: latest measurement, or 0.5)")
@click.option(
    "--regressions",
    default="2,5,total",
    show_default=True,
    help="Regressions: the canary's errors as multiples of stable's",
)
@connected
def plan(shell: Shell, name: str, rate: float | None, errors: float | None, regressions: str) -> None:
    """Forecast what each step will show of a canary.

    Each regression has a column: the probability that it is detected by the end of the step, and the median time to
    detect it at the step's weight.
    """
    given = {"rate": rate, "errors": errors}
    query = {key: value for key, value in given.items() if value is not None}
    made = shell.client.get(rollout_path(name, "plan"), regressions=regressions, **query)
    if shell.is_json:
        show_json(made)
        return
    traffic = made["traffic"]
    if "requestsPerSecond" not in traffic:
        raise CommandError("no traffic measured in the last minutes; set --rate REQUESTS_PER_SECOND")
    rollout = shell.client.get(rollout_path(name))
    show_facts(_facts(traffic))
    say("")
    factors = regressions.split(",")
    columns = ("STEP", "DOES", "WEIGHT", "REQUESTS", *map(_heading, factors), "PASSES AFTER")
    rows = [_row(one, rollout["spec"]["steps"][one["index"]], width=len(factors)) for one in made["steps"]]
    show_table(columns, rows, empty="The rollout has no steps that wait.")
    show_warnings(made)


def _facts(traffic: Json) -> Mapping[str, str]:
    measured = f", {traffic['measuredAt']}" if "measuredAt" in traffic else ""
    rate = f"{traffic['requestsPerSecond']:.3g} requests/s"
    return {
        "traffic": f"{rate} ({_origin(traffic['requestsSource'], measured)})",
        "errors": f"{traffic['errors']:.3g}% ({_origin(traffic['errorsSource'], measured)})",
    }


def _origin(origin: str, measured: str) -> str:
    return f"{origin}{measured}" if origin == "measured" else origin


def _heading(factor: str) -> str:
    return "ALL FAIL" if factor == "total" else f"{factor}x ERRORS"


def _row(planned: Json, does: Json, *, width: int) -> tuple[str, ...]:
    if not planned["isAnalyzed"]:
        known = ("not analyzed", *[""] * width)
    else:
        good = span(planned["successMedianSeconds"]) if "successMedianSeconds" in planned else "-"
        known = (*map(_detection, planned["detections"]), good)
    return (
        str(planned["index"] + 1),
        step_text(does),
        f"{planned['weight']}%",
        f"{planned['canaryRequests']:,}" if "canaryRequests" in planned else "",
        *known,
    )


def _detection(found: Mapping[str, Any]) -> str:
    time = span(found["medianSeconds"]) if "medianSeconds" in found else "-"
    return f"{100 * found['probability']:.0f}%, {time}" if "probability" in found else time
