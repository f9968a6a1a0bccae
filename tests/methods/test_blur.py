"""The blur is a linear convolution on a larger grid, and its adjoint is its adjoint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import convolve
from tests.scenes import Array, gaussian_psf

from napari_deconv.methods.blur import Blur, plan_object_shape

SIZES = {
    "odd": ((9, 20, 21), (5, 7, 7)),
    "even": ((8, 20, 22), (4, 6, 8)),
    "one-axis-even": ((8, 20, 21), (5, 6, 7)),
    "flat": ((1, 30, 31), (1, 9, 8)),
    "larger-than-the-image": ((5, 9, 10), (9, 17, 12)),
    "one-pixel-psf": ((4, 6, 7), (1, 1, 1)),
    "one-pixel-image": ((1, 1, 1), (3, 3, 3)),
    "flat-image-deep-psf": ((1, 12, 12), (5, 5, 5)),
}


def rough_psf(shape: tuple[int, int, int]) -> Array:
    """Return a PSF without any symmetry."""
    psf = np.random.default_rng(1).random(shape) * gaussian_psf(shape, 2.0)
    return psf / psf.sum()


def tensor(values: Array, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(dtype)


@pytest.mark.parametrize(("image", "psf"), SIZES.values(), ids=SIZES)
def test_forward_is_the_linear_convolution_of_the_light_inside_and_outside_the_frame(
    image: tuple[int, int, int], psf: tuple[int, int, int]
) -> None:
    kernel = rough_psf(psf)
    blur = Blur(kernel, image)
    reached = tuple(slice(0, n + k - 1) for n, k in zip(image, psf, strict=True))
    thing = np.zeros(blur.object_shape)
    thing[reached] = np.random.default_rng(2).random([n + k - 1 for n, k in zip(image, psf, strict=True)])
    whole = convolve(thing, kernel, mode="full", method="direct")
    start = [margin + size // 2 for margin, size in zip(blur.margin, psf, strict=True)]
    expected = whole[tuple(slice(a, a + n) for a, n in zip(start, image, strict=True))]
    np.testing.assert_allclose(blur.forward(tensor(thing)).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("image", "psf"), SIZES.values(), ids=SIZES)
def test_the_adjoint_is_the_adjoint(image: tuple[int, int, int], psf: tuple[int, int, int], dtype: torch.dtype) -> None:
    blur = Blur(rough_psf(psf), image, dtype=dtype)
    random = np.random.default_rng(3)
    thing, picture = tensor(random.random(blur.object_shape), dtype), tensor(random.random(image), dtype)
    left = float((blur.forward(thing).double() * picture.double()).sum())
    right = float((thing.double() * blur.adjoint(picture).double()).sum())
    assert left == pytest.approx(right, rel=1e-5 if dtype == torch.float32 else 1e-12)


@pytest.mark.parametrize("size", ["odd", "even", "flat"])
def test_a_point_becomes_the_psf_at_its_place(size: str) -> None:
    image, shape = SIZES[size]
    psf = rough_psf(shape)
    blur = Blur(psf, image)
    place = [n // 2 for n in image]
    thing = blur.new_object()
    blur.crop(thing)[tuple(place)] = 1
    seen = blur.forward(thing).numpy()
    start = [p - k // 2 for p, k in zip(place, shape, strict=True)]
    box = tuple(slice(a, a + k) for a, k in zip(start, shape, strict=True))
    np.testing.assert_allclose(seen[box], psf, atol=1e-7)
    assert seen.sum() == pytest.approx(1, abs=1e-5)


def test_nothing_wraps_around() -> None:
    psf = gaussian_psf((1, 9, 9), 2.0)
    blur = Blur(psf, (1, 16, 16))
    thing = blur.new_object()
    blur.crop(thing)[0, :, 0] = 1000
    seen = blur.forward(thing).numpy()[0]
    assert seen[:, 0].min() > 50
    assert abs(seen[:, 5:]).max() < 1e-3


@pytest.mark.parametrize(("image", "psf"), SIZES.values(), ids=SIZES)
def test_the_sensitivity_is_the_share_of_light_that_the_frame_catches(
    image: tuple[int, int, int], psf: tuple[int, int, int]
) -> None:
    blur = Blur(rough_psf(psf), image)
    caught = blur.sensitivity.numpy()
    assert caught.min() >= 0
    assert caught.max() <= 1
    random = np.random.default_rng(4)
    for _ in range(5):
        place = tuple(int(random.integers(size)) for size in blur.object_shape)
        point = blur.new_object()
        point[place] = 1
        assert float(blur.forward(point).sum()) == pytest.approx(float(caught[place]), abs=1e-5)


def test_the_inverse_sensitivity_leaves_dark_what_is_hardly_seen() -> None:
    blur = Blur(gaussian_psf((1, 21, 21), 2.0), (1, 20, 20))
    inverse = blur.inverse_sensitivity.numpy()
    assert np.isfinite(inverse).all()
    assert inverse.max() <= 1000
    assert (inverse == 0).any()
    assert blur.crop(blur.inverse_sensitivity).numpy()[0, 10, 10] == pytest.approx(1, abs=1e-4)


def test_writing_into_the_adjoints_own_input_gives_the_same() -> None:
    blur = Blur(rough_psf((3, 5, 5)), (6, 10, 11))
    picture = tensor(np.random.default_rng(5).random((6, 10, 11)))
    expected = blur.adjoint(picture).clone()
    blur.in_frame.copy_(picture)
    torch.testing.assert_close(blur.adjoint(blur.in_frame), expected)


def test_the_object_grid_holds_image_and_psf_and_is_not_much_larger() -> None:
    assert plan_object_shape((1, 1, 1), (1, 1, 1)) == (1, 1, 1)
    for image, psf in SIZES.values():
        for grown, n, k in zip(plan_object_shape(image, psf), image, psf, strict=True):
            assert n + k - 1 <= grown <= 1.2 * (n + k) + 4
