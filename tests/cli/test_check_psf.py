"""``check-psf``: what is wrong with a PSF file, for which image, and a mended one beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_deconv import Image, read, write

from .conftest import VOXEL, Run


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """A Gaussian PSF of an even number of planes, off its centre, on an offset."""
    z, y, x = np.indices((12, 31, 31))
    light = 2000 * np.exp(-((z - 6) ** 2 / 4 + (y - 15) ** 2 / 5 + (x - 18) ** 2 / 5)) + 100
    path = tmp_path / "psf.tif"
    write(path, Image(light.astype(np.uint16), "ZYX", VOXEL))
    return path


def test_findings_are_told_and_mended(tmp_path: Path, stack: Path, faulty: Path, run: Run) -> None:
    answer = run("check-psf", faulty)
    assert answer.status == 0, answer.err
    assert (
        "wrong off-centre: its peak lies off its middle by x +3.00 pixels: the result is moved the other way"
        in answer.out
    )
    assert "-> subtract it" in answer.out
    output = tmp_path / "mended.tif"
    answer = run("check-psf", faulty, "--like", stack, "--mend", output, "--json")
    assert answer.status == 0, answer.err
    told = answer.json
    assert {each["fault"] for each in told["findings"]} >= {"offset", "off-centre", "even"}
    assert {"offset", "off-centre"} <= set(told["mended"])
    assert told["result"]["fwhm"]["x"] == pytest.approx(0.1 * 2.3548 * 2.5**0.5, rel=0.03)
    assert all(size % 2 for size in read(output).shape)
    again = run("check-psf", output, "--like", stack)
    assert "nothing is wrong with it" in again.out


def test_only_what_is_asked_for(tmp_path: Path, faulty: Path, run: Run) -> None:
    output = tmp_path / "mended.tif"
    answer = run("check-psf", faulty, "--mend", output, "--fault", "offset")
    assert answer.status == 0, answer.err
    assert f"{output}: mended offset" in answer.out
    assert read(output).shape == (12, 31, 31)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--fault", "offset"), "give --mend OUT too"),
        (("--mend", "OUT", "--fault", "saturated"), "has no 'saturated' to mend"),
        (("--mend", "FILE"), ""),
        (("--psf-voxel", "a"), "--psf-voxel is 'a'"),
        (("--like", "missing.tif"), "missing.tif"),
    ],
)
def test_what_cannot_work_is_said(tmp_path: Path, faulty: Path, run: Run, words: tuple[str, ...], said: str) -> None:
    named = {"OUT": tmp_path / "out.tif", "FILE": faulty}
    answer = run("check-psf", faulty, *(named.get(word, word) for word in words))
    assert answer.status == 2
    assert said in answer.err
    assert not (tmp_path / "out.tif").exists()


def test_the_psfs_own_voxel_can_be_said(stack: Path, faulty: Path, run: Run) -> None:
    answer = run("check-psf", faulty, "--like", stack, "--psf-voxel", "0.2,0.2,0.2", "--json")
    assert "voxel" in {each["fault"] for each in answer.json["findings"]}
