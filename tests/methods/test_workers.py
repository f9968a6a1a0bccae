"""Parts side by side: each done once, errors told, torch's threads left as they were."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from napari_deconv.methods.workers import spread

CPU = torch.device("cpu")


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_every_part_is_done_once_and_by_one_thread_each() -> None:
    done, names, inside = [], set(), []
    meeting = threading.Barrier(2, timeout=20)

    def work(part: slice) -> None:
        if part.start < 6:
            meeting.wait()
        done.append((part.start, part.stop))
        names.add(threading.current_thread().name)
        inside.append(torch.get_num_threads())

    spread(work, 10, 3, CPU)
    assert sorted(done) == [(0, 3), (3, 6), (6, 9), (9, 10)]
    assert len(names) == 2
    assert set(inside) == {1}
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_the_error_of_a_part_is_raised_when_all_have_ended() -> None:
    done = []

    def work(part: slice) -> None:
        if part.start == 0:
            raise MemoryError("no room")
        done.append(part.start)

    with pytest.raises(MemoryError, match="no room"):
        spread(work, 8, 1, CPU)
    assert sorted(done) == list(range(1, 8))


def test_one_part_or_one_thread_stays_in_the_callers_thread() -> None:
    seen = []
    spread(lambda part: seen.append(threading.current_thread()), 4, 4, CPU)
    assert seen == [threading.current_thread()]
