"""``train``: networks from simulation, from pairs of images, or from one noisy image alone."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..image import Image
from ..learned.training import Training
from ..recipe import Recipe
from ..running.device import choose_device
from ..settings import explain_invalid, nearest
from .asked import asked_recipe, assigned, told
from .flags import ImageFlags, PsfFlags, TrainFlags
from .progress import shown_progress
from .telling import print_json

__all__ = ["train_network"]

OWN = "train."
SOURCES = ("simulation", "pairs", "image")


def train_network(
    output: Path, train: TrainFlags, psf: PsfFlags, image: ImageFlags, device: str, as_json: bool
) -> None:
    """Train, show how it goes, and tell where the weights are.

    Raises
    ------
    ValueError, FileNotFoundError, FileExistsError
        in one sentence with the remedy.
    """
    own, others = _parted(psf)
    training = _asked_training(own)
    said = told(image)
    recipe = asked_recipe(others, None, said.optics)
    seen = said.select(said.read(train.image_file)) if train.image_file else None
    made, dims = _source(train, seen, recipe, said, training)
    from ..learned.train import train as learn

    words = "napari-deconv " + " ".join(sys.argv[1:])
    judged = []
    with shown_progress("training") as show:
        for progress in learn(
            training, made, output, resume=train.resume, device=str(choose_device(device)), dims=dims, told=words
        ):
            show(progress)
            if progress.crop is not None:
                judged.append({"step": progress.step, "loss": progress.loss, "judged": progress.judged})
    _tell(progress, judged, as_json)


def _asked_training(own: dict[str, Any]) -> Training:
    try:
        return Training.model_validate(own)
    except ValidationError as error:
        raise ValueError(explain_invalid(error)) from None


def _source(train: TrainFlags, image: Image | None, recipe: Recipe, said: Any, training: Training) -> tuple[Any, int]:
    """Return the source and its dimensions."""
    from ..learned.starting import dims_of, own_image, paired, read_pairs, simulated

    if train.source == "simulation":
        dims = dims_of(image) if image is not None else 3 if train.stacks else 2
        return simulated(image, recipe, training, dims), dims
    if train.source == "image":
        if image is None:
            raise ValueError("training on an image needs one: give --image FILE")
        return own_image(image, recipe, training), dims_of(image)
    if train.source == "pairs":
        if train.low is None or train.high is None:
            raise ValueError("training from pairs needs two folders: give --low DIR and --high DIR")
        worse, better = read_pairs(train.low, train.high, lambda path: said.select(said.read(path)))
        return paired(worse, better, recipe, training), dims_of(worse[0])
    raise ValueError(f"--from is '{train.source}'{nearest(train.source, SOURCES)}")


def _parted(psf: PsfFlags) -> tuple[dict[str, Any], PsfFlags]:
    """Return what ``--set train.KEY=VALUE`` says, and the flags without it."""
    changes = psf.changes or []
    own = dict(assigned(each) for each in changes if each.strip().startswith(OWN))
    others = [each for each in changes if not each.strip().startswith(OWN)]
    return {key.removeprefix(OWN): value for key, value in own.items()}, dataclasses.replace(psf, changes=others)


def _tell(progress: Any, judged: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json({"output": str(progress.file), "steps": progress.step, "best": progress.best, "judged": judged})
        return
    print(
        f"{progress.file}: trained in {progress.step} steps; use it with --method network --set method.weights={progress.file}"
    )
