"""``beads``: a PSF file that restores, with a report; what cannot work ends with 2 and one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_deconv import Image, read, write

from .conftest import VOXEL, Run


@pytest.fixture
def beads(tmp_path: Path) -> Path:
    """Five bright Gaussian beads, two of them too near each other."""
    z, y, x = np.indices((24, 72, 72))
    light = np.full(z.shape, 100.0)
    for at in ((12, 18, 18), (11.6, 18.3, 52), (12.3, 50, 20.4), (12, 51, 53), (12, 44, 49)):
        light += 3000 * np.exp(-((z - at[0]) ** 2 / 8 + (y - at[1]) ** 2 / 4.5 + (x - at[2]) ** 2 / 4.5))
    path = tmp_path / "beads.ome.tif"
    write(path, Image(np.random.default_rng(5).poisson(light).astype(np.uint16), "ZYX", VOXEL))
    return path


def test_beads_become_a_psf_that_restores(tmp_path: Path, beads: Path, run: Run) -> None:
    output = tmp_path / "psf.ome.tif"
    answer = run("beads", beads, output, "--json")
    assert answer.status == 0, answer.err
    report = answer.json
    assert (report["found"], report["used"]) == (5, 3)
    assert report["refused"] == {"too near another": 2}
    assert report["fwhm"]["x"]["psf"] == pytest.approx(2.3548 * 0.15, rel=0.03)
    assert report["fwhm"]["z"]["psf"] == pytest.approx(2.3548 * 0.4, rel=0.03)
    psf = read(output)
    assert dict(psf.voxel) == pytest.approx(dict(zip("ZYX", VOXEL, strict=True)))
    assert psf.numpy().sum() == pytest.approx(1, abs=1e-4)
    answer = run("restore", beads, tmp_path / "out.ome.tif", "--psf", output, "--set", "method.iterations=20")
    assert answer.status == 0, answer.err
    assert read(tmp_path / "out.ome.tif").numpy().max() > 1.5 * read(beads).numpy().max()


def test_several_images_and_words_for_people(tmp_path: Path, beads: Path, run: Run) -> None:
    answer = run("beads", beads, beads, tmp_path / "psf.ome.tif", "--bead-diameter", 0.1, "--radius", "2,0.8,0.8")
    assert answer.status == 0, answer.err
    assert "6 of 10 beads" in answer.out
    assert "width at half maximum z" in answer.out
    assert "±" in answer.out
    assert "tilt of the axis y" in answer.out
    assert "theory" not in answer.out, "nothing is known of the optics"
    assert "average of 6 of 10 beads (4 too near another left out)" in answer.err


def test_theory_stands_beside_where_the_optics_are_known(tmp_path: Path, beads: Path, run: Run) -> None:
    optics = ("--numerical-aperture", 1.2, "--immersion-index", 1.33, "--emission", 0.52, "--modality", "widefield")
    answer = run("beads", beads, tmp_path / "psf.ome.tif", *optics)
    assert answer.status == 0, answer.err
    assert "theory (gibson-lanni): z 0." in answer.out
    report = run("beads", beads, tmp_path / "psf.ome.tif", *optics, "--overwrite", "--json").json
    assert report["theory"]["fwhm"]["x"] < report["fwhm"]["x"]["psf"]
    assert report["theory"]["difference"] > 0.01
    assert set(report["tilt_degrees"]) == set(report["lateral_shift"]) == {"y", "x"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--bead-diameter", "100"), "in µm, such as 0.1"),
        (("--radius", "40"), "set a smaller radius"),
        (("--radius", "1,2"), "one number or three"),
        (("--voxel", "a"), "--voxel is 'a'"),
    ],
)
def test_what_cannot_work_is_said(tmp_path: Path, beads: Path, run: Run, words: tuple[str, ...], said: str) -> None:
    answer = run("beads", beads, tmp_path / "psf.ome.tif", *words)
    assert answer.status == 2
    assert said in answer.err
    assert not (tmp_path / "psf.ome.tif").exists()


def test_an_output_is_kept_unless_asked(tmp_path: Path, beads: Path, run: Run) -> None:
    output = tmp_path / "psf.ome.tif"
    output.write_bytes(b"mine")
    assert run("beads", beads, output).status == 2
    assert output.read_bytes() == b"mine"
    assert run("beads", beads, output, "--overwrite").status == 0


@pytest.mark.data
def test_the_real_bead(tmp_path: Path, data_folder: Path, run: Run) -> None:
    answer = run("beads", data_folder / "bead" / "image.tif", tmp_path / "psf.tif", "--voxel", "0.2,0.1,0.1", "--json")
    assert answer.status == 0, answer.err
    assert answer.json["fwhm"]["x"]["psf"] == pytest.approx(1.1, abs=0.05)
    assert "larger than the resolution" in answer.err
