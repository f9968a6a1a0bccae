"""Images: axes, sizes, crops, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import napari_deconv as nd
from napari_deconv.image import Channel, Region


def test_axes_are_put_in_order_without_a_copy() -> None:
    array = np.arange(24).reshape(2, 3, 4)
    image = nd.Image(array, "YXZ", voxel={"Z": 0.5, "Y": 0.1, "X": 0.2})
    assert image.axes == "ZYX"
    assert image.shape == (4, 2, 3)
    assert image.spacing == (0.5, 0.1, 0.2)
    assert np.shares_memory(image.numpy(), array)


@pytest.mark.parametrize(("ndim", "axes"), [(2, "YX"), (3, "ZYX"), (4, "CZYX"), (5, "TCZYX")])
def test_axes_have_defaults(ndim: int, axes: str) -> None:
    assert nd.Image(np.zeros((2,) * ndim)).axes == axes


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (0.1, {"Z": 0.1, "Y": 0.1, "X": 0.1}),
        ((0.3, 0.1, 0.2), {"Z": 0.3, "Y": 0.1, "X": 0.2}),
        ({"X": 0.2, "Z": None}, {"X": 0.2}),
        (None, {}),
    ],
)
def test_voxels_are_given_in_any_way(given: Any, kept: dict[str, float]) -> None:
    assert nd.Image(np.zeros((2, 3, 4)), voxel=given).voxel == kept


def test_blocks_are_views_with_three_axes() -> None:
    array = np.arange(2 * 3 * 5 * 6).reshape(2, 3, 5, 6)
    image = nd.Image(array, "TCYX")
    block = image.block(1, 2)
    assert block.shape == (1, 5, 6)
    assert np.shares_memory(block, array)
    np.testing.assert_array_equal(block[0], array[1, 2])


def test_a_crop_moves_the_origin_and_keeps_its_channels() -> None:
    image = nd.Image(
        np.zeros((2, 4, 8, 9)),
        "CZYX",
        voxel=(0.5, 0.1, 0.2),
        origin={"Y": 1.0},
        channels=(Channel(name="a"), Channel(name="b")),
    )
    part = image.crop(Region({"C": (1, 2), "Z": (1, 3), "Y": (2, 5), "X": (3, 9)}))
    assert part.shape == (1, 2, 3, 6)
    assert part.origin == pytest.approx({"Z": 0.5, "Y": 1.2, "X": 0.6})
    assert [each.name for each in part.channels] == ["b"]
    with pytest.raises(ValueError, match="no axis T to crop"):
        image.crop(Region({"T": (0, 1)}))


def test_regions_grow_within_the_image_and_fit_into_each_other() -> None:
    box = Region({"Y": (2, 5), "X": (7, 9)})
    grown = box.grown({"Y": 4, "X": 1}, {"Y": 8, "X": 9})
    assert grown.bounds == {"Y": (0, 8), "X": (6, 9)}
    assert box.within(grown).bounds == {"Y": (2, 5), "X": (1, 3)}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nd.Image(np.zeros((2, 3)), "ZYX"), "name 3 dimensions but the array has 2"),
        (lambda: nd.Image(np.zeros((2, 3)), "YY"), "must be different letters"),
        (lambda: nd.Image(np.zeros((2, 3)), "ZX"), "must hold both Y and X"),
        (lambda: nd.Image(np.zeros((2, 3), complex)), "only real numbers"),
        (lambda: nd.Image(np.zeros((0, 3))), "is empty"),
        (lambda: nd.Image(np.zeros((2, 3)), voxel=-1), "voxel Y is -1 µm: it must be a positive number"),
        (lambda: nd.Image(np.zeros((2, 3)), voxel={"Q": 1}), "voxel names Q"),
        (lambda: nd.Image(np.zeros((2, 3)), voxel=(1, 2, 3, 4)), "must have one number for each of YX"),
        (lambda: nd.Image(np.zeros((2, 3)), origin={"Y": np.nan}), "origin Y is nan µm: it must be a finite number"),
        (
            lambda: nd.Image(np.zeros((2, 3)), channels=(Channel(), Channel())),
            "2 channels are described but the image has 1",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_words(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_importing_is_light() -> None:
    import subprocess
    import sys

    heavy = "{'torch', 'napari', 'qtpy', 'dask', 'zarr', 'skimage', 'matplotlib'}"
    code = f"import sys, napari_deconv; print(sorted({heavy} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
