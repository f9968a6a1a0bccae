"""The Train panel's choices, without a window."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image as ImageLayer

import napari_deconv as nd
from napari_deconv.gui.train_model import Order, TrainModel, in_words, side_by_side
from napari_deconv.learned.shelf import shelf

SMALL = {"start": "new", "images": 8, "steps": 2, "batch": 2, "patch": 16, "width": 4, "fine": 4, "judgements": 1}


def layer(name: str = "cells", shape: tuple[int, ...] = (40, 48)) -> ImageLayer:
    pixels = np.random.default_rng(1).poisson(30, shape).astype(np.uint16)
    return ImageLayer(pixels, name=name, scale=(0.1,) * len(shape), units=("µm",) * len(shape))


@pytest.fixture
def model() -> TrainModel:
    made = TrainModel()
    made.restore.choose(source=layer(), psf="gaussian")
    made.restore.type("psf.gaussian.sigma", 0.2)
    for name, value in SMALL.items():
        made.type(name, value)
    return made


def test_an_order_holds_all_that_was_chosen(model: TrainModel) -> None:
    look = model.look()
    assert not look.problems
    order = look.order
    assert order is not None
    assert (order.source, order.name, order.training.steps, order.goes_on) == ("image", "cells", 2, False)
    source, dims = order.make()
    assert dims == 2
    assert not source.supervised
    example = source.make(0, (1, 16, 16))
    assert example.image.shape[-2:] == (16, 16)


def test_says_what_is_missing(model: TrainModel) -> None:
    model.type("steps", -1)
    assert "Steps" in model.look().problems["steps"]
    model.type("steps", 2)
    model.choose(name="a/b")
    assert "cannot be the name" in model.look().problems["name"]
    model.choose(name="", source="pairs")
    assert "better quality" in model.look().problems["better"]
    model.choose(better=layer("truth", (40, 40)))
    assert "differ in size" in model.look().problems["better"]
    model.choose(source="folders", low="/nowhere")
    assert set(model.look().problems) == {"low", "high"}
    model.choose(source="image")
    model.restore.choose(source=None)
    assert "Open an image" in model.look().problems["source"]


def test_pairs_of_layers_folders_and_simulation(model: TrainModel, tmp_path: Path) -> None:
    model.choose(source="pairs", better=layer("truth"))
    order = model.look().order
    assert order is not None
    assert order.make()[0].supervised
    for name in ("low", "high"):
        (tmp_path / name).mkdir()
        nd.write(tmp_path / name / "one.tif", nd.Image(np.ones((40, 48), np.float32), voxel=(0.1, 0.1)))
    model.choose(source="folders", low=str(tmp_path / "low"), high=str(tmp_path / "high"))
    order = model.look().order
    assert order is not None
    assert len(order.make()[0].low) == 1
    assert order.name == "network"
    model.choose(source="simulation")
    order = model.look().order
    assert order is not None
    assert order.make()[0].psf is not None, "the microscope of the image"
    model.restore.choose(source=None)
    order = model.look().order
    assert order is not None
    assert order.make()[0].psf is None, "any microscope"


def test_a_taken_name_is_not_suggested(model: TrainModel) -> None:
    shelf().mkdir(parents=True)
    (shelf() / "cells.safetensors").write_bytes(b"")
    assert model.suggested_name == "cells 2"
    model.choose(name="cells")
    assert "already" in model.look().problems["name"]


def test_goes_on_with_what_was_paused_with_the_same_settings(model: TrainModel) -> None:
    order = model.look().order
    assert order is not None
    order.folder.mkdir(parents=True)
    (order.folder / "training.json").write_text(
        json.dumps({"training": order.training.model_dump(mode="json"), "source": "this image"}), encoding="utf-8"
    )
    again = model.look().order
    assert again is not None
    assert again.goes_on
    model.type("steps", 3)
    assert "was paused" in model.look().problems["name"]


def test_pictures_lie_beside_one_another_on_one_scale() -> None:
    crop = [np.linspace(low, high, 64, dtype=np.float32).reshape(8, 8) for low, high in ((0, 1), (-5, 100), (3, 3))]
    picture = side_by_side(crop)
    assert picture.shape == (8, 3 * 8 + 2 * 2)
    assert picture.min() == 0
    assert picture.max() == 1


def test_progress_in_words() -> None:
    class Told:
        stage, step, steps, best = "learning", 4, 20, -21.25

    assert in_words(Told()) == "step 4 of 20 · best -21.2"
    Told.stage, Told.best = "preparing", float("nan")
    assert in_words(Told()) == "preparing example 4 of 20"


def test_an_order_is_a_value() -> None:
    assert Order.__dataclass_params__.frozen  # type: ignore[attr-defined]
    told: Any = {"source": "simulation", "training": None, "recipe": nd.Recipe(), "name": "x"}
    assert Order(**told).folder.name == "x"
