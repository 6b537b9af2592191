"""Stories that are told at the same time: mostly each of them waits for something."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

import recorder as recorders
import small
from recorder import Recorder
from world import World

# Each has a small world of its own, so that nobody is in anybody's way, and a recorder in
# that world, through which orgpatch goes.
Story = Callable[[World, Recorder], None]
Told = dict[str, Future[None]]
AT_A_TIME = 5


@contextmanager
def told(
    factory: pytest.TempPathFactory, stories: Mapping[str, Story]
) -> Iterator[Told]:
    """Begins them, a few at a time. Those that nobody has waited for don't begin."""
    pool = ThreadPoolExecutor(AT_A_TIME)
    try:
        yield {
            name: pool.submit(_tell, story, factory.mktemp("story"))
            for name, story in stories.items()
        }
    finally:
        pool.shutdown(cancel_futures=True)


def _tell(story: Story, folder: Path) -> None:
    with (
        small.opened(folder) as world,
        recorders.recording(world.emulator.url, is_patient=True) as recorder,
    ):
        story(world.through(recorder.url), recorder)
