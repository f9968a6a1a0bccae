"""Estimates that are kept: within the bound, the newest always."""

from __future__ import annotations

import numpy as np

from napari_deconv.gui.kept import Kept
from napari_deconv.image import Image


def image(value: float) -> Image:
    return Image(np.full((10, 10), value, np.float32))


def test_all_while_there_is_room() -> None:
    kept = Kept()
    for step in range(1, 31):
        kept.add(1, step, image(step))
    assert kept.steps() == list(range(1, 31))
    found = kept.nearest(17)
    assert found is not None
    assert (found[0], found[1].data[0, 0]) == (17, 17)


def test_beyond_the_bound_they_are_thinned() -> None:
    kept = Kept(most=400 * 10)
    for step in range(1, 101):
        kept.add(1, step, image(step))
        assert len(kept.steps()) <= 10
        assert kept.steps()[-1] == step, "the newest never goes"
    steps = kept.steps()
    assert max(np.diff(steps)) <= 16, "what is left lies evenly"
    assert kept.nearest(1000)[0] == 100  # type: ignore[index]
    assert abs(kept.nearest(50)[0] - 50) <= 8  # type: ignore[index]


def test_another_request_lets_the_earlier_go() -> None:
    kept = Kept()
    kept.add(1, 1, image(1))
    kept.add(1, 2, image(2))
    kept.add(2, 1, image(3))
    assert (kept.ticket, kept.steps()) == (2, [1])
    kept.add(2, 2, image(4))
    kept.add(2, 1, image(5))
    assert kept.steps() == [1], "it began anew"
    kept.clear()
    assert kept.nearest(3) is None
