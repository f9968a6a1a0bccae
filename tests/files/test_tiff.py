"""TIFF files that others wrote are read right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_deconv.files import read
from napari_deconv.files.hyperstack import lookup_table

SIZES = {"T": 2, "Z": 3, "C": 4, "Y": 5, "X": 6, "S": 3, "Q": 7, "I": 8}


def values(axes: str, dtype: str = "uint8") -> np.ndarray[Any, Any]:
    shape = [SIZES[axis] for axis in axes]
    return np.random.default_rng(1).integers(0, 200, shape).astype(dtype)


def in_order(data: np.ndarray[Any, Any], axes: str) -> np.ndarray[Any, Any]:
    """Return the array with its axes as TCZYX."""
    return data.transpose([axes.index(axis) for axis in "TCZYX" if axis in axes])


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    "axes", ["TZCYX", "TCZYX", "ZTCYX", "CTZYX", "ZCTYX", "CZTYX", "CZYX", "ZCYX", "TYX", "ZYX", "CYX"]
)
def test_ome_in_any_order(tmp_path: Path, axes: str, lazy: bool) -> None:
    data = values(axes, "int16")
    tifffile.imwrite(tmp_path / "x.ome.tif", data, metadata={"axes": axes}, photometric="minisblack")
    image = read(tmp_path / "x.ome.tif", lazy=lazy)
    assert image.axes == "".join(axis for axis in "TCZYX" if axis in axes)
    np.testing.assert_array_equal(image.numpy(), in_order(data, axes))
    assert image.notices == ()


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("axes", ["TZCYX", "ZCYX", "TZYX", "TCYX", "ZYX", "CYX", "TYX", "YX"])
def test_imagej_in_its_order(tmp_path: Path, axes: str, lazy: bool) -> None:
    data = values(axes)
    tifffile.imwrite(tmp_path / "x.tif", data, imagej=True, metadata={"axes": axes})
    image = read(tmp_path / "x.tif", lazy=lazy)
    np.testing.assert_array_equal(image.numpy(), in_order(data, axes))
    assert image.notices == ()


@pytest.mark.parametrize(
    ("unit", "per_pixel", "expected"),
    [
        ("micron", 0.1, 0.1), ("um", 0.1, 0.1), ("µm", 0.1, 0.1), ("\\u00B5m", 0.1, 0.1), ("nm", 65, 0.065), ("mm", 1e-4, 0.1),
        ("cm", 1e-5, 0.1), ("inch", 1e-5, 0.254), ("inch", 1 / 72, None), ("pixel", 2, None), ("", 2, None), ("furlong", 2, None),
    ],
)  # fmt: skip
def test_imagej_units(tmp_path: Path, unit: str, per_pixel: float, expected: float | None) -> None:
    metadata = {
        "axes": "ZYX",
        "spacing": 2 * per_pixel,
        **({"unit": unit} if unit.isascii() else {"unit": unit.replace("µ", "\\u00B5")}),
    }
    tifffile.imwrite(
        tmp_path / "x.tif", values("ZYX"), imagej=True, resolution=(1 / per_pixel, 2 / per_pixel), metadata=metadata
    )
    voxel = read(tmp_path / "x.tif").voxel
    wanted = {} if expected is None else {"Z": 2 * expected, "Y": expected / 2, "X": expected}
    assert voxel == pytest.approx(wanted, rel=1e-5)


def test_imagej_colours_names_origin_and_time(tmp_path: Path) -> None:
    tables = [lookup_table(color) for color in ("#FF0000", "#00FF00", "#0080FF")]
    tables.append(np.stack([np.arange(256, dtype=np.uint8)[::-1]] * 3))
    names = ["DAPI", "GFP", "RFP", "Cy5"]
    metadata = {
        "axes": "TZCYX", "mode": "composite", "LUTs": tables, "Ranges": (0.0, 9.0, 1.0, 8.0, 2.0, 7.0, 3.0, 6.0), "unit": "um",
        "spacing": 0.5, "finterval": 0.25, "Labels": names * 6, "Info": "made by hand", "xorigin": -10.0, "zorigin": 4.0,
    }  # fmt: skip
    tifffile.imwrite(tmp_path / "x.tif", values("TZCYX"), imagej=True, resolution=(10, 10), metadata=metadata)
    image = read(tmp_path / "x.tif")
    assert [each.name for each in image.channels] == names
    assert [each.color for each in image.channels] == ["#FF0000", "#00FF00", "#0080FF", None]
    assert image.time_step == 0.25
    assert image.origin == {"X": 1.0, "Z": -2.0}
    assert image.metadata["contrast_limits"] == [(0, 9), (1, 8), (2, 7), (3, 6)]
    assert image.metadata["info"] == "made by hand"


def test_a_single_lookup_table_is_the_channel_s_colour(tmp_path: Path) -> None:
    table = lookup_table("#00FF00").astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "x.tif", values("YX"), imagej=True, colormap=table)
    assert read(tmp_path / "x.tif").channels[0].color == "#00FF00"


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    ("axes", "became"), [("QYX", "ZYX"), ("IYX", "ZYX"), ("QZYX", "CZYX"), ("QIYX", "CZYX"), ("QTCYX", "TCZYX")]
)
def test_ambiguous_axes_become_z_with_a_notice(tmp_path: Path, axes: str, became: str, lazy: bool) -> None:
    data = values(axes)
    tifffile.imwrite(tmp_path / "x.tif", data, metadata={"axes": axes}, photometric="minisblack")
    image = read(tmp_path / "x.tif", lazy=lazy)
    assert image.axes == became
    assert sorted(image.shape) == sorted(data.shape)
    assert image.notices[-1].startswith(f"axes {axes}: ")
    assert image.notices[-1].endswith("give --axes to override")
    if len(axes) == 3:
        assert image.notices[-1] == f"axes {axes}: {axes[0]} read as Z; give --axes to override"


def test_axes_and_voxel_override(tmp_path: Path) -> None:
    data = values("QYX")
    tifffile.imwrite(tmp_path / "x.tif", data, photometric="minisblack")
    image = read(tmp_path / "x.tif", axes="tyx", voxel=(0.2, 0.3))
    assert (image.axes, image.voxel, image.notices) == ("TYX", {"Y": 0.2, "X": 0.3}, ())
    turned = read(tmp_path / "x.tif", axes="XYZ")
    np.testing.assert_array_equal(turned.numpy(), data.transpose(2, 1, 0))
    tifffile.imwrite(
        tmp_path / "y.tif", values("ZYX"), imagej=True, resolution=(10, 10), metadata={"unit": "um", "spacing": 0.5}
    )
    assert read(tmp_path / "y.tif", voxel={"Z": 2}).voxel == {"Z": 2.0, "Y": 0.1, "X": 0.1}


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("leading", ["", "Z", "TZ"])
def test_colour_samples_become_channels(tmp_path: Path, leading: str, lazy: bool) -> None:
    data = values(leading + "YXS")
    tifffile.imwrite(tmp_path / "x.tif", data, photometric="rgb", metadata={"axes": leading + "YXS"})
    image = read(tmp_path / "x.tif", lazy=lazy)
    assert [(each.name, each.color) for each in image.channels] == [
        ("red", "#FF0000"),
        ("green", "#00FF00"),
        ("blue", "#0000FF"),
    ]
    np.testing.assert_array_equal(image.numpy(), in_order(data, (leading + "YXS").replace("S", "C")))


def test_transparency_is_left_out_with_a_notice(tmp_path: Path) -> None:
    data = np.zeros((5, 6, 4), np.uint8)
    tifffile.imwrite(tmp_path / "x.tif", data, photometric="rgb", extrasamples=["unassalpha"])
    image = read(tmp_path / "x.tif")
    assert image.shape == (3, 5, 6)
    assert "transparency" in image.notices[0]


def test_samples_that_are_no_colour_become_z(tmp_path: Path) -> None:
    data = np.zeros((5, 6, 7), np.uint8)
    tifffile.imwrite(tmp_path / "x.tif", data, photometric="minisblack", planarconfig="contig")
    image = read(tmp_path / "x.tif")
    assert (image.axes, image.shape) == ("ZYX", (7, 5, 6))
    assert "S read as Z" in image.notices[-1]


@pytest.mark.parametrize("lazy", [False, True])
def test_series_are_chosen_and_told_of(tmp_path: Path, lazy: bool) -> None:
    with tifffile.TiffWriter(tmp_path / "x.tif") as file:
        file.write(np.zeros((3, 5, 6), np.uint8), photometric="minisblack")
        file.write(np.ones((4, 7), np.uint16), photometric="minisblack")
    image = read(tmp_path / "x.tif", series=1, lazy=lazy)
    assert (image.shape, image.numpy().max()) == ((4, 7), 1)
    assert "holds 2 series (0: QYX 3 × 5 × 6, 1: YX 4 × 7): series 1 was read" in image.notices[0]
    with pytest.raises(ValueError, match="has 2 series, numbered from 0: there is no series 2"):
        read(tmp_path / "x.tif", series=2)


@pytest.mark.parametrize(
    ("unit", "per_unit", "expected"),
    [("CENTIMETER", 1e5, 0.1), ("CENTIMETER", 118, None), ("INCH", 72, None), ("NONE", 1, None)],
)
def test_plain_resolution_only_where_it_is_believable(
    tmp_path: Path, unit: str, per_unit: float, expected: float | None
) -> None:
    tifffile.imwrite(
        tmp_path / "x.tif", values("YX"), resolution=(per_unit, per_unit), resolutionunit=unit, metadata=None
    )
    assert read(tmp_path / "x.tif").voxel == ({} if expected is None else {"Y": expected, "X": expected})


@pytest.mark.parametrize(
    "dtype",
    ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64", "bool"],
)
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_plain_types_and_byte_orders(tmp_path: Path, dtype: str, byteorder: str) -> None:
    data = values("YX").astype(dtype)
    tifffile.imwrite(tmp_path / "x.tif", data, byteorder=byteorder, bigtiff=True, metadata=None)
    image = read(tmp_path / "x.tif")
    assert image.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(image.numpy(), data)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits", "zstd"])
def test_compressed_and_tiled(tmp_path: Path, compression: str, lazy: bool) -> None:
    data = np.random.default_rng(0).integers(0, 9, (3, 40, 50)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "x.tif",
        data,
        compression=compression,
        tile=(16, 32),
        metadata={"axes": "ZYX"},
        photometric="minisblack",
    )
    np.testing.assert_array_equal(read(tmp_path / "x.tif", lazy=lazy).numpy(), data)


def test_white_is_zero_is_told(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", values("YX"), photometric="miniswhite")
    assert "white-is-zero" in read(tmp_path / "x.tif").notices[0]
