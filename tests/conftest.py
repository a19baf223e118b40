"""What holds for all tests."""

import os

from provider.demo import parts

# Tests run in several processes at once. A port that is free may be taken by another before it is used: each has
# ports of its own.
_PROCESSES = 8
_NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
parts._PORTS = parts._PORTS[_NUMBER % _PROCESSES :: _PROCESSES]
