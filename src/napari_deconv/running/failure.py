"""What went wrong, in one sentence, and whose matter it is: the user's (words, files, disk, memory) or ours (a bug)."""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import dataclass
from types import TracebackType

__all__ = ["Failure", "explain_failure"]

OF_THE_SYSTEM = {
    errno.ENOENT: "there is no file or folder {name}: check the path",
    errno.EACCES: "there is no permission for {name}: choose another folder, or have its permissions changed",
    errno.EPERM: "there is no permission for {name}: choose another folder, or have its permissions changed",
    errno.EROFS: "{name} is on a disk that is read-only: choose another folder",
    errno.ENOSPC: "the disk of {name} is full{more}: free some space or choose another folder",
    errno.EDQUOT: "your share of the disk of {name} is used up: free some space or choose another folder",
    errno.EFBIG: "{name} grows larger than its disk allows: choose another folder",
    errno.EISDIR: "{name} is a folder: name a file",
    errno.ENOTDIR: "a part of the path of {name} is a file, not a folder: check the path",
    errno.ENAMETOOLONG: "the name {name} is too long: choose a shorter one",
    errno.EIO: "the disk of {name} answers with an error: copy the file elsewhere and try again",
}


@dataclass(frozen=True)
class Failure:
    """One sentence on what went wrong, with the remedy; ``is_ours`` where it is a bug that is worth a report."""

    sentence: str
    is_ours: bool


def explain_failure(error: BaseException) -> Failure:
    """Say what an exception means to the person who asked.

    A `ValueError` that the package raised itself is a sentence to its user; one from deep inside a library is a bug of ours.
    """
    from pydantic import ValidationError

    from ..settings import explain_invalid

    if isinstance(error, ValidationError):
        return Failure(_one_line(explain_invalid(error)), is_ours=False)
    if _ran_out_of_memory(error):
        return Failure(_on_memory(error), is_ours=False)
    if isinstance(error, OSError):
        return Failure(_on_the_system(error), is_ours=False)
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("napari_deconv"):
        return Failure(f"the package {error.name} is missing: pip install {error.name.split('.')[0]}", is_ours=False)
    if isinstance(error, ValueError) and _raised_here(error.__traceback__):
        return Failure(_one_line(str(error)), is_ours=False)
    told = _one_line(f"{type(error).__name__}: {error}")
    return Failure(
        f"this is a fault of napari-deconv ({told}): please report it, with the lines above, {_where_to_report()}",
        is_ours=True,
    )


def _where_to_report() -> str:
    """Return the address of the project's issues, as its metadata give it."""
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        told = metadata("napari-deconv").get_all("Project-URL") or []
    except PackageNotFoundError:
        told = []
    named = dict(each.split(", ", 1) for each in told)
    return f"at {named['Issues']}" if "Issues" in named else "to its authors"


def _raised_here(trace: TracebackType | None) -> bool:
    """Whether the innermost frame belongs to this package."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    package = __name__.split(".")[0]
    return trace is not None and trace.tb_frame.f_globals.get("__name__", "").split(".")[0] == package


def _ran_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    if "torch" not in sys.modules:
        return False
    from .device import is_out_of_memory

    return is_out_of_memory(error)


def _on_memory(error: BaseException) -> str:
    told = _one_line(str(error))
    if "--memory" in told:
        return told
    return f"memory ran out{f' ({told})' if told else ''}: close other programs, or give --memory a smaller size"


def _on_the_system(error: OSError) -> str:
    if error.errno is None or len(error.args) == 1:
        return _one_line(str(error))
    name = error.filename or error.filename2 or "the file"
    if isinstance(name, bytes):
        name = name.decode(errors="replace")
    told = error.strerror or ""
    more = f" ({told})" if told and told != os.strerror(error.errno) else ""
    sentence = OF_THE_SYSTEM.get(error.errno)
    if sentence is None:
        return _one_line(f"{name}: {told or error}: check the path and the disk")
    return _one_line(sentence.format(name=name, more=more))


def _one_line(text: str) -> str:
    return " ".join(text.split())
