"""`run_batch`: many files with one recipe, here, in several processes, or on a dask cluster; one failure stops nothing else.

jobs -> executor (none | processes | dask) -> outcomes as they come -> report
"""

from __future__ import annotations

import os
import signal
import time as clock
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..files import READABLE, read_history, suffix_of, supports
from ..recipe import Recipe
from .failure import explain_failure
from .job import Job, OnProgress, run_job

__all__ = ["Outcome", "is_done", "plan_jobs", "report_on", "run_batch"]


@dataclass(frozen=True)
class Outcome:
    """What became of one file: ``state`` is done, skipped or failed; ``error`` is a sentence, ``is_ours`` a fault of ours."""

    source: str
    output: str
    state: str
    seconds: float = 0.0
    error: str = ""
    is_ours: bool = False
    summary: dict[str, Any] | None = None


def plan_jobs(sources: Sequence[Path], out: Path, template: Job) -> list[Job]:
    """Return one job a file, its result in ``out`` under the file's own name as .ome.tif; a folder stands for its images.

    Raises
    ------
    ValueError
        when two results would have one name, or there is no file at all.
    """
    jobs: dict[Path, Job] = {}
    for source in _files_of(sources):
        output = out / f"{_stem(source)}.ome.tif"
        if output in jobs:
            raise ValueError(
                f"{jobs[output].source} and {source} would both be written to {output}: restore them into different folders"
            )
        jobs[output] = replace(template, source=str(source), output=str(output))
    if not jobs:
        raise ValueError(
            f"there is no image among {', '.join(map(str, sources))}: name files that end in {', '.join(READABLE)}"
        )
    return list(jobs.values())


def run_batch(
    jobs: Sequence[Job],
    *,
    workers: int = 1,
    scheduler: str | None = None,
    resume: bool = False,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
    on_progress: OnProgress = lambda _: None,
) -> list[Outcome]:
    """Run the jobs, and return what became of each, in their order; a job that fails is recorded and the rest goes on.

    Parameters
    ----------
    workers : how many at once, each in a process of its own; 1 runs them one after the other in this process.
    scheduler : the address of a dask scheduler whose workers see the same files; needs the package distributed.
    resume : skip a job whose result is there already, see `is_done`.
    on_outcome : is told of each as it ends. on_progress : of each step, only in this process.
    """
    outcomes = {
        number: Outcome(job.source, job.output, "skipped") for number, job in enumerate(jobs) if resume and is_done(job)
    }
    for outcome in outcomes.values():
        on_outcome(outcome)
    left = {number: job for number, job in enumerate(jobs) if number not in outcomes}
    if scheduler is None and workers == 1:
        ended: Iterator[tuple[int, Outcome]] = ((number, run_one(job, on_progress)) for number, job in left.items())
    else:
        ended = _run_elsewhere(left, workers, scheduler)
    for number, outcome in ended:
        outcomes[number] = outcome
        on_outcome(outcome)
    return [outcomes[number] for number in range(len(jobs))]


def run_one(job: Job, on_progress: OnProgress = lambda _: None) -> Outcome:
    """Run one job and return what became of it, whatever goes wrong but an interruption."""
    started = clock.perf_counter()
    try:
        summary = run_job(job, on_progress)
    except Exception as error:
        failure = explain_failure(error)
        return Outcome(job.source, job.output, "failed", _since(started), failure.sentence, failure.is_ours)
    return Outcome(job.source, job.output, "done", _since(started), summary=summary)


def run_until_ended(job: Job) -> Outcome:
    """Run one job in a process of a pool, and end that process when SIGTERM comes in the middle, half-written files removed.

    The pool itself would take the exit for the job's answer and begin the next job.
    """
    try:
        return run_one(job)
    except SystemExit as ended:
        os._exit(ended.code if isinstance(ended.code, int) else 1)


