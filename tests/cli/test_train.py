"""``train``: networks from simulation, pairs and one image, by flags; paused and gone on with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_deconv import Image, write

from .conftest import Run

PSF = ("--psf", "gaussian", "--set", "psf.sigma=0.12")
SMALL = tuple(
    word
    for each in ("start=new", "images=8", "steps=2", "batch=2", "patch=16", "width=4", "fine=4", "judgements=1")
    for word in ("--set", f"train.{each}")
)


@pytest.fixture
def plane(tmp_path: Path) -> Path:
    """A flat noisy image on disk."""
    y, x = np.indices((40, 40))
    light = 20 + 300 * np.exp(-((y - 18) ** 2 + (x - 22) ** 2) / 20)
    path = tmp_path / "plane.tif"
    write(path, Image(np.random.default_rng(2).poisson(light).astype(np.uint16), voxel={"Y": 0.1, "X": 0.1}))
    return path


def test_an_image_alone_is_trained_on_and_restored_with_what_was_learned(run: Run, plane: Path, tmp_path: Path) -> None:
    told = run("train", tmp_path / "run", "--from", "image", "--image", plane, *PSF, *SMALL, "--json")
    assert told.status == 0, told.err
    weights = Path(told.json["output"])
    assert weights.is_file()
    assert weights.with_suffix(".json").is_file()
    assert told.json["steps"] == 2
    own = ("--method", "network", "--set", f"method.weights={weights}", "--set", "method.fallback=never")
    restored = run("restore", plane, tmp_path / "out.ome.tif", *PSF, *own, "--json")
    assert restored.status == 0, restored.err


def test_pairs_are_found_by_their_names(run: Run, plane: Path, tmp_path: Path) -> None:
    for name in ("low", "high"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.tif").write_bytes(plane.read_bytes())
    folders = ("--from", "pairs", "--low", tmp_path / "low", "--high", tmp_path / "high")
    told = run("train", tmp_path / "run", *folders, *PSF, *SMALL, "--json")
    assert told.status == 0, told.err
    (tmp_path / "high" / "two.tif").write_bytes(plane.read_bytes())
    told = run("train", tmp_path / "other", *folders, *PSF, *SMALL)
    assert told.status == 2
    assert "two.tif is in only one of" in told.err


def test_a_training_is_gone_on_with_only_on_request(run: Run, plane: Path, tmp_path: Path) -> None:
    words = ("train", tmp_path / "run", "--image", plane, *PSF, *SMALL)
    assert run(*words).status == 0
    again = run(*words)
    assert again.status == 2
    assert "already holds a training: resume it (--resume)" in again.err
    assert run(*words, "--resume").status == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "image"), "training on an image needs one: give --image FILE"),
        (("--from", "pairs"), "give --low DIR and --high DIR"),
        (("--from", "simulatoin"), "did you mean 'simulation'?"),
        (("--set", "train.step=3"), "unknown key 'step' in training: did you mean 'steps'?"),
        (("--set", "train.patch=30"), "multiple of 8"),
    ],
)
def test_wrong_words_are_told_with_the_remedy(words: tuple[str, ...], said: str, run: Run, tmp_path: Path) -> None:
    told = run("train", tmp_path / "run", *words)
    assert told.status == 2
    assert said in told.err
    assert not (tmp_path / "run").exists()
