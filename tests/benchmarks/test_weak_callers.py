"""What weak callers cost is told in a table; it is measured by hand, as it takes minutes."""

from tools.benchmarks.attacks import ATTACKS, Attack
from tools.benchmarks.weak_callers import Cost, row


def test_a_row_tells_what_an_attack_cost() -> None:
    attack = Attack("viewer", "GET /x", lambda _: None)

    assert (
        row(attack, Cost(1.5, 3 * 1024 * 1024, 0.01, 0.25)) == "| viewer | GET /x | 1.50 s | 3 MiB | 10 ms | 250 ms |"
    )
    assert (
        row(attack, Cost(float("nan"), -5, 0.01, 0.001))
        == "| viewer | GET /x | worker ended | 0 MiB | 10 ms | 1 ms |"
    )


def test_every_caller_attacks() -> None:
    assert {attack.role for attack in ATTACKS} == {"nobody", "viewer", "instance", "gateway", "operator", "admin"}
