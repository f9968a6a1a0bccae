"""``batch``: many files with one recipe."""

from __future__ import annotations

import json
import sys
import time as clock
from pathlib import Path

import typer

from ..running.batch import Outcome, plan_jobs, report_on, run_batch
from ..running.job import Job
from .asked import asked_recipe, told
from .flags import ImageFlags, PsfFlags, RunFlags
from .progress import shown_progress
from .telling import print_json

__all__ = ["REPORT", "restore_many"]

REPORT = "batch-report.json"
"""The report's name in the folder of the results."""


def restore_many(
    sources: list[Path], out: Path, psf: PsfFlags, method: str | None, image: ImageFlags, run: RunFlags,
    workers: int, scheduler: str | None, resume: bool, overwrite: bool, as_json: bool,
) -> None:  # fmt: skip
    """Restore many files into a folder, tell of each, and write the report.

    Raises
    ------
    typer.Exit
        with status 2, or 1 where the fault is ours, when a file failed.
    """
    started = clock.perf_counter()
    said = told(image)
    recipe = asked_recipe(psf, method, said.optics)
    template = Job("", "", recipe, said, run.device, run.memory, overwrite)
    jobs = plan_jobs(sources, out, template)
    out.mkdir(parents=True, exist_ok=True)
    with shown_progress(f"{len(jobs)} files") as show:
        outcomes = run_batch(
            jobs,
            workers=workers,
            scheduler=scheduler,
            resume=resume,
            on_progress=show,
            on_outcome=lambda outcome: _tell(outcome, as_json),
        )
    report = report_on(outcomes, recipe, clock.perf_counter() - started)
    (out / REPORT).write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")
    if as_json:
        print_json(report)
    else:
        print(
            f"{report['done']} done, {report['skipped']} skipped, {report['failed']} failed; the report is {out / REPORT}"
        )
    if report["failed"]:
        raise typer.Exit(1 if any(each.is_ours for each in outcomes) else 2)


def _tell(outcome: Outcome, as_json: bool) -> None:
    if outcome.state == "failed":
        print(f"{outcome.source}: failed: {outcome.error}", file=sys.stderr)
    elif not as_json:
        seconds = f" in {outcome.seconds:.1f} s" if outcome.state == "done" else ""
        print(f"{outcome.source} -> {outcome.output} ({outcome.state}{seconds})", flush=True)
