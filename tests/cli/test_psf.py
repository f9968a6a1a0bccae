"""``psf``: a PSF that is computed and saved restores as its model does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_deconv import Channel, Image, Optics, read, write

from .conftest import VOXEL, Run, make_scene

FEW = ("--set", "method.iterations=4")
OIL = Optics(numerical_aperture=1.3, immersion_index=1.515, sample_index=1.38, modality="widefield")


@pytest.fixture
def oil(tmp_path: Path) -> Path:
    path = tmp_path / "oil.ome.tif"
    channels = (Channel(name="green", emission=0.52), Channel(name="red", emission=0.67))
    write(path, Image(np.stack([make_scene(), make_scene(1)]), "CZYX", voxel=VOXEL, optics=OIL, channels=channels))
    return path


@pytest.mark.parametrize("kind", ["gaussian", "gibson-lanni"])
def test_the_file_restores_as_the_model(kind: str, tmp_path: Path, oil: Path, run: Run) -> None:
    assert run("psf", tmp_path / "psf.ome.tif", "--psf", kind, "--like", oil).status == 0
    for name, psf in {"model": kind, "file": tmp_path / "psf.ome.tif"}.items():
        answer = run("restore", oil, tmp_path / f"{name}.ome.tif", "--psf", psf, *FEW)
        assert answer.status == 0, answer.err
    model, file = (read(tmp_path / f"{name}.ome.tif").numpy() for name in ("model", "file"))
    assert np.abs(model - file).max() < 0.01 * model.max()
    assert np.sqrt(np.mean((model - file) ** 2)) < 0.002 * model.max()


def test_channels_have_their_own_psf_and_voxel(tmp_path: Path, oil: Path, run: Run) -> None:
    answer = run("psf", tmp_path / "psf.ome.tif", "--psf", "gaussian", "--like", oil, "--json")
    assert answer.status == 0, answer.err
    psf = read(tmp_path / "psf.ome.tif")
    assert answer.json["axes"] == psf.axes == "CZYX"
    assert dict(psf.voxel) == pytest.approx(dict(zip("ZYX", VOXEL, strict=True)))
    green, red = psf.numpy()
    assert green.max() > red.max()
    np.testing.assert_allclose([green.sum(), red.sum()], 1, rtol=1e-5)
    assert np.unravel_index(green.argmax(), green.shape) == tuple(size // 2 for size in green.shape)
    assert run("psf", tmp_path / "red.ome.tif", "--psf", "gaussian", "--like", oil, "--channel", 1).status == 0
    assert read(tmp_path / "red.ome.tif").axes == "ZYX"


@pytest.mark.parametrize("shape", [(5, 8, 9), (41, 60, 61), (1, 21, 20)])
def test_a_shape_is_kept_exactly_and_centred(shape: tuple[int, int, int], tmp_path: Path, run: Run) -> None:
    asked = ",".join(map(str, shape))
    words = ("--psf", "gaussian", "--set", "psf.sigma=0.4,0.15,0.15", "--shape", asked, "--voxel", "0.2,0.1,0.1")
    answer = run("psf", tmp_path / "psf.ome.tif", *words)
    assert answer.status == 0, answer.err
    psf = read(tmp_path / "psf.ome.tif")
    pixels = psf.numpy().reshape(shape)
    assert pixels.sum() == pytest.approx(1, rel=1e-5)
    assert np.unravel_index(pixels.argmax(), shape) == tuple(size // 2 for size in shape)
    assert ("lies outside" in answer.err) == (shape == (5, 8, 9))


def test_flags_tell_the_optics(tmp_path: Path, run: Run) -> None:
    words = ("--psf", "gibson-lanni", "--shape", "9,21,21", "--voxel", "0.2,0.1,0.1", "--emission", 0.5)
    missing = run("psf", tmp_path / "psf.ome.tif", *words)
    assert missing.status == 2
    assert "numerical_aperture" in missing.err
    assert (
        run("psf", tmp_path / "psf.ome.tif", *words, "--numerical-aperture", 1.2, "--immersion-index", 1.33).status == 0
    )
    assert read(tmp_path / "psf.ome.tif").history[-1]["psf"][0]["numerical_aperture"] == 1.2
