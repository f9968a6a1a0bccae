"""An output appears whole or not at all, whatever goes wrong."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from tests.files.images import make_image

from napari_deconv.files import read, write
from napari_deconv.files.whole import written_whole

SUFFIXES = (".ome.tif", ".tif", ".ome.zarr")
FAULTS = (OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), MemoryError("no memory"))


@pytest.fixture(params=FAULTS, ids=lambda fault: type(fault).__name__)
def fault(request: pytest.FixtureRequest) -> BaseException:
    found: BaseException = request.param
    return found


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("exists", [False, True])
def test_a_fault_in_the_middle_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, exists: bool, fault: BaseException
) -> None:
    target = tmp_path / f"x{suffix}"
    older = make_image("ZYX").replace(data=np.full((4, 5, 6), 3, np.uint16))
    if exists:
        write(target, older)
    before = sorted(each.name for each in tmp_path.iterdir())
    break_writing(monkeypatch, fault)
    with pytest.raises(type(fault)) as raised:
        write(target, make_image("TCZYX"), overwrite=True)
    monkeypatch.undo()
    assert sorted(each.name for each in tmp_path.iterdir()) == before
    if isinstance(fault, OSError):
        assert "was not written" in str(raised.value)
        assert "free some space" in str(raised.value)
        assert raised.value.errno == errno.ENOSPC  # type: ignore[attr-defined]
    if exists:
        np.testing.assert_array_equal(read(target).numpy(), older.numpy())


def break_writing(monkeypatch: pytest.MonkeyPatch, fault: BaseException) -> None:
    """Let the third plane or slab fail, after some have reached the disk."""
    import napari_deconv.files.hyperstack as hyperstack
    import napari_deconv.files.ome_tiff as ome_tiff
    import napari_deconv.files.zarr as ome_zarr

    def failing(pieces: object) -> object:
        def broken(*args: object) -> Iterator[object]:
            for number, piece in enumerate(pieces(*args)):  # type: ignore[operator]
                if number == 2:
                    raise fault
                yield piece

        return broken

    monkeypatch.setattr(hyperstack, "planes", failing(hyperstack.planes))
    monkeypatch.setattr(ome_tiff, "planes", failing(ome_tiff.planes))
    monkeypatch.setattr(ome_zarr, "bands", failing(ome_zarr.bands))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_fault_while_renaming_leaves_the_older(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, fault: BaseException
) -> None:
    target = tmp_path / f"x{suffix}"
    write(target, make_image("YX"))
    replace = Path.replace

    def failing(self: Path, other: Path) -> Path:
        if self.parent == tmp_path and self.name.endswith(".partial"):
            raise fault
        return replace(self, other)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(type(fault)):
        write(target, make_image("ZYX"), overwrite=True)
    monkeypatch.undo()
    assert [each.name for each in tmp_path.iterdir()] == [target.name]
    assert read(target).axes == "YX"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_output_is_refused(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"x{suffix}"
    write(target, make_image("YX"))
    with pytest.raises(FileExistsError, match=r"exists already: .*--overwrite"):
        write(target, make_image("ZYX"))
    assert read(target).axes == "YX"
    write(target, make_image("ZYX"), overwrite=True)
    assert read(target).axes == "ZYX"
    assert [each.name for each in tmp_path.iterdir()] == [target.name]


def test_an_output_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "x.tif"
    with pytest.raises(FileExistsError, match="appeared while it was being written"):
        write_beside(target)
    assert target.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [target]


def write_beside(target: Path) -> None:
    with written_whole(target) as temporary:
        temporary.write_text("mine")
        target.write_text("theirs")


def test_the_temporary_is_hidden_and_beside(tmp_path: Path) -> None:
    with written_whole(tmp_path / "x.tif") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".x.tif.")
        temporary.write_text("made")
    assert (tmp_path / "x.tif").read_text() == "made"


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*absent to write x.tif into: make it"):
        write(tmp_path / "absent" / "x.tif", make_image("YX"))
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="is a file, not a folder"):
        write(tmp_path / "file" / "x.tif", make_image("YX"))


@pytest.mark.parametrize("name", ["x.png", "x", "x.ome.tif.gz"])
def test_unknown_suffix(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"no suffix that can be written: use one of \.ome\.tif, "):
        write(tmp_path / name, make_image("YX"))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_no_zarr_is_never_replaced(tmp_path: Path) -> None:
    for name in ("x.ome.zarr", "x.tif"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.txt").write_text("years")
        with pytest.raises(IsADirectoryError, match="is not replaced"):
            write(tmp_path / name, make_image("YX"), overwrite=True)
        assert (tmp_path / name / "thesis.txt").read_text() == "years"


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match="may not be written to: choose another folder"):
        write(tmp_path / "x.tif", make_image("YX"))


def test_the_system_may_refuse_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **more: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tifffile, "TiffWriter", refuse)
    monkeypatch.setattr(zarr, "open_group", refuse)
    for suffix in SUFFIXES:
        with pytest.raises(PermissionError, match="may not be written: choose another place"):
            write(tmp_path / f"x{suffix}", make_image("YX"))


def test_too_little_space_is_found_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, 1))
    for suffix in (".tif", ".ome.tif"):
        with pytest.raises(OSError, match=r"are needed and .* are free") as raised:
            write(tmp_path / f"x{suffix}", make_image("YX"))
        assert raised.value.errno == errno.ENOSPC


def test_the_mode_of_a_replaced_file_is_kept(tmp_path: Path) -> None:
    write(tmp_path / "x.tif", make_image("YX"))
    (tmp_path / "x.tif").chmod(0o640)
    write(tmp_path / "x.tif", make_image("YX"), overwrite=True)
    assert (tmp_path / "x.tif").stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    write(tmp_path / "real.tif", make_image("YX"))
    (tmp_path / "x.tif").symlink_to(tmp_path / "real.tif")
    write(tmp_path / "x.tif", make_image("ZYX"), overwrite=True)
    assert (tmp_path / "x.tif").is_symlink()
    assert read(tmp_path / "real.tif").axes == "ZYX"
