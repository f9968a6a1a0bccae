"""``restore`` and ``replay``: one file into another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import psf as psfs
from ..files import read_history
from ..recipe import Recipe
from ..running.job import Job, Told, check_output, run_job
from .asked import asked_recipe, told
from .flags import ImageFlags, PsfFlags, RunFlags
from .progress import shown_progress, tell_notice
from .telling import print_json

__all__ = ["newest_record", "replay_file", "restore_file"]


def restore_file(
    source: Path,
    output: Path,
    psf: PsfFlags,
    method: str | None,
    image: ImageFlags,
    run: RunFlags,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Restore a file as the flags say, and tell of it."""
    check_output(str(output), overwrite, str(source))
    said = told(image)
    recipe = asked_recipe(psf, method, said.optics)
    _follow(Job(str(source), str(output), recipe, said, run.device, run.memory, overwrite), as_json)


def replay_file(
    result: Path, source: Path, output: Path, run: RunFlags, psf: Path | None, overwrite: bool, as_json: bool
) -> None:
    """Run the newest recipe in a result's history on a file.

    Raises
    ------
    ValueError
        when the result holds no recipe, or the PSF is not the recorded one.
    """
    check_output(str(output), overwrite, str(source))
    record = newest_record(read_history(result), str(result))
    recipe = Recipe.parse(record["recipe"])
    if psf is not None:
        recipe = recipe.with_values({"psf.path": str(psf.absolute())})
    check_same_psf(record, recipe)
    check_same_model(record, recipe)
    said = Told.load(record.get("told", {}))
    memory = record.get("memory", "auto") if run.memory == "auto" else run.memory
    _follow(Job(str(source), str(output), recipe, said, run.device, memory, overwrite), as_json)


def newest_record(history: tuple[Mapping[str, Any], ...], named: str) -> Mapping[str, Any]:
    """Return the newest entry of a history that holds a recipe."""
    found: Mapping[str, Any] | None = next(
        (each for each in reversed(history) if isinstance(each.get("recipe"), Mapping)), None
    )
    if found is not None:
        return found
    raise ValueError(f"{named} holds no recipe in its history: only a result of napari-deconv can be replayed")


def check_same_psf(record: Mapping[str, Any], recipe: Recipe) -> None:
    """Refuse a measured PSF whose file is not the one that was recorded."""
    from ..image import Image

    for values in record.get("psf", ()):
        if values.get("sha256") and recipe.psf is not None:
            path = getattr(recipe.psf, "path", values.get("path"))
            model = psfs.family.parse({**values, "path": path})
            model.resolved(Image([[0.0]]))


def check_same_model(record: Mapping[str, Any], recipe: Recipe) -> None:
    """Refuse a model from a file that is not the one that was recorded."""
    told = record.get("model", {}).get("sha256")
    if told and "sha256" in type(recipe.method).model_fields:
        recipe.method.replace(sha256=told).report()


def _follow(job: Job, as_json: bool) -> None:
    with shown_progress(Path(job.source).name) as show:
        summary = run_job(job, show, tell_notice)
    if as_json:
        print_json(summary)
        return
    sizes = " × ".join(map(str, summary["shape"]))
    iterations, tiles = _count(summary["iterations"], "iteration"), _count(summary["tiles"], "tile")
    peak = summary["peak_memory_bytes"] / 1e9
    print(f"{job.source} -> {summary['output']}")
    print(f"{summary['method']}, {iterations}, on {summary['device']} in {summary['seconds']:.1f} s")
    print(f"{summary['axes']} {sizes}, {tiles}, at most {peak:.2f} GB, recipe {summary['recipe_digest']}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
