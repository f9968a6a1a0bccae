"""Layers: what they say becomes an image, and an image becomes layers that say the same."""

from __future__ import annotations

import json

import dask.array as lazy
import numpy as np
import pytest
from napari.layers import Image as ImageLayer

from napari_deconv.gui.axes import guess_axes, in_words
from napari_deconv.gui.hooks import get_reader
from napari_deconv.gui.layers import KEY, image_of, image_of_layers, layers_of
from napari_deconv.image import Channel, Image, Optics

TWO = Image(
    np.arange(2 * 2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 2, 3, 4, 5),
    "TCZYX",
    voxel=(0.3, 0.1, 0.1),
    channels=(Channel(name="DAPI", emission=0.461, color="#0000ff"), Channel(name="GFP", color="#00ff00")),
    optics=Optics(numerical_aperture=1.4),
    history=({"software": "napari-deconv", "digest": "abc"},),
    name="cells",
    origin={"Z": 3.0},
    time_step=2.5,
)


def made(image: Image) -> list[ImageLayer]:
    return [ImageLayer(data, **told) for data, told, _ in layers_of(image)]


def test_one_layer_a_channel() -> None:
    blue, green = made(TWO)
    assert (blue.name, green.name) == ("cells DAPI", "cells GFP")
    assert blue.data.shape == (2, 3, 4, 5)
    np.testing.assert_array_equal(green.data, TWO.data[:, 1])
    assert blue.scale.tolist() == [2.5, 0.3, 0.1, 0.1]
    assert [str(unit) for unit in blue.units] == ["second", "micrometer", "micrometer", "micrometer"]
    assert blue.axis_labels == ("t", "z", "y", "x")
    assert blue.translate.tolist() == [0, 3, 0, 0]
    np.testing.assert_allclose(blue.colormap.colors[-1], [0, 0, 1, 1])


def test_the_notes_are_plain_and_hold_what_restoring_needs() -> None:
    notes = made(TWO)[0].metadata[KEY]
    assert json.loads(json.dumps(notes)) == notes
    assert notes["history"] == [{"software": "napari-deconv", "digest": "abc"}]
    assert notes["digest"] == "abc"
    assert notes["optics"] == {"numerical_aperture": 1.4}
    assert notes["channel"]["emission"] == 0.461


def test_layers_and_back() -> None:
    back = image_of_layers(made(TWO))
    np.testing.assert_array_equal(back.data, TWO.data)
    assert (back.axes, back.voxel, back.origin["Z"], back.time_step) == (TWO.axes, TWO.voxel, 3.0, 2.5)
    assert (back.channels, back.optics, back.history) == (TWO.channels, TWO.optics, TWO.history)


def test_lazy_data_stay_lazy() -> None:
    source = TWO.replace(data=lazy.from_array(TWO.data))
    layer = made(source)[0]
    assert isinstance(layer.data, lazy.Array)
    assert image_of_layers(made(source)).is_lazy


def test_rgb_is_one_layer() -> None:
    colours = tuple(Channel(name=name) for name in ("red", "green", "blue"))
    image = Image(np.zeros((6, 7, 3), np.uint8), "YXC", channels=colours)
    (layer,) = made(image)
    assert layer.rgb
    assert layer.data.shape == (6, 7, 3)
    assert image_of(layer).axes == "CYX"


def test_unknown_sizes_are_pixels() -> None:
    (layer,) = made(Image(np.zeros((3, 4, 5)), "ZYX", voxel={"Z": 0.5}))
    assert [str(unit) for unit in layer.units] == ["micrometer", "pixel", "pixel"]
    assert dict(image_of(layer).voxel) == {"Z": 0.5}


def test_other_units_are_converted() -> None:
    layer = ImageLayer(np.zeros((4, 5)), scale=(65, 65), units="nanometer")
    assert image_of(layer).voxel == pytest.approx({"Y": 0.065, "X": 0.065})


def test_an_emission_that_was_typed_goes_over_the_notes() -> None:
    image = image_of(made(TWO)[0], optics={"emission": 0.5, "immersion_index": 1.33})
    assert image.channels[0].emission == 0.5
    assert (image.optics.immersion_index, image.optics.numerical_aperture) == (1.33, 1.4)


@pytest.mark.parametrize(
    ("shape", "labels", "axes"),
    [
        ((3, 4), None, "YX"),
        ((3, 4, 5), None, "ZYX"),
        ((3, 4, 5), ("time", "y", "x"), "TYX"),
        ((2, 3, 4, 5), None, "TZYX"),
        ((2, 3, 4, 5), ("c", "z", "y", "x"), "CZYX"),
        ((1, 2, 3, 4, 5), ("t", "z", "c", "y", "x"), "TZCYX"),
    ],
)
def test_axes(shape: tuple[int, ...], labels: tuple[str, ...] | None, axes: str) -> None:
    layer = ImageLayer(np.zeros(shape), axis_labels=labels, rgb=False)
    assert guess_axes(layer) == axes


def test_axes_in_words() -> None:
    assert in_words("ZYX") == "3-D: Z, Y, X"
    assert in_words("TYX") == "2-D: T, Y, X"


def test_too_many_dimensions_are_said_so() -> None:
    with pytest.raises(ValueError, match="6 dimensions"):
        guess_axes(ImageLayer(np.zeros((1, 1, 1, 1, 2, 2)), rgb=False))


def test_channels_must_have_one_shape() -> None:
    layers = [ImageLayer(np.zeros((4, 5)), name="a"), ImageLayer(np.zeros((4, 6)), name="b")]
    with pytest.raises(ValueError, match="cannot be channels"):
        image_of_layers(layers)


def test_a_plain_folder_is_not_ours(tmp_path) -> None:
    assert get_reader(str(tmp_path)) is None
