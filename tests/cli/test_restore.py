"""``restore`` and ``replay``: flags, summary, history, the same pixels again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import napari_deconv as nd
from napari_deconv import Channel, Image, Optics, Recipe, read, restored, write

from .conftest import GAUSSIAN, VOXEL, Run, make_scene

FEW = ("--set", "method.iterations=4")


def test_the_flags_make_the_recipe_and_the_result_is_the_librarys(tmp_path: Path, stack: Path, run: Run) -> None:
    answer = run("restore", stack, tmp_path / "out.ome.tif", *GAUSSIAN, *FEW, "--json")
    assert answer.status == 0, answer.err
    assert answer.err == ""
    recipe = Recipe(
        psf={"kind": "gaussian", "sigma": (0.3, 0.12, 0.12)}, method={"kind": "richardson-lucy", "iterations": 4}
    )
    told = answer.json
    assert {"seconds", "device", "iterations", "tiles", "peak_memory_bytes", "recipe_digest", "output"} <= set(told)
    assert told["iterations"] == 4
    assert told["tiles"] == 1
    assert told["recipe_digest"] == recipe.digest
    assert 1e7 < told["peak_memory_bytes"] < 1e11
    assert Path(told["output"]) == tmp_path / "out.ome.tif"
    result = read(tmp_path / "out.ome.tif")
    assert result.dtype == np.float32
    assert dict(result.voxel) == pytest.approx(dict(zip("ZYX", VOXEL, strict=True)))
    np.testing.assert_array_equal(result.numpy(), restored(read(stack), recipe).numpy())
    assert result.history[-1]["digest"] == recipe.digest


def test_a_recipe_file_and_flags_over_it(tmp_path: Path, stack: Path, run: Run) -> None:
    (tmp_path / "recipe.yaml").write_text(
        "version: 1\npsf: {kind: gaussian, sigma: 0.2}\nbackground: 20\nmethod: {kind: wiener, noise: 0.01}\n"
    )
    assert (
        run(
            "restore", stack, tmp_path / "a.tif", "--recipe", tmp_path / "recipe.yaml", "--set", "method.noise=1e-3"
        ).status
        == 0
    )
    recipe = Recipe.model_validate(read(tmp_path / "a.tif").history[-1]["recipe"])
    assert recipe.method.noise == 1e-3
    assert recipe.background == 20
    words = ("--recipe", tmp_path / "recipe.yaml", "--method", "richardson-lucy", *FEW, "--set", "background=auto")
    assert run("restore", stack, tmp_path / "b.tif", *words).status == 0
    recipe = Recipe.model_validate(read(tmp_path / "b.tif").history[-1]["recipe"])
    assert (recipe.method.kind, recipe.method.iterations, recipe.background) == ("richardson-lucy", 4, "auto")


def test_text_goes_to_standard_output_and_notes_to_standard_error(tmp_path: Path, stack: Path, run: Run) -> None:
    answer = run("restore", stack, tmp_path / "out.tif", *GAUSSIAN, *FEW)
    assert "Richardson-Lucy, 4 iterations, on cpu" in answer.out
    assert all(line.startswith("note: ") for line in answer.err.splitlines())


def test_optical_flags_go_before_the_file_and_the_recipe(tmp_path: Path, run: Run) -> None:
    source = tmp_path / "oil.ome.tif"
    optics = Optics(numerical_aperture=1.4, immersion_index=1.515)
    write(source, Image(make_scene(), "ZYX", voxel=VOXEL, optics=optics, channels=(Channel(emission=0.5),)))
    words = ("restore", source, tmp_path / "out.ome.tif", "--psf", "gaussian", *FEW, "--overwrite")
    seen = {}
    for name, more in {
        "file": (),
        "flags": ("--numerical-aperture", "0.8", "--emission", "0.6", "--immersion-index", "1.0"),
        "recipe": ("--set", "psf.numerical_aperture=1.2"),
        "both": ("--set", "psf.numerical_aperture=1.2", "--numerical-aperture", "0.8"),
    }.items():
        answer = run(*words, *more)
        assert answer.status == 0, answer.err
        [model] = read(tmp_path / "out.ome.tif").history[-1]["psf"]
        seen[name] = tuple(model[key] for key in ("numerical_aperture", "emission", "immersion_index"))
    assert seen == {
        "file": (1.4, 0.5, 1.515),
        "flags": (0.8, 0.6, 1.0),
        "recipe": (1.2, 0.5, 1.515),
        "both": (0.8, 0.5, 1.515),
    }


def test_a_psf_key_without_a_kind_is_for_the_default_model(tmp_path: Path, stack: Path, run: Run) -> None:
    words = ("--set", "psf.numerical_aperture=0.8", "--emission", "0.5", "--immersion-index", "1.0")
    answer = run("restore", stack, tmp_path / "out.tif", *words, *FEW)
    assert answer.status == 0, answer.err
    recorded = read(tmp_path / "out.tif").history[-1]
    assert recorded["recipe"]["psf"]["kind"] == recorded["psf"][0]["kind"] == nd.posing.DEFAULT_PSF
    assert recorded["psf"][0]["numerical_aperture"] == 0.8


def test_axes_voxel_channel_and_time(tmp_path: Path, run: Run) -> None:
    stacks = np.stack([np.stack([make_scene(seed), make_scene(seed + 5)]) for seed in range(2)])  # (T, C, Z, Y, X)
    channels = (Channel(name="green", emission=0.5), Channel(name="red", emission=0.6))
    write(tmp_path / "film.ome.tif", Image(stacks, "TCZYX", voxel=VOXEL, channels=channels))
    answer = run(
        "restore",
        tmp_path / "film.ome.tif",
        tmp_path / "one.ome.tif",
        *GAUSSIAN,
        *FEW,
        "--channel",
        1,
        "--time",
        0,
        "--json",
    )
    assert answer.status == 0, answer.err
    one = read(tmp_path / "one.ome.tif")
    assert answer.json["axes"] == one.axes == "ZYX"
    assert [channel.name for channel in one.channels] == ["red"]
    recipe = one.history[-1]["recipe"]
    whole = restored(read(tmp_path / "film.ome.tif"), Recipe.model_validate(recipe))
    np.testing.assert_array_equal(one.numpy(), whole.block(0, 1))
    answer = run(
        "restore",
        tmp_path / "one.ome.tif",
        tmp_path / "flat.ome.tif",
        *GAUSSIAN,
        *FEW,
        "--axes",
        "TYX",
        "--voxel",
        "0.3,0.3",
        "--json",
    )
    assert answer.status == 0, answer.err
    flat = read(tmp_path / "flat.ome.tif")
    assert flat.axes == "TYX"
    assert dict(flat.voxel) == {"Y": 0.3, "X": 0.3}


def test_each_channel_may_have_its_wavelength(tmp_path: Path, run: Run) -> None:
    write(tmp_path / "two.ome.tif", Image(np.stack([make_scene(), make_scene(1)]), "CZYX", voxel=VOXEL))
    words = ("--psf", "gaussian", "--numerical-aperture", 1.2, "--immersion-index", 1.33, *FEW)
    assert (
        run("restore", tmp_path / "two.ome.tif", tmp_path / "out.ome.tif", *words, "--emission", "0.5,0.7").status == 0
    )
    assert [model["emission"] for model in read(tmp_path / "out.ome.tif").history[-1]["psf"]] == [0.5, 0.7]


def _measured(tmp_path: Path, channels: int = 1) -> Path:
    z, y, x = np.indices((9, 15, 15)) - np.array([4, 7, 7])[:, None, None, None]
    psfs = [np.exp(-(z**2 / 6 + (y**2 + x**2) / (3 + 4 * number))) for number in range(channels)]
    path = tmp_path / f"psf{channels}.ome.tif"
    pixels = np.stack(psfs).astype(np.float32)
    write(path, Image(pixels if channels > 1 else pixels[0], "CZYX" if channels > 1 else "ZYX", voxel=VOXEL))
    return path


def test_replay_gives_identical_pixels(tmp_path: Path, stack: Path, run: Run) -> None:
    psf = _measured(tmp_path)
    words = ("--psf", psf, *FEW, "--voxel", "0.2,0.11,0.11", "--memory", "4MB")
    first = run("restore", stack, tmp_path / "first.ome.tif", *words, "--json")
    again = run("replay", tmp_path / "first.ome.tif", stack, tmp_path / "again.ome.tif", "--json")
    assert first.status == again.status == 0, again.err
    assert again.json["recipe_digest"] == first.json["recipe_digest"]
    assert again.json["tiles"] == first.json["tiles"]
    one, two = read(tmp_path / "first.ome.tif"), read(tmp_path / "again.ome.tif")
    np.testing.assert_array_equal(one.numpy(), two.numpy())
    assert dict(two.voxel) == dict(one.voxel) == {"Z": 0.2, "Y": 0.11, "X": 0.11}


def test_replay_refuses_another_psf_and_finds_one_that_has_moved(tmp_path: Path, stack: Path, run: Run) -> None:
    psf = _measured(tmp_path)
    assert run("restore", stack, tmp_path / "first.ome.tif", "--psf", psf, *FEW).status == 0
    moved = psf.rename(tmp_path / "moved.ome.tif")
    gone = run("replay", tmp_path / "first.ome.tif", stack, tmp_path / "again.ome.tif")
    assert gone.status == 2
    assert str(psf) in gone.err
    assert run("replay", tmp_path / "first.ome.tif", stack, tmp_path / "again.ome.tif", "--psf", moved).status == 0
    np.testing.assert_array_equal(read(tmp_path / "first.ome.tif").numpy(), read(tmp_path / "again.ome.tif").numpy())
    write(psf, Image(np.ones((3, 3, 3), np.float32), "ZYX", voxel=VOXEL))
    changed = run("replay", tmp_path / "first.ome.tif", stack, tmp_path / "third.ome.tif")
    assert changed.status == 2
    assert "not the one recorded" in changed.err
    assert not (tmp_path / "third.ome.tif").exists()


def test_one_channel_takes_its_own_psf_out_of_a_file_of_several(tmp_path: Path, run: Run) -> None:
    write(tmp_path / "two.ome.tif", Image(np.stack([make_scene(), make_scene(1)]), "CZYX", voxel=VOXEL))
    words = ("--psf", _measured(tmp_path, channels=2), *FEW)
    for name, more in {"both": (), "second": ("--channel", 1)}.items():
        answer = run("restore", tmp_path / "two.ome.tif", tmp_path / f"{name}.ome.tif", *words, *more)
        assert answer.status == 0, answer.err
    np.testing.assert_array_equal(read(tmp_path / "second.ome.tif").numpy(), read(tmp_path / "both.ome.tif").numpy()[1])


def test_the_output_is_replaced_when_asked(tmp_path: Path, stack: Path, run: Run) -> None:
    output = tmp_path / "out.tif"
    output.write_bytes(b"old")
    assert run("restore", stack, output, *GAUSSIAN, *FEW, "--overwrite").status == 0
    assert read(output).shape == read(stack).shape


def test_double_precision_is_a_flag_and_stays_in_the_history(tmp_path: Path, stack: Path, run: Run) -> None:
    for precision in ("single", "double"):
        words = (*GAUSSIAN, *FEW, "--set", "background=20", "--set", f"precision={precision}")
        assert run("restore", stack, tmp_path / f"{precision}.ome.tif", *words).status == 0
    single, double = (read(tmp_path / f"{each}.ome.tif") for each in ("single", "double"))
    assert double.dtype == np.float32
    assert double.history[-1]["recipe"]["precision"] == "double"
    assert 0 < np.abs(double.numpy() - single.numpy()).max() < 1e-4 * single.numpy().max()
    answer = run("restore", stack, tmp_path / "x.tif", *GAUSSIAN, "--set", "precision=quadruple")
    assert answer.status == 2
    assert "precision: must be 'single' or 'double' (given 'quadruple')" in answer.err
