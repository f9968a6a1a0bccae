"""Large files stay on disk: reading one plane reads one plane, and writing goes slab by slab."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_deconv.files import read, write
from napari_deconv.files.planes import planes, slabs
from napari_deconv.image import Image

SUFFIXES = (".ome.tif", ".tif", ".ome.zarr")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Count the bytes that tifffile reads."""
    read_bytes = []
    for name in ("read", "read_array", "read_segments"):
        original = getattr(tifffile.FileHandle, name)

        def counting(
            self: tifffile.FileHandle, *args: object, original: object = original, name: str = name, **more: object
        ) -> object:
            found = original(self, *args, **more)  # type: ignore[operator]
            if name == "read_segments":
                return found
            read_bytes.append(len(found) if name == "read" else found.nbytes)
            return found

        monkeypatch.setattr(tifffile.FileHandle, name, counting)
    return lambda: sum(read_bytes)


@pytest.mark.parametrize("suffix", [".ome.tif", ".tif"])
def test_one_plane_reads_one_plane(tmp_path: Path, counted: Callable[[], int], suffix: str) -> None:
    data = np.random.default_rng(0).integers(0, 999, (64, 128, 128)).astype(np.uint16)
    write(tmp_path / f"x{suffix}", Image(data))
    before = counted()
    image = read(tmp_path / f"x{suffix}", lazy=True)
    opening = counted() - before
    plane = np.asarray(image.data[40])
    reading = counted() - before - opening
    np.testing.assert_array_equal(plane, data[40])
    assert image.is_lazy
    assert opening < data.nbytes / 10
    assert data[0].nbytes <= reading < 3 * data[0].nbytes + opening


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_size_decides(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = np.arange(4 * 9 * 9, dtype=np.float32).reshape(4, 9, 9)
    write(tmp_path / f"x{suffix}", Image(data))
    assert not read(tmp_path / f"x{suffix}").is_lazy
    monkeypatch.setenv("NAPARI_DECONV_LAZY_ABOVE", "1000")
    lazy = read(tmp_path / f"x{suffix}")
    assert lazy.is_lazy
    np.testing.assert_array_equal(lazy.numpy(), data)
    assert not read(tmp_path / f"x{suffix}", lazy=False).is_lazy
    monkeypatch.setenv("NAPARI_DECONV_LAZY_ABOVE", "big")
    with pytest.raises(ValueError, match="'big': it must be a number of bytes"):
        read(tmp_path / f"x{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_lazy_image_is_written_slab_by_slab(tmp_path: Path, suffix: str) -> None:
    import dask.array

    shape, asked = (2, 3, 32, 8, 9), []

    def plane(block_info: dict[object, dict[str, tuple[int, ...]]]) -> np.ndarray:
        place = block_info[None]["chunk-location"]
        asked.append(place)
        return np.full((1, 1, 1, 8, 9), place[0] * 1000 + place[1] * 100 + place[2], np.uint16)

    chunks = ((1,) * 2, (1,) * 3, (1,) * 32, (8,), (9,))
    data = dask.array.map_blocks(plane, chunks=chunks, dtype=np.uint16, meta=np.empty((0,) * 5, np.uint16))
    write(tmp_path / f"x{suffix}", Image(data, "TCZYX"))
    expected = np.add.outer(np.add.outer(np.arange(2) * 1000, np.arange(3) * 100), np.arange(32))[..., None, None]
    np.testing.assert_array_equal(read(tmp_path / f"x{suffix}").numpy(), np.broadcast_to(expected, shape))
    ranged = 3  # of every channel, the middle plane is looked at for the display range
    assert len(asked) <= 2 * 3 * 32 + ranged


def test_slabs_never_hold_more_than_a_chunk() -> None:
    import dask.array

    lazy = Image(dask.array.zeros((2, 10, 4, 4), chunks=(1, 3, 4, 4)), "CZYX")
    assert [slab.shape[0] for *_, slab in slabs(lazy)] == [3, 3, 3, 1] * 2
    assert [slab.shape[0] for *_, slab in slabs(lazy, 4)] == [4, 4, 2] * 2
    assert len(list(planes(lazy, "TZC"))) == 20


def test_a_lazy_image_may_be_copied_over_its_own_file(tmp_path: Path) -> None:
    data = np.arange(5 * 6 * 7, dtype=np.float32).reshape(5, 6, 7)
    write(tmp_path / "x.ome.tif", Image(data))
    lazy = read(tmp_path / "x.ome.tif", lazy=True)
    write(tmp_path / "x.ome.tif", lazy.replace(data=lazy.data + 1), overwrite=True)
    np.testing.assert_array_equal(read(tmp_path / "x.ome.tif").numpy(), data + 1)


def test_lazy_pixels_travel_between_processes(tmp_path: Path) -> None:
    data = np.arange(5 * 6 * 7, dtype=np.float32).reshape(5, 6, 7)
    write(tmp_path / "x.tif", Image(data))
    lazy = pickle.loads(pickle.dumps(read(tmp_path / "x.tif", lazy=True).data))
    np.testing.assert_array_equal(lazy[2].compute(), data[2])
