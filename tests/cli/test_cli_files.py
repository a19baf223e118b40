"""Declarative use: apply, diff and export, and all that a file may get wrong."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from provider.domain.rollouts import Phase
from tests.cli.conftest import CANARY, RULE, STABLE, STEPS, Run, stored
from tests.world import World


def document(name: str, *, stable: str = STABLE, **changes: object) -> dict[str, object]:
    return {
        "name": name,
        "spec": {"rule": f"Host(`{name}.localhost`)", "stable": {"servers": [{"url": stable}]}, **changes},
    }


def text(*documents: object) -> str:
    return "---\n".join(yaml.safe_dump(one, allow_unicode=True) for one in documents)


def names(world: World) -> list[str]:
    return [rollout.name for rollout in world.operations.rollouts.page(limit=9).rollouts]


def test_a_file_is_made_so_and_then_is_so(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "rollouts.yaml"
    path.write_text(text(document("blog"), document("shop")))
    first, second = run("apply", "-f", str(path)), run("apply", "-f", str(path))
    path.write_text(text(document("blog"), document("shop", priority=9)))
    third = run("apply", "-f", str(path))

    assert (first.exit_code, first.stdout) == (0, "blog: created\nshop: created\n")
    assert (second.exit_code, second.stdout) == (0, "blog: unchanged\nshop: unchanged\n")
    assert (third.exit_code, third.stdout) == (0, "blog: unchanged\nshop: changed\n")


def test_json_may_be_indented_with_tabs(run: Run, world: World) -> None:
    one, other = document("blog"), document("shop")
    single = run("apply", "-f", "-", stdin=json.dumps(one, indent="\t"))
    several = run("apply", "-f", "-", stdin=json.dumps([one, other], indent="\t"))

    assert (single.exit_code, single.stdout) == (0, "blog: created\n")
    assert (several.exit_code, several.stdout) == (0, "blog: unchanged\nshop: created\n")


def test_a_mistake_in_json_with_tabs_is_located(offline: Run) -> None:
    refused = offline("apply", "-f", "-", stdin='{\n\t"name": "shop",\n\t"spec": {},\n}')

    assert refused.exit_code != 0
    assert "is not JSON: " in refused.stderr
    assert "line 4, column 1" in refused.stderr


def test_yaml_in_braces_is_still_read(run: Run) -> None:
    flow = "{name: blog, spec: {rule: 'Host(`blog.localhost`)', stable: {servers: [{url: 'http://127.0.0.1:1'}]}}}"

    assert run("apply", "-f", "-", stdin=flow).stdout == "blog: created\n"


def test_a_bare_pause_is_read_from_yaml(run: Run, world: World) -> None:
    run("apply", "-f", "-", stdin=text(document("shop", steps=[{"setWeight": 5}, {"pause": None}])))

    steps = world.operations.rollouts.get("shop").spec.steps or ()
    assert [step.pause is not None for step in steps] == [False, True]


def test_what_is_unchanged_is_not_written(run: Run, world: World) -> None:
    run("apply", "-f", "-", stdin=text(document("shop")))
    before = world.store.revision()
    run("apply", "-f", "-", "--reason", "again", stdin=text(document("shop")))

    assert world.store.revision() == before


def test_a_canary_on_its_way_keeps_its_weight(run: Run, shop: str, world: World) -> None:
    run("set-weight", shop, "33")
    edited = document(shop, stable=STABLE, canary={"servers": [{"url": CANARY}]}, steps=STEPS, priority=9)
    done = run("apply", "-f", "-", "-o", "json", stdin=text(edited))

    assert json.loads(done.stdout)[0]["status"]["weight"] == 33


@pytest.mark.parametrize(
    "command", [["get"], ["get", "-o", "json"], ["export"], ["export", "-o", "json"]], ids=" ".join
)
def test_what_is_printed_can_be_applied(run: Run, shop: str, command: list[str]) -> None:
    name, *options = command
    printed = run(name, shop, *options).stdout
    again = run("apply", "-f", "-", stdin=printed)
    run("delete", shop, "--yes")
    anew = run("apply", "-f", "-", stdin=printed)

    assert again.stdout == "shop: unchanged\n"
    assert anew.stdout == "shop: created\n"


def test_all_are_checked_before_the_first_is_written(run: Run, world: World) -> None:
    refused = run(
        "apply", "-f", "-", stdin=text(document("blog"), document("shop", stable="ftp://a"), document("wiki"))
    )

    assert (refused.exit_code, refused.stdout, names(world)) == (1, "", [])
    assert refused.stderr.startswith(
        "traefik-canary: shop: validation failed:\n  /spec/stable/servers/0/url: must be "
    )


def test_a_dry_run_says_what_would_be_and_writes_nothing(run: Run, shop: str, world: World) -> None:
    before = world.store.revision()
    told = run("apply", "-f", "-", "--dry-run", "--wait", stdin=text(document("blog"), document(shop)))
    shown = run("apply", "-f", "-", "--dry-run", "-o", "json", stdin=text(document("blog"), document(shop)))

    assert told.stdout == "blog: created (dry run)\nshop: changed (dry run)\n"
    assert [(one["name"], one["status"]["phase"]) for one in json.loads(shown.stdout)] == [
        ("blog", "Healthy"),
        ("shop", "Healthy"),
    ]
    assert world.store.revision() == before


def test_a_reason_goes_with_every_rollout(run: Run) -> None:
    run("apply", "-f", "-", "--reason", "release 7", stdin=text(document("blog"), document("shop")))

    for name in ("blog", "shop"):
        assert "release 7" in run("history", name).stdout


def test_one_key_serves_for_all_rollouts_of_a_file(run: Run) -> None:
    done = run("apply", "-f", "-", "--idempotency-key", "build-7", stdin=text(document("blog"), document("shop")))

    assert (done.exit_code, done.stdout) == (0, "blog: created\nshop: created\n")


def test_a_version_goes_with_one_rollout(run: Run, shop: str, offline: Run) -> None:
    version = str(json.loads(run("get", shop, "-o", "json").stdout)["version"])
    stale = run("apply", "-f", "-", "--if-match", "999", "--dry-run", stdin=text(document(shop)))
    done = run("apply", "-f", "-", "--if-match", version, stdin=text(document(shop)))
    two = offline("apply", "-f", "-", "--if-match", version, stdin=text(document("blog"), document(shop)))

    assert stale.exit_code == 1
    assert f"traefik-canary: shop: rollout shop is at version {version}, not at 999\n" == stale.stderr
    assert done.stdout == "shop: changed\n"
    assert two.exit_code == 2
    assert "--if-match requires a single rollout" in two.stderr


def test_a_file_waits_for_traefik_in_all(run: Run, poll: Callable[[str], None]) -> None:
    arguments = ("apply", "-f", "-", "--wait")
    late = run(*arguments, "--timeout", "0.05", stdin=text(document("blog"), document("shop")))
    poll("edge")
    told = run(*arguments, stdin=text(document("blog"), document("shop")))
    shown = run(*arguments, "-o", "json", stdin=text(document("blog"), document("shop")))

    assert late.exit_code == 3
    assert late.stdout == "blog: created\nshop: created\n"
    assert "blog" in late.stderr
    assert "blog: edge: served, not confirmed" in told.stdout
    assert [one["name"] for one in json.loads(shown.stdout) if one["gateways"]] == ["blog", "shop"]


def test_a_difference_is_shown_as_lines(run: Run, shop: str) -> None:
    same = run("diff", "-f", "-", "--exit-code", stdin=run("export", shop).stdout)
    other = run("diff", "-f", "-", stdin=text(document(shop), document("blog")))

    assert (same.exit_code, same.stdout) == (0, "")
    assert other.exit_code == 0
    assert {"--- shop (now)", "+++ shop (then)", "-  phase: Paused", "+  phase: Healthy", "+name: blog"} <= set(
        other.stdout.splitlines()
    )


def test_a_difference_has_an_exit_code_where_that_is_asked_for(run: Run, shop: str) -> None:
    differs = run("diff", "-f", "-", "--exit-code", "-o", "json", stdin=text(document(shop)))
    same = run("diff", "-f", "-", "--exit-code", "-o", "json", stdin=run("export", shop).stdout)

    assert differs.exit_code == 1
    assert json.loads(differs.stdout)["differs"] is True
    assert "-  phase: Paused" in json.loads(differs.stdout)["diff"]
    assert (same.exit_code, json.loads(same.stdout)) == (0, {"differs": False, "diff": "", "drift": []})


def test_another_stable_version_is_refused_unless_it_is_to_be_replaced(run: Run, world: World) -> None:
    run("apply", "-f", "-", stdin=text(document("shop")))
    before = world.store.revision()
    other = text(document("shop", stable=CANARY))
    refused, looked = run("apply", "-f", "-", stdin=other), run("apply", "-f", "-", "--dry-run", stdin=other)
    unwritten = world.store.revision()
    done = run("apply", "-f", "-", "--replace-stable", stdin=other)

    assert (1, 1, before) == (refused.exit_code, looked.exit_code, unwritten)
    assert "--replace-stable" in refused.stderr
    assert (done.exit_code, done.stdout) == (0, "shop: changed\n")


def test_a_file_that_lags_behind_a_promotion_is_reported_as_drift(run: Run, shop: str) -> None:
    run("promote", shop, "--full")
    lagging = text(document(shop))
    found = json.loads(run("diff", "-f", "-", "-o", "json", stdin=lagging).stdout)
    differs = run("diff", "-f", "-", "--exit-code", stdin=lagging)

    assert found["differs"]
    assert [(shop, "spec-outdated")] == [(one["name"], one["reasonCode"]) for one in found["drift"]]
    assert (differs.exit_code, differs.stdout.startswith("drift: ")) == (1, True)


def test_a_difference_changes_nothing_and_tells_mistakes(run: Run, world: World) -> None:
    refused = run("diff", "-f", "-", stdin=text(document("shop", stable="ftp://a")))

    assert (refused.exit_code, names(world)) == (1, [])
    assert "  /spec/stable/servers/0/url: must be " in refused.stderr


def test_all_rollouts_or_those_named_are_exported(run: Run, world: World) -> None:
    for name in ("blog", "shop", "wiki"):
        stored(world, name, rule=f"Host(`{name}.localhost`) && Query(`q`, `größe`)")
    everything = list(yaml.safe_load_all(run("export").stdout))
    some = json.loads(run("export", "wiki", "blog", "-o", "json").stdout)

    assert [one["name"] for one in everything] == ["blog", "shop", "wiki"]
    assert [one["name"] for one in some] == ["wiki", "blog"]
    assert {"name", "spec"} == set(everything[0])
    assert "größe" in run("export", "shop").stdout


def test_an_export_of_nothing_is_no_document(run: Run) -> None:
    told = run("export")

    assert (told.exit_code, told.stdout, told.stderr) == (0, "", "No rollouts found.\n")
    assert json.loads(run("export", "-o", "json").stdout) == []


VALID = text(document("shop"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("name: a\nname: b\nspec: {}\n", "is not YAML: line 2, column 1: duplicate key name"),
        ("name: a\nspec:\n  rule: x\n  rule: y\n", "is not YAML: line 4, column 3: duplicate key rule"),
        (
            "name: a\n\tspec: {}\n",
            "is not YAML: line 2, column 1: found character '\\t' that cannot start any token; ",
        ),
        ("name: a\n\tspec: {}\n", "; indent with spaces"),
        ("name: 'a\n", "is not YAML: line 2, column 1: found unexpected end of stream"),
        ("name: a\nspec: {rule: .nan}\n", "is not YAML: line 2, column 14: .nan is not a number that JSON has"),
        ("name: a\nspec: {rule: -.inf}\n", "line 2, column 14: -.inf is not a number that JSON has"),
        ("name: a\nspec: !!python/object:os.system x\n", "could not determine a constructor for the tag"),
        ("name: a\nspec: {[1]: 2}\n", "is not YAML: line 2, column 8: a key must be text or a number"),
        (b"name: \xff\n", "is not YAML: unacceptable character #x00ff: invalid start byte in position 6"),
        (
            "name: a\nspec: !!binary aGk=\n",
            "contains a value that JSON cannot represent: Object of type bytes is not JSON serializable",
        ),
        ("name: a\nspec: &a {b: *a}\n", "is not YAML: line 2, column 7: "),
        ("[" * 1_000, "is not YAML: line 1, column 51: "),
        ("just words\n", 'must contain mappings (name: value), not "just words"\n'),
        ("[1]\n", "must contain mappings (name: value), not 1\n"),
        ("größe " * 50, 'must contain mappings (name: value), not "größe größe größe größe größe größe ...\n'),
        ("", "contains no rollouts"),
        ("---\n# nothing\n---\n", "contains no rollouts"),
        ("name: a\n", "document 1: a rollout needs a name and a spec; there is no spec"),
        ("{}", "document 1: a rollout needs a name and a spec; there is no name and no spec"),
        (
            "name: on\nspec: {}\n",
            "a rollout needs a name and a spec; the name must be text, not true; put it in quotes",
        ),
        ("name: 7\nspec: {}\n", "the name must be text, not 7; put it in quotes"),
        (f"{VALID}---\nname: a\nspce: {{}}\n1: 2\n", "document 2: a rollout needs a name and a spec; not 1, spce"),
        (f"{VALID}---\n{VALID}", "contains shop more than once"),
    ],
)
@pytest.mark.parametrize("command", ["apply", "diff"])
def test_a_file_that_makes_no_sense_is_explained(
    offline: Run, command: str, content: str | bytes, words: str
) -> None:
    refused = offline(command, "-f", "-", stdin=content)

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("traefik-canary: <stdin>")
    assert words in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_date_stays_the_text_that_was_written(run: Run, world: World) -> None:
    overrides = "  overrides: [{header: {name: X-Day, value: 2026-01-01}, to: stable}]\n"
    done = run("apply", "-f", "-", stdin=VALID.replace("name: shop", "name: 2026-01-01") + overrides)

    assert (done.exit_code, names(world)) == (0, ["2026-01-01"])
    assert "value: '2026-01-01'" in run("export").stdout


def test_a_weight_may_have_decimals(run: Run, world: World) -> None:
    run("apply", "-f", "-", stdin=VALID + "  canary: {service: a@docker}\n  steps: [{setWeight: 2.5}, {pause: {}}]\n")

    assert Decimal("2.5") == world.operations.rollouts.get("shop").status.weight


def test_anchors_and_merges_may_be_used(run: Run, world: World) -> None:
    content = f"""
