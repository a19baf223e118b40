"""Which tests run in the same process, where several run at once: those that share what takes long to start."""

from pathlib import Path

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    """Group for `--dist loadgroup` what shares a fixture of its file, or of its folder."""
    if not isinstance(item, pytest.Function):
        return
    scopes = {found[-1].scope for found in item._fixtureinfo.name2fixturedefs.values()}
    file = item.nodeid.partition("::")[0]
    if "package" in scopes:
        item.add_marker(pytest.mark.xdist_group(str(Path(file).parent)))
    elif "module" in scopes:
        item.add_marker(pytest.mark.xdist_group(file))
