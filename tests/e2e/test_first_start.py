"""The first start of a provider that nobody gave a token: it makes one, says it once, and keeps only its hash."""

import re
from pathlib import Path

from provider.demo.processes import Processes
from tests.e2e.harness import Stack, eventually

SAID = re.compile(r"Admin token, shown this once: (tcy_\S+)")


def test_the_first_admins_token_is_said_once_and_stored_nowhere(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        stack = Stack(tmp_path, processes)
        stack.start_provider(CANARY_ADMIN_TOKEN="")
        (stack.token,) = eventually(lambda: SAID.findall(stack.log()), what="the token is said")
        made = stack.done("POST", "/tokens", {"name": "ci", "role": "operator"})
        stack.stop("provider")
        stack.start_provider(CANARY_ADMIN_TOKEN="")
        stack.wait_for_provider()
        names = [token["name"] for token in stack.done("GET", "/tokens")["tokens"]]
        kept = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())

    assert ["admin", "ci"] == names
    assert [stack.token] == SAID.findall(stack.log())
    assert b"sha256" in kept
    assert stack.token.encode() not in kept
    assert made["token"].encode() not in kept
