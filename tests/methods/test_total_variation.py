"""Total variation: its gradient is the numerical one."""

from __future__ import annotations

import pytest
import torch

from napari_deconv.methods.total_variation import Curvature, total_variation

VOXEL, SOFTENING, STEP = (0.3, 0.1, 0.1), 0.05, 1e-5


@pytest.mark.parametrize("shape", [(1, 6, 7), (4, 5, 6)], ids=["flat", "deep"])
def test_the_gradient_is_the_numerical_one(shape: tuple[int, int, int]) -> None:
    thing = torch.rand(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    part = tuple(slice(0, size) for size in shape) if shape[0] > 1 else (slice(0, 1), slice(0, shape[1]))
    gradient = -Curvature(shape, VOXEL, SOFTENING).of(thing, part)
    for place in [(0, 0, 0), (shape[0] // 2, 2, 3), (shape[0] - 1, shape[1] - 1, shape[2] - 1), (0, 3, 5)]:
        there, beside = thing.clone(), thing.clone()
        there[place] += STEP
        beside[place] -= STEP
        rise = total_variation(there, VOXEL, SOFTENING) - total_variation(beside, VOXEL, SOFTENING)
        assert float(gradient[place]) == pytest.approx(rise / (2 * STEP), abs=1e-6)
