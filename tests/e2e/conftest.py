"""One world for each file of tests, of the usual size or a small one."""

import itertools
import signal
from collections.abc import Iterator

import pytest

import small
import world as worlds
from world import World


# Whoever runs the tests with `nohup` ignores SIGHUP, and so would orgpatch. A handler,
# unlike that, is not handed down to what is started.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with worlds.opened(tmp_path_factory.mktemp("world")) as opened:
        yield opened


@pytest.fixture(scope="module")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with small.opened(tmp_path_factory.mktemp("small")) as opened:
        yield opened


@pytest.fixture(scope="module")
def regions() -> Iterator[str]:
    """Regions one after the other, for the policies of the small world.

    Policies in different Regions are in nobody's way, also where a test has failed and
    left its policy behind.
    """
    return itertools.cycle(small.REGIONS)
