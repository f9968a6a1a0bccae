"""The panel's state, without a window: values in, a frozen recipe or plain sentences out."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from napari.layers import Image as ImageLayer

from napari_deconv.gui.layers import KEY
from napari_deconv.gui.model import FROM_LAYER, RestoreModel, optical_fields, psf_sources
from napari_deconv.psf.measured import Measured


def layer(*, known: bool = True) -> ImageLayer:
    optics = {"numerical_aperture": 1.3, "immersion_index": 1.515, "modality": "widefield"}
    notes = {KEY: {"optics": optics, "channel": {"emission": 0.52}}} if known else {}
    scale = {"scale": (0.3, 0.1, 0.1), "units": "micrometer"} if known else {}
    return ImageLayer(np.ones((4, 16, 16)), name="cells", metadata=notes, **scale)


def model(**choices: Any) -> RestoreModel:
    made = RestoreModel()
    made.choose(**{"source": layer(), **choices})
    return made


def test_an_image_that_says_everything_is_ready_at_once() -> None:
    check = model().check()
    assert check.problems == {}
    assert check.is_ready
    assert check.recipe is not None
    assert (check.recipe.psf, check.recipe.background, check.recipe.method.kind) == (None, "auto", "richardson-lucy")


def test_no_image() -> None:
    check = RestoreModel().check()
    assert not check.is_ready
    assert "Open an image" in check.problems["source"]


def test_typed_values_become_the_recipe() -> None:
    made = model(psf="gaussian", background=12.5)
    made.type("psf.gaussian.sigma", (0.4, 0.2, 0.2))
    made.type("method.richardson-lucy.iterations", 7)
    recipe = made.check().recipe
    assert recipe is not None
    assert recipe.psf.sigma == (0.4, 0.2, 0.2)
    assert (recipe.method.iterations, recipe.background) == (7, 12.5)


def test_each_method_keeps_its_own_values() -> None:
    made = model()
    made.type("method.richardson-lucy.iterations", 7)
    made.choose(method="wiener")
    assert made.check().recipe.method.kind == "wiener"  # type: ignore[union-attr]
    made.choose(method="richardson-lucy")
    assert made.check().recipe.method.iterations == 7  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("method.richardson-lucy.iterations", 0, "Iterations should be greater than or equal to 1, not 0."),
        ("method.richardson-lucy.iterations", "many", "not many."),
        ("voxel.Z", -1, "must be a positive number, not '-1'"),
        ("voxel.Z", "wide", "must be a positive number, not 'wide'"),
    ],
)
def test_a_wrong_value_is_said_at_its_field(key: str, value: Any, words: str) -> None:
    made = model()
    made.type(key, value)
    check = made.check()
    assert not check.is_ready
    field = ".".join((key.split(".")[0], key.split(".")[-1]))
    assert words in check.problems[field]


def test_a_wrong_background() -> None:
    assert "not 'dark'" in model(background="dark").check().problems["background"]


def test_it_asks_for_just_what_is_missing() -> None:
    made = model(source=layer(known=False))
    names = {"voxel.Z", "voxel.Y", "voxel.X", "optics.numerical_aperture", "optics.immersion_index", "optics.emission"}
    assert set(made.lacking()) == names
    assert set(made.check().problems) <= names
    for key in ("voxel.Z", "voxel.Y", "voxel.X"):
        made.type(key, 0.1)
    assert set(made.check().problems) == {each for each in names if each.startswith("optics")}
    made.type("optics.numerical_aperture", 1.2)
    made.type("optics.immersion_index", 1.33)
    assert set(made.check().problems) == {"optics.emission"}
    made.type("optics.emission", 0.52)
    assert made.check().problems == {}
    assert made.check().recipe.psf.numerical_aperture == 1.2  # type: ignore[union-attr]


def test_optics_that_cannot_be_are_said() -> None:
    made = model(psf="gaussian")
    made.type("psf.gaussian.numerical_aperture", 1.6)
    assert "NA 1.6" in " ".join(made.check().problems.values())
    assert not made.check().is_ready


def test_a_psf_from_a_layer() -> None:
    psf = np.zeros((3, 5, 5), np.float32)
    psf[1, 2, 2] = 1
    made = model(psf=FROM_LAYER, psf_layer=ImageLayer(psf, name="bead"))
    recipe = made.check().recipe
    assert isinstance(recipe.psf, Measured)  # type: ignore[union-attr]
    made.choose(psf_layer=None)
    assert "Choose the layer" in made.check().problems["psf.layer"]


def test_a_psf_from_a_file() -> None:
    made = model(psf="measured")
    assert made.check().problems == {"psf.path": "Choose the file that holds the PSF."}
    made.type("psf.measured.path", "/nowhere/psf.tif")
    assert "/nowhere/psf.tif" in made.check().problems["psf.path"]


def test_changes_are_told_once() -> None:
    made, told = model(), []
    made.changed.connect(lambda: told.append(1))
    made.type("method.richardson-lucy.iterations", 7)
    made.type("method.richardson-lucy.iterations", 7)
    made.choose(method="wiener")
    made.choose(method="wiener")
    assert len(told) == 2


def test_a_layer_that_changes_is_looked_at_again() -> None:
    made = model()
    before = made.check().image
    assert made.check().image is before
    made.source.data = np.zeros((4, 16, 16))
    assert made.check().image is not before
    made.source.scale = (1.0, 0.2, 0.2)
    assert made.check().image.voxel["Z"] == 1.0  # type: ignore[union-attr]


def test_another_source_forgets_the_voxel_but_not_the_method() -> None:
    made = model()
    made.type("voxel.Z", 5)
    made.type("method.richardson-lucy.iterations", 7)
    made.choose(source=layer())
    check = made.check()
    assert check.image.voxel["Z"] == 0.3  # type: ignore[union-attr]
    assert check.recipe.method.iterations == 7  # type: ignore[union-attr]


def test_the_drop_down_offers_every_kind() -> None:
    sources = psf_sources()
    assert {"metadata", "layer", "measured", "gaussian"} <= set(sources)
    assert len(set(sources.values())) == len(sources)
    assert {"numerical_aperture", "emission", "immersion_index"} <= set(optical_fields())


def test_no_window_is_needed() -> None:
    code = "import napari_deconv.gui.model, sys; sys.exit(any(m.startswith(('PyQt', 'PySide', 'qtpy')) for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
