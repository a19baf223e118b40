"""A computation beside the event loop gives its result, or its error, and does not stop the loop."""

import subprocess
import sys

import pytest

from provider.net.off_loop import run_off_loop

# In a process of its own, as gevent's patches cannot be taken back.
_PATCHED = """
from gevent import monkey
monkey.patch_all()
import gevent
from provider.net.off_loop import run_off_loop

turns, ends = [], []

def turn():
    while not ends:
        turns.append(1)
        gevent.sleep(0.001)

def compute():
    at_start, total = len(turns), 0
    while len(turns) < at_start + 5:
        total += 1
    return "computed"

looping = gevent.spawn(turn)
gevent.sleep(0)
print(run_off_loop(compute))
try:
    run_off_loop(lambda: 1 / 0)
except ZeroDivisionError as error:
    print(error)
ends.append(1)
"""


def test_without_patches_it_runs_where_it_is_called() -> None:
    assert run_off_loop(lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        run_off_loop(lambda: 1 / 0)


def test_the_event_loop_goes_on_meanwhile() -> None:
    # On the loop itself, the computation would wait for its turns for ever.
    done = subprocess.run([sys.executable, "-c", _PATCHED], capture_output=True, text=True, check=False, timeout=60)

    assert done.stdout.splitlines() == ["computed", "division by zero"], done.stderr
    assert done.stderr == ""  # the one who asked handles the error
