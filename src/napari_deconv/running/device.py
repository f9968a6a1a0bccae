"""Devices: which one runs, how much memory a run may take, and what out-of-memory looks like."""

from __future__ import annotations

import re
from typing import Any, Literal

__all__ = [
    "DeviceName",
    "choose_device",
    "choose_precision",
    "give_back_at_once",
    "hold_to_budget",
    "is_out_of_memory",
    "keep_for_next_time",
    "plan_budget",
    "release",
    "trim",
]

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
MMAP_THRESHOLD, KEPT, LARGEST = -3, 2**21, 2**30
TRIM_THRESHOLD, NEVER = -1, 2**31 - 1
ARENA_MAX, ARENAS = -8, 2
"""The C library's numbers for three of its settings, and what is asked for: bytes from which a buffer is given back when it is freed (where
memory is short, and where it is not), free bytes from which the end of a pool is given back, and the pools that threads take smaller
buffers from, each of which keeps leavings of its own."""
SHARE = 0.6
"""Share of the free memory that ``auto`` takes."""
SIZES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}


def choose_device(name: str = "auto") -> Any:
    """Return the torch device of this name; ``auto`` takes CUDA, then MPS, then the CPU.

    Raises
    ------
    ValueError
        when the name is unknown or this machine has no such device.
    """
    import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    kind = name.split(":")[0]
    if kind not in available:
        raise ValueError(f"unknown device '{name}': it must be auto, cpu, cuda or mps")
    if not available[kind]:
        raise ValueError(f"this machine has no {kind} device that torch can use: choose --device auto or cpu")
    return torch.device(name)


def choose_precision(name: str, device: Any) -> Any:
    """Return the torch type of a recipe's precision, ``single`` or ``double``.

    Raises
    ------
    ValueError
        when the device has no numbers of this precision.
    """
    import torch

    if name == "double" and torch.device(device).type == "mps":
        raise ValueError(
            "precision is 'double' but an mps device computes in single alone: choose --device cpu, or precision single"
        )
    return torch.float64 if name == "double" else torch.float32


def plan_budget(memory: str | int | float = "auto", device: Any = "cpu") -> int:
    """Return how many bytes a run may take: a size such as ``4GB`` or ``512MiB``, or a share of what is free.

    Raises
    ------
    ValueError
        when the size is none.
    """
    if memory == "auto":
        return int(SHARE * free_memory(device))
    match = re.fullmatch(r"\s*([0-9.]+)\s*([KMGT]?I?)B?\s*", str(memory).upper())
    try:
        size = int(float(match[1]) * SIZES[match[2]]) if match else 0
    except (KeyError, ValueError):
        size = 0
    if size <= 0:
        raise ValueError(f"memory '{memory}' is no size: write for example 4GB, 512MiB or auto")
    return size


def hold_to_budget(memory: str | int | float = "auto", device: Any = "cpu", *, keep: bool = False) -> int:
    """Return the same for a run that begins now; where a size is given, freed memory goes back to the system, so that it holds.

    keep : where none is given, have freed buffers kept for the next time: for methods that make large ones anew again and again.
    """
    if memory != "auto":
        give_back_at_once()
    elif keep:
        keep_for_next_time()
    return plan_budget(memory, device)


def free_memory(device: Any) -> int:
    """Return the bytes free on a device now."""
    import torch

    if torch.device(device).type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return int(psutil.virtual_memory().available)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on whatever device."""
    import torch

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and bool(re.search(r"can't allocate memory|out of memory", str(error)))


def trim() -> None:
    """Give what the C library keeps of freed memory back to the system, where it is glibc: else one tile's leavings add to the next one's."""
    _tell_c_library("malloc_trim", 0)


def give_back_at_once() -> None:
    """Have the C library, where it is glibc, give large buffers back as soon as they are freed, in this process from now on.

    By itself it keeps buffers of up to 32 MiB for the next time, and so does the pool of each thread that reads or writes chunks: the
    leavings came to three times the tile. What is smaller than `KEPT`, as all is that an iteration makes and frees, stays with it.
    """
    _tell_c_library("mallopt", MMAP_THRESHOLD, KEPT)
    _tell_c_library("mallopt", TRIM_THRESHOLD, KEPT)
    _tell_c_library("mallopt", ARENA_MAX, ARENAS)


def keep_for_next_time() -> None:
    """Have the C library, where it is glibc, keep large buffers for the next time until `trim`, in this process from now on.

    By itself it asks the system for each buffer above 32 MiB anew, and the system clears it page by page as it is first written: more than
    half of the time of a network on an image of a million pixels.
    """
    _tell_c_library("mallopt", MMAP_THRESHOLD, LARGEST)
    _tell_c_library("mallopt", TRIM_THRESHOLD, NEVER)


def _tell_c_library(name: str, *words: int) -> None:
    import ctypes
    import sys

    if sys.platform == "linux":
        told = getattr(ctypes.CDLL(None), name, None)
        if told is not None:
            told(*words)


def release(device: Any) -> None:
    """Give cached memory back to the system."""
    import gc

    import torch

    gc.collect()
    if torch.device(device).type == "cuda":
        torch.cuda.empty_cache()
