"""Compressed and shrunk images: what is lost, and what must not be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_deconv.learned.degradations import compressed, degraded, shrunk
from napari_deconv.learned.sources import Simulation


def counts_of(shape: tuple[int, int, int]) -> Any:
    return np.random.default_rng(3).poisson(80.0, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 32, 40), (2, 33, 41), (1, 5, 7)])
def test_compression_loses_no_more_than_its_steps(shape: tuple[int, int, int]) -> None:
    counts = counts_of(shape)
    np.testing.assert_allclose(compressed(counts, 1e-4), counts, atol=1e-2)
    lossy = compressed(counts, 20.0)
    assert lossy.shape == shape
    assert lossy.dtype == np.float32
    assert lossy.min() >= 0
    error = lossy[:, : shape[1] // 8 * 8, : shape[2] // 8 * 8] - counts[:, : shape[1] // 8 * 8, : shape[2] // 8 * 8]
    if error.size:
        assert 0.5 < float(np.sqrt(np.mean(error**2))) < 8 * 20 / np.sqrt(12)


def test_compression_makes_blocks_of_what_is_smooth() -> None:
    ramp = np.add.outer(np.arange(32.0), 0.3 * np.arange(32.0))[None].astype(np.float32) + 10
    lossy = compressed(ramp, 60.0)[0]
    jumps = np.abs(np.diff(lossy, axis=0)).mean(axis=1)
    assert jumps[7::8].mean() > 3 * np.delete(jumps, np.s_[7::8]).mean()


@pytest.mark.parametrize("shape", [(1, 32, 40), (3, 33, 41), (1, 2, 2)])
def test_shrinking_keeps_a_ramp_and_the_light_and_loses_the_finest(shape: tuple[int, int, int]) -> None:
    counts = counts_of(shape)
    fewer = shrunk(counts, 2)
    assert fewer.shape == shape
    assert fewer.mean() == pytest.approx(counts.mean(), rel=0.05)
    assert fewer.std() < counts.std() or fewer.size <= 4
    ramp = np.broadcast_to(np.arange(shape[2], dtype=np.float32), shape)
    inside = np.s_[..., 1 : max(2, shape[2] - 2)]
    if shape[2] > 4:
        np.testing.assert_allclose(shrunk(ramp, 2)[inside], ramp[inside], atol=1e-4)


def test_both_come_about_and_the_same_seed_gives_the_same() -> None:
    counts = counts_of((1, 32, 32))
    made = [degraded(counts, np.random.default_rng(seed)) for seed in range(12)]
    few = [np.array_equal(each, shrunk(counts, 2)) for each in made]
    assert any(few)
    assert not all(few)
    np.testing.assert_array_equal(made[4], degraded(counts, np.random.default_rng(4)))


def test_training_images_are_spoilt_on_request_alone() -> None:
    plain, none, all_of_them = (Simulation(seed=2, spoilt=share).make(0, (1, 32, 32)) for share in (0.0, 0.0, 1.0))
    np.testing.assert_array_equal(plain.image, none.image)
    assert not np.array_equal(plain.image, all_of_them.image)
    scale = float((plain.target * all_of_them.target).sum() / (all_of_them.target**2).sum())
    np.testing.assert_allclose(all_of_them.target * scale, plain.target, atol=0.1 * plain.target.max())
