"""How far neighbours count: further with more iterations, with momentum, and for wide PSFs; tiles that heed it give what the whole gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from tests.scenes import Array, gaussian_psf

import napari_deconv as nd
from napari_deconv.methods.reach import reach_of
from napari_deconv.methods.richardson_lucy import RichardsonLucy
from napari_deconv.piece import plan_pieces
from napari_deconv.restore import resolve_psf

NARROW, ROOMY = gaussian_psf((1, 13, 13), 1.5), gaussian_psf((1, 33, 33), 1.5)


def halo(psf: Array, **settings: Any) -> int:
    return RichardsonLucy(**settings).reaches(psf, 2)


def test_it_grows_with_iterations_and_momentum() -> None:
    plain = [halo(NARROW, iterations=each) for each in (3, 30, 300)]
    fast = [halo(NARROW, iterations=each, acceleration="heavy-ball") for each in (3, 30, 50)]
    assert plain == sorted(plain)
    assert fast == sorted(fast)
    assert fast[1] > plain[1]
    assert halo(NARROW) == fast[1], "automatic iterations are planned for as thirty accelerated ones"


def test_it_follows_the_light_of_the_psf_and_not_its_box() -> None:
    assert halo(ROOMY, iterations=30) <= max(16, halo(NARROW, iterations=30) + 2)
    assert halo(gaussian_psf((1, 33, 33), 4.0), iterations=30) > 2 * halo(NARROW, iterations=30)


def test_it_stays_between_one_and_a_few_half_widths() -> None:
    line = np.full((1, 1, 9), 1 / 9)
    assert reach_of(line, 2, lambda gain: gain) >= 4
    assert reach_of(line, 2, lambda gain: np.ones_like(gain)) == 4
    assert reach_of(line, 2, lambda gain: (gain > 0.5) * 1.0, 1e-9) <= 5 * 4
    assert reach_of(np.ones((1, 1, 1)), 2, lambda gain: gain) == 0


@pytest.mark.parametrize(
    "method",
    [
        {"kind": "richardson-lucy", "iterations": 30, "acceleration": "heavy-ball"},
        {"kind": "richardson-lucy", "iterations": 50, "acceleration": "heavy-ball"},
        {"kind": "richardson-lucy", "iterations": 50},
        {"kind": "wiener", "fall": 0, "border": "mirrored"},
        {"kind": "tikhonov", "border": "mirrored"},
        {"kind": "landweber", "iterations": 50},
    ],
    ids=lambda method: f"{method['kind']}-{method.get('iterations', 'auto')}-{method.get('acceleration', 'plain')}",
)
def test_tiles_of_structure_that_goes_on_everywhere_differ_by_less_than_a_thousandth(method: dict[str, Any]) -> None:
    random = np.random.default_rng(3)
    light = gaussian_filter(random.random((1, 112, 200)) ** 40, (0, 0.7, 0.7)) * 4000
    image = nd.Image(random.poisson(gaussian_filter(light, (0, 1.5, 1.5)) + 20).astype(np.float32))
    recipe = nd.Recipe(psf=nd.Image(NARROW.astype(np.float32)), method=method, background=20.0)
    recipe = recipe.with_values({"psf.offset": 0.0, "psf.clean": False, "psf.centre": "middle", "psf.keep": 1.0})
    whole = nd.restored(image, recipe, device="cpu").numpy()
    piece = plan_pieces(image, nd.Region({}), {0: resolve_psf(image, recipe)}, recipe.method)[0]
    memory = int(0.75 * 4 * recipe.volumes * piece.padded(image.spatial_shape)) + 4 * image.data.size
    tiled = nd.restored(image, recipe, device="cpu", memory=memory)
    assert tiled.history[-1]["tiles"] > 1
    assert np.abs(tiled.numpy() - whole).max() < 1e-3 * np.abs(whole).max()
