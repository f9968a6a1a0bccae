"""Scarcity: what goes on where memory runs out: the same again, for memory that another program holds comes back, or less of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any, TypeVar

from .device import is_out_of_memory, release
from .tiles import Tile

__all__ = ["add_in_peace", "cut_smaller", "in_peace", "try_smaller"]

TRIES = 12
"""How often a trial is begun, each time on half as much."""
PATIENCE = 8
"""How often in a row memory may run out on what is too small to cut."""
Made = TypeVar("Made")
Told = TypeVar("Told")


def in_peace(work: Callable[[int], Made], device: Any, times: int = PATIENCE) -> Made:
    """Return what ``work`` makes; where memory ran out it is asked again, and told how often that has happened, so that it may take less."""
    for failures in range(times):
        try:
            return work(failures)
        except (RuntimeError, MemoryError) as error:
            if failures == times - 1 or not is_out_of_memory(error):
                raise
        release(device)
    raise ValueError(f"work cannot be tried {times} times")


def add_in_peace(parts: Iterable[Callable[[], None]], device: Any, times: int = PATIENCE) -> None:
    """Do small pieces of work one after the other, each again when memory ran out on it, so that none is done twice or left out.

    A piece must change nothing before it has all the memory that it needs.
    """
    for part in parts:
        in_peace(lambda _, part=part: part(), device, times)  # type: ignore[misc]


def try_smaller(
    work: Callable[[int], Generator[Told, None, Made]], most: int, device: Any, times: int = TRIES
) -> Generator[Told, None, Made]:
    """Yield what ``work(most)`` yields and return what it returns; where memory runs out it begins again with half as much."""
    for failures in range(times):
        try:
            return (yield from work(most >> failures))
        except (RuntimeError, MemoryError) as error:
            if failures == times - 1 or not is_out_of_memory(error):
                raise
        release(device)
    raise ValueError(f"work cannot be tried {times} times")


def cut_smaller(tile: Tile, error: BaseException, failures: int) -> list[Tile]:
    """Return the halves of a tile that did not fit the memory, or itself where it is too small; other errors go on their way.

    The smallest tiles are tried a few times, for memory that another program holds comes back.
    """
    if not is_out_of_memory(error):
        raise error
    halves = tile.split()
    if halves is not None:
        return list(halves)
    if failures < PATIENCE:
        return [tile]
    shape = " × ".join(map(str, tile.outer_shape))
    raise MemoryError(f"a tile of {shape} does not fit the memory and is too small to cut: crop the PSF") from error
