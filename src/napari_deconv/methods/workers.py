"""Workers: parts of one volume done side by side, each part by one core, so that what is under way stays in that core's cache.

Libraries that split every small operation over all cores wait for the slowest of them each time, and on a busy machine lose most of
their time so. Here a worker takes the next part whenever it is free, and inside a part nothing is split.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

__all__ = ["spread"]

_POOLS: dict[int, ThreadPoolExecutor] = {}
_MAKING = threading.Lock()


def spread(work: Callable[[slice], None], total: int, step: int, device: Any) -> None:
    """Call work with stretches of range(total), ``step`` long: side by side on a processor of which torch may use several threads.

    The first error of a part is raised when no part is under way any more.
    """
    parts = [slice(start, min(start + step, total)) for start in range(0, total, step)]
    pool = _pool() if device.type == "cpu" and len(parts) > 1 else None
    if pool is None:
        for part in parts:
            work(part)
        return
    under_way = [pool.submit(work, part) for part in parts]
    errors = [each.exception() for each in under_way]
    for error in errors:
        if error is not None:
            raise error


def _pool() -> ThreadPoolExecutor | None:
    """Return the workers, as many as torch may use threads; None where that is one, or where workers could not be kept to one."""
    import torch

    threads = torch.get_num_threads()
    if threads == 1 or (torch.backends.mkl.is_available() and _one_of_mkl() is None):  # type: ignore[no-untyped-call]
        return None
    with _MAKING:
        if threads not in _POOLS:
            _POOLS[threads] = _start(threads)
        return _POOLS[threads]


def _start(threads: int) -> ThreadPoolExecutor:
    """Return so many workers, each of which may use one thread; torch's setting for everybody else stays."""
    import torch

    all_started = threading.Barrier(threads)
    set_mkl = _one_of_mkl()

    def begin() -> None:
        torch.get_num_threads()  # a thread's first use of torch would take everybody's setting, and later undo its own
        torch.set_num_threads(1)
        if set_mkl is not None:
            set_mkl(1)
        all_started.wait()

    pool = ThreadPoolExecutor(threads, thread_name_prefix="napari-deconv part", initializer=begin)
    for each in [pool.submit(int) for _ in range(threads)]:
        each.result()
    torch.set_num_threads(threads)
    return pool


def _one_of_mkl() -> Callable[[int], int] | None:
    """Return MKL's own setting of the calling thread, as torch's library exports it, or None."""
    import ctypes
    from pathlib import Path

    import torch

    try:
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        setting: Callable[[int], int] = library.MKL_Set_Num_Threads_Local
    except (OSError, AttributeError):
        return None
    return setting


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_POOLS.clear)
