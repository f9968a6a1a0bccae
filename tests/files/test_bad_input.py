"""Whatever is wrong with a file is one sentence."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.files.images import make_image

from napari_deconv.files import read, supports, write


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^there is no file .*absent.tif: check the path$"):
        read(tmp_path / "absent.tif")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=r"is a folder, but no OME-Zarr image: name a file in it$"):
        read(tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "x.tif").touch()
    with pytest.raises(ValueError, match=r"is empty \(0 bytes\)"):
        read(tmp_path / "x.tif")


@pytest.mark.parametrize("content", [b"x", b"not a TIFF at all, but some text", b"\x89PNG\r\n\x1a\n" * 40])
def test_not_a_tiff(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tif").write_bytes(content)
    with pytest.raises(ValueError, match=r"is not a TIFF file: convert it"):
        read(tmp_path / "x.tif")


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("kind", ["imagej", "ome", "ours.ome.tif", "ours.tif", "plain", "zlib", "pages"])
def test_a_truncated_file_is_an_error_not_zeros(tmp_path: Path, kind: str, share: float, lazy: bool) -> None:
    data = np.random.default_rng(0).integers(1, 255, (12, 40, 50)).astype(np.uint8)
    path = tmp_path / (kind if kind.startswith("ours") else "x.tif")
    write_of_kind(path, kind, data)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ValueError, match=r"truncated|damaged") as raised:
        read(path, lazy=lazy).numpy()
    assert "\n" not in str(raised.value)


def write_of_kind(path: Path, kind: str, data: np.ndarray) -> None:
    if kind.startswith("ours"):
        write(path, make_image("ZYX").replace(data=data))
    elif kind == "pages":
        with tifffile.TiffWriter(path) as file:
            for plane in data:
                file.write(plane, metadata=None, photometric="minisblack", contiguous=False)
    else:
        how = {
            "imagej": {"imagej": True},
            "ome": {"ome": True},
            "plain": {"metadata": None},
            "zlib": {"compression": "zlib"},
        }
        tifffile.imwrite(path, data, photometric="minisblack", **how[kind])


def test_a_damaged_plane(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(1, 255, (3, 64, 64)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "x.tif", data, compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(tmp_path / "x.tif") as file:
        start = file.pages[1].dataoffsets[0]
    content = bytearray((tmp_path / "x.tif").read_bytes())
    content[start : start + 100] = bytes(100)
    (tmp_path / "x.tif").write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read"):
        read(tmp_path / "x.tif")
    lazy = read(tmp_path / "x.tif", lazy=True)
    np.testing.assert_array_equal(np.asarray(lazy.data[0]), data[0])
    with pytest.raises(ValueError, match="cannot be read"):
        np.asarray(lazy.data[1])


def test_complex_values(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((4, 5), np.complex64))
    with pytest.raises(ValueError, match=r"is of complex64: only real numbers"):
        read(tmp_path / "x.tif")


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ("YX", "name 2 dimensions but x.tif has 3"),
        ("ZZX", "different letters"),
        ("ZQX", "different letters"),
        ("TCZ", "with both Y and X"),
    ],
)
def test_axes_that_do_not_fit(tmp_path: Path, axes: str, message: str) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((3, 4, 5), np.uint8), photometric="minisblack")
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "x.tif", axes=axes)


def test_too_many_axes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((2, 2, 2, 2, 4, 5), np.uint8), photometric="minisblack")
    with pytest.raises(ValueError, match="an image has at most T, C, Z, Y and X"):
        read(tmp_path / "x.tif")


@pytest.mark.parametrize("voxel", [(0, 1, 1), (1, 2), {"Q": 1}, (float("nan"), 1, 1)])
def test_a_voxel_that_does_not_fit(tmp_path: Path, voxel: object) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((3, 4, 5), np.uint8), photometric="minisblack")
    with pytest.raises(ValueError, match="voxel"):
        read(tmp_path / "x.tif", voxel=voxel)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "x.tif", make_image("YX"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match="may not be read"):
        read(tmp_path / "x.tif")


def test_supports() -> None:
    assert all(supports(name) for name in ("a.tif", "b.OME.TIFF", "c.ome.zarr", "/d/e.tiff", "f.btf"))
    assert not any(supports(name) for name in ("a.png", "tif", "b.tif.gz"))
