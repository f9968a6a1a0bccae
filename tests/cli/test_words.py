"""Wrong input and wrong words: exit status 2, one sentence, no traceback, no output."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_deconv import Image, write

from .conftest import GAUSSIAN, VOXEL, Run, make_scene


def _save(path: Path, pixels: Any) -> Path:
    tifffile.imwrite(
        path, pixels, imagej=pixels.ndim > 2 and pixels.dtype != np.float64, metadata={"axes": "ZYX"[-pixels.ndim :]}
    )
    return path


def _with(value: float) -> Any:
    pixels = make_scene().astype(np.float32)
    pixels[2, 3, 4] = value
    return pixels


def _not_a_tiff(path: Path) -> None:
    path.write_bytes(b"this is a letter, not an image")


def _truncated(path: Path) -> None:
    tifffile.imwrite(path, make_scene())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


BAD_IMAGES = {
    "not a tiff": (_not_a_tiff, "bad.tif"),
    "truncated": (_truncated, "bad.tif"),
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "nan": (lambda path: _save(path, _with(np.nan)), "NaN or infinite"),
    "infinite": (lambda path: _save(path, _with(np.inf)), "NaN or infinite"),
    "missing": (lambda path: None, "no file"),
    "a folder": (lambda path: path.mkdir(), "is a folder, but no OME-Zarr image"),
}


def _refused(answer: Any, told: str) -> None:
    assert answer.status == 2, answer
    assert answer.out == ""
    assert "Traceback" not in answer.err
    [sentence] = answer.err.splitlines()
    assert told in sentence, sentence
    assert sentence.startswith("napari-deconv: ")


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_an_image_that_cannot_be_restored(name: str, tmp_path: Path, run: Run) -> None:
    make, told = BAD_IMAGES[name]
    make(tmp_path / "bad.tif")
    answer = run("restore", tmp_path / "bad.tif", tmp_path / "out.tif", *GAUSSIAN, "--voxel", "0.2,0.1,0.1")
    _refused(answer, told)
    assert [each.name for each in tmp_path.iterdir()] in (["bad.tif"], [])


FINE_IMAGES = {
    "one pixel": np.full((1, 1), 7, np.uint16),
    "all zeros": np.zeros((4, 12, 12), np.uint16),
    "constant": np.full((4, 12, 12), 50, np.uint16),
    "negative values": make_scene().astype(np.float32) - 25,
    "smaller than the psf": make_scene(shape=(3, 6, 5)),
}


@pytest.mark.parametrize("name", FINE_IMAGES)
def test_an_odd_image_gives_finite_numbers(name: str, tmp_path: Path, run: Run) -> None:
    source = _save(tmp_path / "odd.tif", FINE_IMAGES[name])
    voxel = ",".join(map(str, VOXEL[-FINE_IMAGES[name].ndim :]))
    answer = run(
        "restore", source, tmp_path / "out.tif", *GAUSSIAN, "--voxel", voxel, "--set", "method.iterations=3", "--json"
    )
    assert answer.status == 0, answer.err
    result = tifffile.imread(tmp_path / "out.tif")
    assert result.shape == FINE_IMAGES[name].squeeze().shape or result.size == 1
    assert np.isfinite(result).all()


BAD_PSFS = {
    "all zero": (np.zeros((3, 5, 5), np.float32), "zero everywhere"),
    "nan": (np.full((3, 5, 5), np.nan, np.float32), "NaN or infinite"),
    "constant": (np.ones((3, 5, 5), np.float32), "nothing above its offset"),
}


@pytest.mark.parametrize("name", BAD_PSFS)
def test_a_psf_that_is_none(name: str, tmp_path: Path, stack: Path, run: Run) -> None:
    pixels, told = BAD_PSFS[name]
    psf = _save(tmp_path / "psf.tif", pixels)
    _refused(run("restore", stack, tmp_path / "out.tif", "--psf", psf), told)


BAD_WORDS = {
    "no such command": (["restor"], "did you mean 'restore'"),
    "an argument is missing": (["restore", "{in}"], "missing argument 'OUTPUT'"),
    "no such flag": (["restore", "{in}", "{out}", "--pfs", "gaussian"], "no such option"),
    "not a number": (["restore", "{in}", "{out}", "--channel", "red"], "--channel"),
    "unknown psf": (["restore", "{in}", "{out}", "--psf", "gausian"], "did you mean 'gaussian'"),
    "no psf file": (["restore", "{in}", "{out}", "--psf", "none.tif"], "there is no PSF file none.tif"),
    "unknown method": (["restore", "{in}", "{out}", "--psf", "gaussian", "--method", "wienr"], "did you mean 'wiener'"),
    "unknown key": (["restore", "{in}", "{out}", *GAUSSIAN, "--set", "method.iteration=5"], "did you mean 'iterations'"),
    "unknown part": (["restore", "{in}", "{out}", *GAUSSIAN, "--set", "methd.iterations=5"], "did you mean 'method'"),
    "no equals": (["restore", "{in}", "{out}", *GAUSSIAN, "--set", "iterations"], "KEY=VALUE"),
    "not yaml": (["restore", "{in}", "{out}", *GAUSSIAN, "--set", "background=[1"], "not readable as YAML"),
    "out of bounds": (["restore", "{in}", "{out}", *GAUSSIAN, "--set", "method.iterations=0"], "must be at least 1 (given 0)"),
    "no recipe": (["restore", "{in}", "{out}", "--recipe", "none.yaml"], "there is no recipe none.yaml"),
    "no optics": (["restore", "{in}", "{out}"], "lacks numerical_aperture"),
    "bad optics": (["restore", "{in}", "{out}", *GAUSSIAN, "--numerical-aperture", "0"], "numerical_aperture"),
    "bad modality": (["restore", "{in}", "{out}", *GAUSSIAN, "--modality", "xray"], "modality"),
    "bad voxel": (["restore", "{in}", "{out}", *GAUSSIAN, "--voxel", "a,b"], "--voxel is 'a,b'"),
    "a voxel of two": (["restore", "{in}", "{out}", *GAUSSIAN, "--voxel", "0.1,0.1"], "one number for each"),
    "a voxel of nothing": (["restore", "{in}", "{out}", *GAUSSIAN, "--voxel", "0,0.1,0.1"], "must be a positive number"),
    "bad axes": (["restore", "{in}", "{out}", *GAUSSIAN, "--axes", "YX"], "axes"),
    "no such channel": (["restore", "{in}", "{out}", *GAUSSIAN, "--channel", "3"], "there is no channel 3"),
    "no such time": (["restore", "{in}", "{out}", *GAUSSIAN, "--time", "-1"], "there is no time -1"),
    "two wavelengths": (["restore", "{in}", "{out}", *GAUSSIAN, "--emission", "0.5,0.6"], "2 values of emission"),
    "unknown device": (["restore", "{in}", "{out}", *GAUSSIAN, "--device", "tpu"], "unknown device 'tpu'"),
    "no size": (["restore", "{in}", "{out}", *GAUSSIAN, "--memory", "much"], "memory 'much' is no size"),
    "too little memory": (["restore", "{in}", "{out}", *GAUSSIAN, "--memory", "10KB"], "--memory"),
    "no suffix": (["restore", "{in}", "{folder}/out.jpg", *GAUSSIAN], "no suffix that can be written"),
    "no folder": (["restore", "{in}", "{folder}/none/out.tif", *GAUSSIAN], "there is no folder"),
    "the input": (["restore", "{in}", "{in}", "--overwrite", *GAUSSIAN], "is the input itself"),
    "no recipe inside": (["replay", "{in}", "{in}", "{out}"], "holds no recipe"),
    "psf of nothing": (["psf", "{out}", "--psf", "gaussian"], "--like IMAGE"),
    "psf of half a voxel": (["psf", "{out}", *GAUSSIAN, "--shape", "5,5.5,5", "--voxel", "1,1,1"], "three whole numbers"),
    "unknown kind": (["methods", "magic"], "unknown method 'magic'"),
    "inspect nothing": (["inspect", "none.tif"], "there is no file none.tif"),
    "batch of nothing": (["batch", "{folder}/empty", "--out", "{folder}/o", *GAUSSIAN], "there is no image"),
    "no workers": (["batch", "{in}", "--out", "{folder}/o", "--workers", "0"], "--workers"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_WORDS)
def test_words_that_are_wrong(name: str, tmp_path: Path, stack: Path, run: Run) -> None:
    words, told = BAD_WORDS[name]
    (tmp_path / "empty").mkdir()
    places = {"in": stack, "out": tmp_path / "out.tif", "folder": tmp_path}
    before = stack.read_bytes()
    _refused(run(*(word.format_map(places) for word in words)), told)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cells.ome.tif", "empty"]
    assert stack.read_bytes() == before


BAD_RECIPES = {
    "unknown key": ("version: 1\nmethod: {kind: richardson-lucy, iteration: 5}\n", "did you mean 'iterations'"),
    "unknown part": ("version: 1\nmetod: wiener\n", "did you mean 'method'"),
    "not yaml": ("version: [1\n", "mend line 2, column 1"),
    "not text": (b"\x00\x80\xff", "choose another file"),
    "nothing": ("", "holds no recipe"),
}


@pytest.mark.parametrize("name", BAD_RECIPES)
def test_a_recipe_that_is_none(name: str, tmp_path: Path, stack: Path, run: Run) -> None:
    content, told = BAD_RECIPES[name]
    recipe = tmp_path / "recipe.yaml"
    recipe.write_bytes(content if isinstance(content, bytes) else content.encode())
    _refused(run("restore", stack, tmp_path / "out.tif", "--recipe", recipe), told)
    assert not (tmp_path / "out.tif").exists()


def test_an_image_that_lacks_its_metadata_is_refused_in_one_sentence(tmp_path: Path, run: Run) -> None:
    tifffile.imwrite(tmp_path / "bare.tif", make_scene())
    answer = run("restore", tmp_path / "bare.tif", tmp_path / "out.tif")
    _refused(answer, "lacks numerical_aperture, immersion_index, emission, voxel")
    assert "--numerical-aperture 1.4" in answer.err


def test_an_output_that_exists_is_refused_before_any_work(
    tmp_path: Path, stack: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.tif"
    output.write_bytes(b"precious")
    monkeypatch.setattr("napari_deconv.running.job.restore", None)
    _refused(run("restore", stack, output, *GAUSSIAN), "exists")
    assert output.read_bytes() == b"precious"


def test_a_folder_without_permission(tmp_path: Path, stack: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode, **more: mode & os.W_OK == 0 and allowed(path, mode, **more))
    _refused(run("restore", stack, tmp_path / "out.tif", *GAUSSIAN), "may not be written")


def test_a_disk_without_room_is_told_before_any_work(
    tmp_path: Path, stack: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 9, 1))
    monkeypatch.setattr("napari_deconv.running.job.restore", None)
    _refused(run("restore", stack, tmp_path / "out.tif", *GAUSSIAN), "out.tif is full (0.00 GB are needed")


def test_a_disk_that_fills_up_leaves_nothing(
    tmp_path: Path, stack: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Any, *arguments: Any, **more: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tifffile.TiffWriter, "write", full)
    _refused(
        run("restore", stack, tmp_path / "out.tif", *GAUSSIAN, "--set", "method.iterations=2"),
        "no space left on device: free some space",
    )
    assert [each.name for each in tmp_path.iterdir()] == [stack.name]


def test_memory_that_runs_out_names_the_flag(
    tmp_path: Path, stack: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def greedy(*arguments: Any, **more: Any) -> Any:
        raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")

    monkeypatch.setattr("napari_deconv.running.job.restore", greedy)
    _refused(run("restore", stack, tmp_path / "out.tif", *GAUSSIAN), "--memory")


def test_a_fault_of_ours_has_a_traceback_and_says_where_to_report(
    tmp_path: Path, stack: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_deconv.running.job.restore", lambda *_, **__: np.zeros(3).reshape(7))
    answer = run("restore", stack, tmp_path / "out.tif", *GAUSSIAN)
    assert answer.status == 1
    assert "Traceback" in answer.err
    assert "fault of napari-deconv" in answer.err.splitlines()[-1]
    assert "report" in answer.err.splitlines()[-1]


def test_no_words_show_the_help(run: Run) -> None:
    answer = run()
    assert answer.status == 2
    assert "restore" in answer.err


def test_a_psf_of_another_voxel_is_resampled_and_one_without_is_taken_as_it_is(
    tmp_path: Path, stack: Path, run: Run
) -> None:
    psf = np.zeros((5, 9, 9), np.float32)
    psf[2, 4, 4] = 1
    write(tmp_path / "fine.ome.tif", Image(psf, "ZYX", voxel=(0.1, 0.05, 0.05)))
    write(tmp_path / "bare.ome.tif", Image(psf, "ZYX"))
    for name in ("fine", "bare"):
        answer = run(
            "restore",
            stack,
            tmp_path / f"{name}.tif",
            "--psf",
            tmp_path / f"{name}.ome.tif",
            "--set",
            "method.iterations=2",
        )
        assert answer.status == 0, answer.err
