"""``fit``: let an image correct a theoretical PSF, and write the recipe to restore it with."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ..files.whole import check_destination, written_whole
from ..fitting import Fit, Fitted, fit_psf
from ..running.job import recipe_for_channel
from .asked import asked_recipe, assigned, told
from .flags import ImageFlags, PsfFlags
from .progress import shown_progress, tell_notice
from .telling import print_json

__all__ = ["fit_file"]

OWN = "fit."
SUFFIXES = (".yaml", ".yml")


def fit_file(
    source: Path,
    output: Path,
    psf: PsfFlags,
    image: ImageFlags,
    parameters: str,
    device: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Fit the PSF, tell what was found, and write the recipe.

    Raises
    ------
    ValueError, FileNotFoundError, FileExistsError
        in one sentence with the remedy; also when the image does not support the fit.
    """
    if output.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{output.name} is a recipe: end its name in .yaml")
    check_destination(output.absolute(), overwrite=overwrite)
    own, others = _parted(psf)
    asked = Fit.parse({"parameters": parameters, **own})
    said = told(image)
    whole = said.read(source)
    recipe = recipe_for_channel(asked_recipe(others, None, said.optics), whole, said)
    seen = said.select(whole)
    for notice in seen.notices:
        tell_notice(notice)
    with shown_progress("fitting") as show:
        for progress in fit_psf(seen, recipe, asked, device=device):
            show(progress)
            fitted = progress.fitted
    assert fitted is not None
    if fitted.verdict == "refused":
        raise ValueError(fitted.sentence)
    with written_whole(output.absolute(), overwrite=overwrite) as path:
        fitted.recipe.save(path)
    _tell(output, fitted, as_json)


def _parted(psf: PsfFlags) -> tuple[dict[str, Any], PsfFlags]:
    """Return what ``--set fit.KEY=VALUE`` says, and the flags without it."""
    changes = psf.changes or []
    own = dict(assigned(each) for each in changes if each.strip().startswith(OWN))
    others = [each for each in changes if not each.strip().startswith(OWN)]
    return {key.removeprefix(OWN): value for key, value in own.items()}, dataclasses.replace(psf, changes=others)


def _tell(output: Path, fitted: Fitted, as_json: bool) -> None:
    report = fitted.report()
    if as_json:
        print_json({"output": str(output), "recipe_digest": fitted.recipe.digest, **report})
        return
    print(f"{output}: {fitted.verdict}: {fitted.sentence}")
    for when, widths in report["fwhm"].items():
        print(f"width at half maximum {when}: {', '.join(f'{axis} {width:.3g} µm' for axis, width in widths.items())}")
