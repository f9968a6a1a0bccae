"""The sample data: the same everywhere, complete, and what they say they are."""

import hashlib
import subprocess
import sys
from functools import cache

import numpy as np
import pytest

import napari_deconv as nd
from napari_deconv.learned.simulate import blur_scene
from napari_deconv.sample import names

ALL = names()
made = cache(nd.sample)


def digest(sample) -> str:
    arrays = (sample.image.numpy(), sample.truth.numpy(), sample.psf.numpy())
    return hashlib.sha256(b"".join(np.ascontiguousarray(each).tobytes() for each in arrays)).hexdigest()


def test_the_names():
    assert ALL[0] == "widefield-cells"
    assert {"cells-2d", "two-channel-timelapse", "beads"} <= set(ALL)
    assert callable(nd.sample)
    with pytest.raises(ValueError, match="did you mean 'cells-2d'"):
        nd.sample("cells2d")


def test_the_same_in_another_process():
    code = "import sys; sys.path[:0] = sys.argv[1:]; import test_sample as t; print(t.digest(t.nd.sample('cells-2d')))"
    folder = __file__.rpartition("/")[0]
    run = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == digest(made("cells-2d")) == digest(nd.sample("cells-2d"))


@pytest.mark.parametrize("name", ALL)
def test_truth_psf_and_metadata(name):
    sample = made(name)
    image, truth, psf = sample.image, sample.truth, sample.psf
    assert sample.name == image.name == name
    assert image.dtype == np.uint16
    assert truth.dtype == np.float32
    assert (truth.axes, truth.shape, truth.voxel) == (image.axes, image.shape, image.voxel)
    assert truth.numpy().min() >= 0
    assert psf.voxel == image.voxel
    for channel, told in enumerate(image.channels):
        block = psf.block(0, channel)
        assert block.sum() == pytest.approx(1, abs=1e-4)
        peak = np.unravel_index(block.argmax(), block.shape)
        assert np.abs(np.subtract(peak, np.array(block.shape) // 2)).max() <= 1
        assert told.name
        assert told.emission
        assert told.color
    optics = image.optics
    assert None not in (optics.modality, optics.numerical_aperture, optics.immersion_index, optics.sample_index)
    nd.restore(image, {}).close()  # the PSF comes by itself


@pytest.mark.parametrize("name", ["widefield-cells", "cells-2d"])
def test_the_image_is_the_blurred_truth_in_photons(name):
    sample = made(name)
    truth = sample.truth.numpy().reshape(sample.truth.spatial_shape).astype(float)
    seen = sample.image.numpy().reshape(truth.shape).astype(float) - 100
    expected = blur_scene(truth, sample.psf.block())
    # light from beyond the frame is missing here: the middle of a thin image is free of it, that of a thick one nearly
    reach = 48 if name == "widefield-cells" else 20
    inner = (slice(8, -8) if truth.shape[0] > 1 else slice(None), slice(reach, -reach), slice(reach, -reach))
    chi_squared = np.mean((seen[inner] - expected[inner]) ** 2 / (expected[inner] + 1.6**2))
    assert seen[inner].sum() / expected[inner].sum() == pytest.approx(1, abs=0.03 if truth.shape[0] > 1 else 0.002)
    assert 0.95 < chi_squared < (1.6 if truth.shape[0] > 1 else 1.05)


def test_axes_and_movement():
    assert made("widefield-cells").image.axes == "ZYX"
    assert made("cells-2d").image.axes == "YX"
    moving = made("two-channel-timelapse")
    assert moving.image.axes == "TCZYX"
    assert moving.image.time_step
    assert len({each.emission for each in moving.image.channels}) == 2
    truth = moving.truth.numpy()
    for channel in range(2):
        assert np.corrcoef(truth[0, channel].ravel(), truth[-1, channel].ravel())[0, 1] < 0.95
    assert made("beads").image.metadata["bead_diameter"] == 0.17


def test_light_to_import():
    code = "import sys, napari_deconv.sample; print([m for m in ('torch', 'scipy', 'skimage') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