def is_done(job: Job) -> bool:
    """Whether the job's result is there: made by this recipe, with the same words and PSF, and not older than its input."""
    from ..posing import resolve_psf

    source, output = Path(job.source), Path(job.output)
    if not output.exists() or not source.exists() or source.stat().st_mtime > output.stat().st_mtime:
        return False
    try:
        history = read_history(output)
        record = history[-1] if history else {}
        if record.get("asked") != job.recipe.digest or record.get("told", {}) != job.told.dump():
            return False
        image = job.told.select(job.told.read(source))
        now = [resolve_psf(image, job.recipe, channel) for channel in range(len(image.channels))]
    except (ValueError, OSError):
        return False
    recorded = [each.get("sha256") for each in record.get("psf", ())]
    return recorded == [getattr(model, "sha256", None) for model in now]


def report_on(outcomes: Sequence[Outcome], recipe: Recipe, seconds: float) -> dict[str, Any]:
    """Return the report of a batch as plain values."""
    counts = {state: sum(each.state == state for each in outcomes) for state in ("done", "skipped", "failed")}
    files = [asdict(each) for each in outcomes]
    return {
        **counts,
        "seconds": round(seconds, 3),
        "recipe_digest": recipe.digest,
        "recipe": recipe.dump(),
        "files": files,
    }


def _run_elsewhere(jobs: dict[int, Job], workers: int, scheduler: str | None) -> Iterator[tuple[int, Outcome]]:
    if not jobs:
        return
    opened = _on_processes(workers) if scheduler is None else _on_dask(scheduler)
    run: Callable[[Job], Outcome] = run_until_ended if scheduler is None else run_one
    with opened as executor:
        shared = {number: _with_share(job, workers) for number, job in jobs.items()} if scheduler is None else jobs
        futures = {executor.submit(run, job): number for number, job in shared.items()}
        for future in as_completed(futures):
            number = futures[future]
            yield number, _outcome_of(future, jobs[number])


def _outcome_of(future: Any, job: Job) -> Outcome:
    """Return what a worker answered, or what to say when it could not."""
    try:
        outcome: Outcome = future.result()
    except BrokenProcessPool:
        told = "a worker process died, most likely for want of memory: give fewer --workers or a smaller --memory"
        return Outcome(job.source, job.output, "failed", error=told)
    except Exception as error:
        failure = explain_failure(error)
        return Outcome(job.source, job.output, "failed", error=failure.sentence, is_ours=failure.is_ours)
    return outcome


@contextmanager
def _on_processes(workers: int) -> Iterator[Executor]:
    """Give an executor of so many fresh processes that share the cores, and end their work when this process is interrupted."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _prepare_worker, (workers,))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _on_dask(address: str) -> Iterator[Executor]:
    from distributed import Client

    connect: Any = Client
    try:
        client = connect(address)
    except (OSError, ValueError) as error:
        raise ValueError(f"no dask scheduler answers at {address} ({error}): check --scheduler") from None
    with client, client.get_executor(pure=False) as executor:
        yield executor


def _prepare_worker(workers: int) -> None:
    """Give a worker its share of the cores, let SIGTERM unwind its stack, and leave Ctrl-C to the process that started it."""
    import torch

    def leave(*_: Any) -> None:
        raise SystemExit(143)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))


def _with_share(job: Job, workers: int) -> Job:
    """Return the job with its share of the memory that ``auto`` would take."""
    if job.memory != "auto":
        return job
    from .device import choose_device, plan_budget

    return replace(job, memory=str(plan_budget("auto", choose_device(job.device)) // workers))


def _files_of(sources: Sequence[Path]) -> Iterator[Path]:
    for source in sources:
        if source.is_dir() and not supports(source):
            yield from sorted(each for each in source.iterdir() if supports(each))
        else:
            yield source


def _stem(path: Path) -> str:
    ending = suffix_of(path, READABLE) or path.suffix
    return path.name[: len(path.name) - len(ending)] if ending else path.name


def _since(started: float) -> float:
    return round(clock.perf_counter() - started, 3)
