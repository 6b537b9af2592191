"""One world for each file of tests."""

from collections.abc import Iterator

import pytest

import world as worlds
from world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with worlds.opened(tmp_path_factory.mktemp("world")) as opened:
        yield opened