name: shop
spec:
  rule: {RULE}
  stable: &side
    servers: [{{url: {STABLE}}}]
    healthCheck: {{path: /healthz}}
  canary:
    <<: *side
    servers: [{{url: {CANARY}}}]
"""
    done = run("apply", "-f", "-", "-o", "json", stdin=content)

    assert (json.loads(done.stdout)[0]["spec"]["canary"]) == {
        "servers": [{"url": CANARY}],
        "healthCheck": {"path": "/healthz"},
    }
    assert Phase.PROGRESSING is world.operations.rollouts.get("shop").status.phase


@pytest.mark.parametrize("name", ["", "..", "a/b", "Shop", "größe"])
def test_a_name_that_none_may_have_is_refused_before_anything_is_written(run: Run, world: World, name: str) -> None:
    refused = run("apply", "-f", "-", stdin=text(document("blog"), document(name)))

    assert (refused.exit_code, names(world)) == (1, [])
    assert "letters, digits and inner hyphens" in refused.stderr


@pytest.mark.parametrize("path", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_wrong_usage(offline: Run, path: str) -> None:
    refused = offline("apply", "-f", path)

    assert refused.exit_code == 2
    assert f"Invalid value for '--file' / '-f': '{path}'" in refused.stderr


def test_a_file_is_needed(offline: Run) -> None:
    assert offline("apply").exit_code == 2
    assert offline("diff").exit_code == 2


def test_a_file_that_would_empty_a_gateway_is_refused_before_it_is_written_and_applied_when_that_is_meant(
    run: Run, shop: str, world: World
) -> None:
    moved = text(document(shop, gateways=["inner"]))
    refused = run("apply", "-f", "-", stdin=moved)
    shown = run("diff", "-f", "-", stdin=moved)
    done = run("apply", "-f", "-", "--allow-shrink", stdin=moved)

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "would be served no rollout; confirm with allowShrink=true (--allow-shrink)" in refused.stderr
    assert "+  - inner" in shown.stdout
    assert done.stdout == "shop: changed\n"
    assert world.operations.rollouts.get("shop").spec.gateways == ("inner",)
