"""Outputs that appear whole or not at all: written under a hidden name beside their place, then renamed into it."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["check_destination", "check_space", "is_zarr_folder", "written_whole"]


def check_destination(path: Path, *, overwrite: bool) -> None:
    """Refuse a place where nothing can or should be written.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, PermissionError, FileExistsError, IsADirectoryError
        in one sentence with the remedy.
    """
    folder = path.parent
    if not folder.exists():
        raise FileNotFoundError(f"there is no folder {folder} to write {path.name} into: make it, or choose another")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file, not a folder to write {path.name} into: choose another place")
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path} exists already: choose another name, or replace it with --overwrite (overwrite=True)"
        )
    if path.is_dir() and not is_zarr_folder(path):
        raise IsADirectoryError(f"{path} is a folder that is no OME-Zarr: it is not replaced, choose another name")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{folder} may not be written to: choose another folder or change its permissions")


def is_zarr_folder(path: Path) -> bool:
    """Whether a folder has the marks of a Zarr store."""
    return any((path / mark).exists() for mark in ("zarr.json", ".zgroup", ".zattrs", ".zarray"))


def check_space(path: Path, size: int) -> None:
    """Refuse what cannot fit: ``size`` bytes beside ``path``.

    Raises
    ------
    OSError
        with ``errno.ENOSPC``.
    """
    free = shutil.disk_usage(path.parent).free
    if size > free:
        raise OSError(errno.ENOSPC, f"{size / 1e9:.2f} GB are needed and {free / 1e9:.2f} GB are free", str(path))


@contextmanager
def written_whole(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a hidden temporary place beside ``path``; what lies there at the end replaces ``path`` in one step.

    When anything goes wrong in between, a Ctrl-C included, the temporary is removed and ``path`` is as it was.

    Raises
    ------
    OSError
        of the kind that the system raised, in one sentence.
    """
    path = Path(os.path.realpath(path))
    check_destination(path, overwrite=overwrite)
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.partial")
    try:
        yield temporary
        _put_in_place(temporary, path, overwrite=overwrite)
    except OSError as error:
        raise _explained(error, path) from error
    finally:
        _remove(temporary)


def _put_in_place(temporary: Path, path: Path, *, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path} appeared while it was being written: choose another name, or use --overwrite (overwrite=True)"
        )
    if temporary.is_file():
        if path.exists():
            shutil.copymode(path, temporary)
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
    if not path.is_dir():
        temporary.replace(path)
        return
    older = temporary.with_suffix(".older")
    path.replace(older)
    try:
        temporary.replace(path)
    except BaseException:
        older.replace(path)
        raise
    _remove(older)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _explained(error: OSError, path: Path) -> OSError:
    """Return the error as one sentence that says that nothing was written."""
    if error.errno is None:
        return error
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        why = (error.strerror or "").lower()
        explained = OSError(f"{path} was not written, {why}: free some space or choose another disk")
        explained.errno = error.errno
        return explained
    if isinstance(error, PermissionError):
        return PermissionError(f"{path} may not be written: choose another place or change its permissions")
    explained = type(error)(f"{path} was not written: {error.strerror or error}")
    explained.errno = error.errno
    return explained
