"""Tiles cover a volume once, whatever its shape."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from tests.scenes import Array

from napari_deconv.running.tiles import Shape, Tile, plan_tiles

sizes = st.tuples(st.integers(1, 40), st.integers(1, 60), st.integers(1, 60))
halos = st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 9))


def summed(tiles: list[Tile], volume: Shape) -> Array:
    total = np.zeros(volume)
    for tile in tiles:
        z, y, x = tile.weights()
        total[tile.outer] += z * y * x
    return total


def planned(volume: Shape, halo: Shape, share: float) -> list[Tile]:
    padding: Shape = (2 * halo[0], 2 * halo[1], 2 * halo[2])
    whole = math.prod(n + p for n, p in zip(volume, padding, strict=True))
    try:
        return plan_tiles(volume, halo, padding, share * whole)
    except MemoryError:
        return plan_tiles(volume, halo, padding, whole)


@settings(max_examples=60, deadline=None)
@given(sizes, halos, st.floats(0.05, 1))
def test_weights_add_to_one_everywhere(volume: Shape, halo: Shape, share: float) -> None:
    tiles = planned(volume, halo, share)
    np.testing.assert_allclose(summed(tiles, volume), 1, atol=1e-5)
    assert sum(tile.voxels for tile in tiles) == math.prod(volume)


@settings(max_examples=60, deadline=None)
@given(sizes, halos, st.floats(0.05, 1), st.lists(st.integers(0, 50), max_size=6))
def test_cutting_tiles_keeps_the_sum(volume: Shape, halo: Shape, share: float, cuts: list[int]) -> None:
    tiles = planned(volume, halo, share)
    for cut in cuts:
        tile = tiles[cut % len(tiles)]
        halves = tile.split()
        if halves:
            assert sum(half.voxels for half in halves) == tile.voxels
            tiles = [each for each in tiles if each is not tile] + list(halves)
    np.testing.assert_allclose(summed(tiles, volume), 1, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(sizes, halos, st.floats(0.05, 1))
def test_no_padded_tile_is_larger_than_the_budget(volume: Shape, halo: Shape, share: float) -> None:
    padding: Shape = (2 * halo[0], 2 * halo[1], 2 * halo[2])
    most = share * math.prod(n + p for n, p in zip(volume, padding, strict=True))
    try:
        tiles = plan_tiles(volume, halo, padding, most)
    except MemoryError:
        return
    for tile in tiles:
        assert math.prod(n + p for n, p in zip(tile.outer_shape, padding, strict=True)) <= most


def test_one_tile_is_enough_when_it_fits() -> None:
    (tile,) = plan_tiles((10, 20, 30), (2, 3, 3), (4, 6, 6), 1e9)
    assert tile.is_whole
    assert tile.outer_shape == (10, 20, 30)


def test_a_tile_too_thin_for_its_halo_is_not_cut() -> None:
    assert Tile(((0, 4), (0, 6), (0, 6)), (4, 6, 6), (5, 8, 8)).split() is None


def test_what_cannot_fit_is_said() -> None:
    with pytest.raises(MemoryError, match="not even the smallest tiles of a 10 × 20 × 30 volume fit"):
        plan_tiles((10, 20, 30), (2, 3, 3), (4, 6, 6), 10)
