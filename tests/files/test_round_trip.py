"""What is written comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.files.images import SIZES, assert_same, make_image

from napari_deconv.files import read, read_history, write
from napari_deconv.image import Channel, Image

SUFFIXES = (".ome.tif", ".tif", ".ome.zarr")
DTYPES = (
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float16",
    "float32",
    "float64",
)
KEPT_BY_OME = set(DTYPES) - {"float16", "int64", "uint64"}
KEPT_BY_IMAGEJ = {"uint8", "uint16", "int16", "float32"}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_keeps_its_values(tmp_path: Path, suffix: str, dtype: str) -> None:
    image = make_image("CZYX", dtype)
    if dtype == "float64" and suffix == ".tif":
        image = image.replace(data=np.round(image.data))
    write(tmp_path / f"x{suffix}", image)
    found = read(tmp_path / f"x{suffix}")
    assert_same(found, image)
    kept = {".ome.tif": KEPT_BY_OME, ".tif": KEPT_BY_IMAGEJ, ".ome.zarr": set(DTYPES)}[suffix]
    assert (found.dtype == image.dtype) == (dtype in kept)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("axes", ["YX", "ZYX", "TYX", "CYX", "TZYX", "CZYX", "TCYX", "TCZYX"])
def test_every_set_of_axes(tmp_path: Path, suffix: str, axes: str) -> None:
    image = make_image(axes)
    write(tmp_path / f"cells{suffix}", image)
    found = read(tmp_path / f"cells{suffix}")
    assert_same(found, image)
    assert found.name == "cells"
    assert read_history(tmp_path / f"cells{suffix}") == image.history


lengths = st.floats(1e-3, 50)
names = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)


@st.composite
def images(draw: st.DrawFn) -> Image:
    axes = "".join(axis for axis in "TCZ" if draw(st.booleans())) + "YX"
    shape = [draw(st.integers(1, 3)) for _ in axes]
    dtype = draw(st.sampled_from(["uint8", "uint16", "float32"]))
    data = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 200, shape).astype(dtype)
    voxel = {axis: draw(lengths) for axis in axes if axis in "ZYX" and draw(st.booleans())}
    origin = {axis: draw(st.floats(-1e4, 1e4)) for axis in voxel if draw(st.booleans())}
    colors = st.none() | st.integers(0, 2**24 - 1).map(lambda value: f"#{value:06X}")
    count = shape[axes.index("C")] if "C" in axes else 1
    channels = [Channel(name=draw(names), color=draw(colors)) for _ in range(count)]
    step = draw(st.none() | st.floats(1e-3, 1e4)) if "T" in axes else None
    return Image(
        data,
        axes,
        voxel=voxel,
        origin=origin,
        channels=channels,
        time_step=step,
        name=draw(names),
        history=({"a": "µ\n"},),
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(image=images())
def test_any_image_comes_back(tmp_path: Path, suffix: str, image: Image) -> None:
    write(tmp_path / f"x{suffix}", image, overwrite=True)
    found = read(tmp_path / f"x{suffix}")
    assert found.axes == image.axes
    np.testing.assert_array_equal(found.numpy(), image.numpy())
    assert found.history == image.history
    assert found.voxel == pytest.approx(image.voxel, rel=1e-6)
    for axis in image.origin:
        assert found.origin.get(axis, 0.0) == pytest.approx(image.origin[axis], rel=1e-6, abs=1e-9)
    assert found.time_step == pytest.approx(image.time_step)
    assert [each.color for each in found.channels] == [each.color for each in image.channels]
    assert [each.name for each in found.channels] == [each.name for each in image.channels]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_pixel(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"x{suffix}", Image(np.full((1, 1), 7, np.uint8)))
    found = read(tmp_path / f"x{suffix}")
    assert (found.axes, found.shape, found.numpy().tolist()) == ("YX", (1, 1), [[7]])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_known_stays_unknown(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"x{suffix}", Image(np.zeros((2, 3, 4, 5), np.float32), "TZYX"))
    found = read(tmp_path / f"x{suffix}")
    assert found.voxel == found.origin == {}
    assert found.time_step is None
    assert found.channels == (Channel(),)
    assert found.notices == ()
    assert found.history == ()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_infinite_and_nan_values_are_kept(tmp_path: Path, suffix: str) -> None:
    data = np.array([[np.nan, np.inf], [-np.inf, 1]], np.float32)
    write(tmp_path / f"x{suffix}", Image(data))
    np.testing.assert_array_equal(read(tmp_path / f"x{suffix}").numpy(), data)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_history_that_json_does_not_know_is_made_plain(tmp_path: Path, suffix: str) -> None:
    history = (
        {
            "path": Path("a/b.tif"),
            "values": np.arange(2),
            "scalar": np.float32(0.5),
            "bad": float("nan"),
            "pair": (1, 2),
        },
    )
    write(tmp_path / f"x{suffix}", make_image("YX", history=history))
    assert read_history(tmp_path / f"x{suffix}") == (
        {"path": "a/b.tif", "values": [0, 1], "scalar": 0.5, "bad": None, "pair": [1, 2]},
    )


def test_sizes_of_the_tests_differ() -> None:
    assert len(set(SIZES.values())) == len(SIZES)
