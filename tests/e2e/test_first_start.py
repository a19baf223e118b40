"""The first start of a provider without a token: it makes one, writes it to a file once, and keeps only its hash."""

import re
from pathlib import Path

from provider.demo.processes import Processes
from tests.e2e.harness import Stack, eventually

SAID = re.compile(r"The first admin's token is in (\S+): keep it")


def test_the_first_admins_token_is_written_to_a_file_once_and_printed_nowhere(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        stack = Stack(tmp_path, processes)
        stack.start_provider(CANARY_ADMIN_TOKEN="")
        (path,) = map(Path, eventually(lambda: SAID.findall(stack.log()), what="the token's file is named"))
        mode = path.stat().st_mode & 0o777
        stack.token = path.read_text().strip()
        path.unlink()
        made = stack.done("POST", "/tokens", {"name": "ci", "role": "operator"})
        stack.stop("provider")
        stack.start_provider(CANARY_ADMIN_TOKEN="")
        stack.wait_for_provider()
        names = [token["name"] for token in stack.done("GET", "/tokens")["tokens"]]
        kept = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())

    assert names == ["admin", "ci"]
    assert [str(path)] == SAID.findall(stack.log())
    assert mode == 0o600
    assert stack.token not in stack.log()
    assert b"sha256" in kept
    assert stack.token.encode() not in kept
    assert made["token"].encode() not in kept
