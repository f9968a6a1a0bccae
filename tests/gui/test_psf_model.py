"""What the PSF panel makes of choices, without a window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Image as ImageLayer

from napari_deconv.gui.layers import layers_of
from napari_deconv.gui.psf_model import PsfChoices, models
from napari_deconv.image import Channel, Image, Optics


def layer(voxel: Any = (0.2, 0.1, 0.1), **optics: Any) -> ImageLayer:
    channel = Channel(emission=optics.pop("emission", None), excitation=optics.pop("excitation", None))
    image = Image(np.zeros((8, 24, 24), np.uint16), "ZYX", voxel, (channel,), Optics(**optics))
    data, told, _ = layers_of(image, "cells")[0]
    return ImageLayer(data, **told)


def choices(source: Any = None, **typed: Any) -> PsfChoices:
    made = PsfChoices()
    made.choose(source=source)
    for name, value in typed.items():
        made.type(name.replace("__", "."), value)
    return made


OIL = {"numerical_aperture": 1.4, "immersion_index": 1.515, "emission": 0.52}


def test_both_theories_are_offered() -> None:
    assert list(models()) == ["gibson-lanni", "vectorial"]


def test_the_layer_fills_what_is_not_typed() -> None:
    look = choices(layer(**OIL), depth=2).look()
    assert look.problems == {}
    assert look.model.numerical_aperture == 1.4
    assert look.model.depth == 2
    assert look.grid.voxel == (0.2, 0.1, 0.1)
    assert choices(layer(**OIL)).hints()["emission"] == "0.52"


def test_empty_fields_show_what_is_assumed() -> None:
    hints = choices(layer(**OIL)).hints()
    assert (hints["pinhole"], hints["depth"], hints["sample_index"]) == ("1", "0", "1.515")
    assert choices(layer(**OIL), immersion_index=1.33).hints()["sample_index"] == "1.33"
    assert choices(layer(**OIL, sample_index=1.4)).hints()["sample_index"] == "1.4"


def test_sentences_speak_of_fields_by_their_titles() -> None:
    said = choices(layer(**OIL), numerical_aperture=1.6).look().problems["numerical_aperture"]
    assert "psf." not in said
    assert "set immersion index" in said


def test_without_a_layer_the_example_is_looked_at() -> None:
    assert choices().look().model.numerical_aperture == 1.4


def test_what_lacks_is_asked_for_at_its_field() -> None:
    look = choices(layer(voxel={})).look()
    assert set(look.problems) == {"numerical_aperture", "immersion_index", "emission", "voxel.Z", "voxel.Y", "voxel.X"}
    assert look.problems["emission"] == "Emission: the image does not say it, so type it."
    assert set(choices(layer(**OIL), modality="two-photon").look().problems) == {"excitation"}
    assert set(choices(layer(**OIL), modality="light-sheet").look().problems) == {"sheet_thickness"}


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"numerical_aperture": 1.6}, "numerical_aperture", "cannot reach the immersion index"),
        ({"numerical_aperture": "wide"}, "numerical_aperture", "valid number"),
        ({"emission": 520}, "emission", "give it in µm"),
        ({"coverslip_thickness": 0.17}, "coverslip_thickness", "170"),
        ({"voxel__X": 0}, "voxel.X", "positive number"),
        ({"immersion_index": 1.2}, "immersion_index", "cannot reach"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(typed: dict[str, Any], field: str, words: str) -> None:
    look = choices(layer(**OIL), **typed).look()
    assert look.model is None
    assert words in look.problems[field]


def test_only_what_matters_to_the_modality_is_shown() -> None:
    wide, confocal = choices(layer(**OIL)).relevant(), choices(layer(**OIL, modality="confocal")).relevant()
    assert "emission" in wide
    assert not {"excitation", "pinhole", "pinhole_spacing", "sheet_thickness"} & wide
    assert {"emission", "excitation", "pinhole"} <= confocal
    assert "pinhole_spacing" in choices(layer(**OIL), modality="spinning-disk").relevant()
    assert "emission" not in choices(layer(**OIL), modality="two-photon").relevant()
    sheet = choices(layer(**OIL), modality="light-sheet")
    assert "excitation" not in sheet.relevant()
    sheet.type("sheet_numerical_aperture", 0.1)
    assert "excitation" in sheet.relevant()


def test_every_change_is_told_once_and_another_layer_forgets_the_voxel() -> None:
    made = choices(layer(**OIL))
    told = []
    made.changed.connect(lambda: told.append(1))
    made.type("voxel.Z", 0.3)
    made.type("depth", None)
    assert len(told) == 1
    made.choose(source=layer(**OIL))
    assert made.typed_voxel == {}
    assert len(told) == 2
