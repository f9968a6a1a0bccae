"""Entering and leaving by parts gives what whole transforms give, whatever the parts and the threads."""

from __future__ import annotations

import pytest
import torch

from napari_deconv.methods import spectrum as module
from napari_deconv.methods.blur import fast_length
from napari_deconv.methods.spectrum import Box, HalfSpectrum, Part, with_neighbours

SHAPES = {"3d": (6, 10, 12), "odd": (5, 9, 15), "flat": (1, 12, 10), "line": (1, 1, 14), "no-width": (4, 6, 1)}


def boxes(shape: tuple[int, int, int]) -> tuple[Box, Box]:
    whole, inner = (slice(0, size) for size in shape), (slice(size // 4, size - size // 3) for size in shape)
    a, b, c = whole
    d, e, f = inner
    return (a, b, c), (d, e, f)


@pytest.mark.parametrize("voxels", [1, 70, 10**6])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("lit", [0, 1], ids=["lit-all", "lit-inside"])
@pytest.mark.parametrize("asked", [0, 1], ids=["asked-all", "asked-inside"])
def test_a_filter_by_parts_is_the_filter_of_the_whole(
    voxels: int, shape: tuple[int, int, int], lit: int, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module.PART, "cpu", voxels)
    torch.manual_seed(1)
    thing, kernel = torch.rand(shape, dtype=torch.float64), torch.rand(shape, dtype=torch.float64)
    entered, left = boxes(shape)[lit], boxes(shape)[asked]
    alone = torch.zeros_like(thing)
    alone[entered] = thing[entered]
    half = HalfSpectrum(shape, torch.device("cpu"), torch.float64)
    transfer = half.transform(boxes(shape)[0], kernel.__getitem__)
    torch.testing.assert_close(transfer, torch.fft.rfftn(kernel))
    expected = torch.fft.irfftn(torch.fft.rfftn(alone) * transfer.conj(), s=shape)[left]
    found = torch.zeros_like(expected)

    def take(part: Part, values: torch.Tensor) -> None:
        found[part] = values

    half.enter(entered, thing[entered].__getitem__)
    half.carry(transfer, entered, left, conjugate=True)
    half.leave(left, take)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("shape", [(5, 3, 4), (1, 5, 4)], ids=["3d", "flat"])
def test_a_part_with_its_neighbours(shape: tuple[int, int, int]) -> None:
    thing = torch.arange(60.0)[: shape[0] * shape[1] * shape[2]].reshape(shape)
    ahead = (slice(None),) if shape[0] == 1 else ()
    for start, stop, planes in ((0, 2, 3), (1, 3, 4), (3, 5, 3), (0, 5, 5)):
        part = (*ahead, slice(start, stop))
        near, inner = with_neighbours(thing, part)
        assert near.shape[len(ahead)] == planes
        torch.testing.assert_close(near[inner], thing[part])


def test_lengths_are_the_next_that_are_quick() -> None:
    assert [fast_length(n) for n in (1, 7, 11, 13, 16, 17, 97, 289, 1088, 1089)] == [
        1, 7, 12, 14, 16, 20, 100, 300, 1120, 1120
    ]  # fmt: skip
