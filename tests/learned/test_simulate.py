"""Scenes, the blur and the camera of the simulator."""

import numpy as np
import pytest

from napari_deconv.learned.shapes import Blob, draw_balls, draw_spots, make_texture
from napari_deconv.learned.simulate import FAMILIES, Camera, blur_scene, cut_frame

VOXEL = (0.2, 0.1, 0.1)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


@pytest.mark.parametrize("shape", [(12, 48, 48), (1, 64, 56)])
@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_family_is_a_scene(name, shape):
    scene = FAMILIES[name](shape, VOXEL, rng())
    assert scene.shape == shape
    assert scene.dtype == np.float32
    assert scene.min() >= 0
    assert scene.max() == pytest.approx(1)
    assert np.isfinite(scene).all()
    assert scene.std() > 0.01
    np.testing.assert_array_equal(scene, FAMILIES[name](shape, VOXEL, rng()))
    assert not np.array_equal(scene, FAMILIES[name](shape, VOXEL, rng(2)))


@pytest.mark.parametrize(("draw", "size"), [(draw_spots, 0.12), (draw_balls, 0.4)])
def test_what_is_drawn_keeps_its_light_and_its_place(draw, size):
    place, shape = np.array([[0.13, -0.27, 0.34]]), (21, 31, 30)
    drawn = draw(place, np.array([7.0]), size, shape, VOXEL)
    assert drawn.sum() == pytest.approx(7, rel=0.01)
    for axis, index in enumerate(np.indices(shape)):
        middle = (index * drawn).sum() / drawn.sum()
        assert (middle - (shape[axis] - 1) / 2) * VOXEL[axis] == pytest.approx(place[0, axis], abs=0.01)


def test_spots_beyond_the_grid_are_dropped():
    assert draw_spots(np.array([[0.0, 0.0, 50.0]]), np.ones(1), 0.1, (5, 9, 9), VOXEL).sum() == 0


def test_a_ball_s_distance_is_exact():
    ball = Blob(np.zeros(3), np.full(3, 2.0), np.zeros((0, 5)))
    points = rng().normal(size=(50, 3)) * 2
    np.testing.assert_allclose(ball.distance_of(points), np.linalg.norm(points, axis=1) - 2, atol=1e-4)


def test_texture_has_unit_spread_and_is_smooth():
    texture = make_texture((24, 48, 48), VOXEL, 0.5, rng())
    assert texture.std() == pytest.approx(1, abs=0.25)
    assert abs(texture.mean()) < 0.2
    assert np.diff(texture, axis=2).std() < 0.35 * texture.std()


@pytest.mark.parametrize("size", [(5, 7, 7), (4, 6, 8)])
def test_a_point_becomes_the_psf_at_its_place(size):
    psf = rng().random(size)
    psf /= psf.sum()
    scene = np.zeros((15, 21, 20))
    scene[7, 10, 9] = 3
    blurred = blur_scene(scene, psf)
    box = tuple(slice(c - n // 2, c - n // 2 + n) for c, n in zip((7, 10, 9), size, strict=True))
    np.testing.assert_allclose(blurred[box], 3 * psf, atol=1e-9)
    assert blurred.sum() == pytest.approx(3)


def test_nothing_wraps_around():
    psf = np.full((1, 1, 9), 1 / 9)
    scene = np.zeros((1, 1, 20))
    scene[..., 0] = 1
    blurred = blur_scene(scene, psf)
    assert blurred[..., 5:].max() < 1e-12
    assert blurred.sum() == pytest.approx(5 / 9)


def test_the_frame_is_the_middle():
    scene = np.arange(6 * 8).reshape(1, 6, 8)
    np.testing.assert_array_equal(cut_frame(scene, (1, 2, 4)), scene[:, 2:4, 2:6])


def test_the_camera_counts_photons():
    counts = Camera(offset=100, read_noise=2).expose(np.full((40, 50, 50), 30.0), rng())
    assert counts.dtype == np.uint16
    assert counts.mean() == pytest.approx(130, abs=0.1)
    assert counts.var() == pytest.approx(30 + 4 + 1 / 12, rel=0.02)


def test_a_bright_scene_saturates_and_never_wraps():
    assert Camera().expose(np.full((1, 4, 4), 1e6), rng()).min() == 65535
