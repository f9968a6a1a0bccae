r"""Training: an own loop of a page. The examples are prepared once, then learned from batch by batch; every step is yielded.

Closing the generator pauses: the folder keeps examples, weights and the optimiser's state, and a new call with ``resume`` goes on to the
very weights that an uninterrupted run reaches. The loss of a frame is

    10 log10 mean (x - truth)^2                        where the truth is known (dB, so that dim frames count as bright ones do)
    mean (test - b - H x)^2 / variance                 where photons of the image itself are held back

of the result, and to a third of the network's proposal before it answers to the photons. A recurrent network goes over the time points
of each example in their order, and its loss is the mean over them.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..methods.features import ESTIMATES
from .adversary import Adversary
from .batches import Batch, turned
from .examples import Example, Store, ranges_of_examples, time_points
from .members import new_members
from .restorer import INNERMOST, finish
from .shapes import Array
from .sources import Source
from .training import Training
from .weights import Card, Weights, has_fast_bfloat16, save_weights

__all__ = ["TrainingProgress", "train"]

FIRST_SHARE = 0.3
"""Weight of the loss of the proposal, before it is made consistent with the photons."""
MOST_JUDGED = 96
"""Frames that judge a training, at the most."""


@dataclass(frozen=True)
class TrainingProgress:
    """One step of a training.

    stage : ``preparing`` examples, ``learning``, or ``done``; step, steps : within the stage.
    loss : of the last batch; judged : of the frames that are not learned from, NaN before the first judgement; best : the least
    so far. In dB of the error where the truth is known (lower is better), else the mean squared error over its variance.
    crop : image, result and target (Y, X) of one judged frame, after a judgement; file : where the weights are, when done.
    """

    stage: str
    step: int
    steps: int
    loss: float = math.nan
    judged: float = math.nan
    best: float = math.nan
    seconds: float = 0.0
    crop: tuple[Array, Array, Array] | None = None
    file: Path | None = None

    @property
    def fraction(self) -> float:
        """Share of the stage that is done."""
        return self.step / max(self.steps, 1)

    @property
    def words(self) -> str:
        """Where it is, for a line on a terminal."""
        known = "" if math.isnan(self.best) or math.isinf(self.best) else f", best {self.best:.3g}"
        return f"{self.stage}, {self.step} of {self.steps}{known}"


def train(
    training: Training,
    source: Source,
    folder: str | Path,
    *,
    resume: bool = False,
    device: str = "cpu",
    dims: int = 2,
    told: str = "",
) -> Generator[TrainingProgress]:
    """Train a network, yielding every step; closing the generator pauses.

    Parameters
    ----------
    folder : keeps the examples, the state, and at the end ``weights.safetensors`` with its card.
    resume : go on from what the folder keeps; otherwise it must not hold a training.
    dims : 2 for flat images, 3 for stacks.
    told : what the card says of how the data came about, such as the command.

    Raises
    ------
    FileExistsError
        when the folder holds a training and ``resume`` was not asked for.
    ValueError
        when the folder's training is another one, or source and settings do not fit.
    """
    if source.finer != training.finer(dims):
        asked, made = (" × ".join(map(str, each)) for each in (training.finer(dims), source.finer))
        raise ValueError(f"the training asks for {asked} voxels a pixel and its examples have {made}: make them alike")
    if source.frames != training.row:
        raise ValueError(
            f"the training asks for {training.row} time points in a row and its examples have {source.frames}: make them alike"
        )
    if training.adversarial and not source.supervised:
        raise ValueError(
            "an adversary compares results with truths, and an image by itself has none: set train.adversarial=0, or train from pairs "
            "or simulation"
        )
    where = Path(folder)
    _claim(where, training, source, resume)
    store = Store(where / "examples", training.images)
    frame = (training.planes if dims == 3 else 1, training.patch, training.patch)
    started = time.monotonic()
    for number in range(store.done, training.images):
        store.put(number, source.make(number, frame))
        if number % 16 == 15 or number + 1 == training.images:
            store.keep(number + 1)
        yield TrainingProgress("preparing", number + 1, training.images, seconds=time.monotonic() - started)
    run = _Run(training, store, source.supervised, torch.device(device), dims)
    state = where / "state.pt"
    if resume and state.exists():
        run.load(state)
    yield from run.learn(state, started)
    file = where / "weights.safetensors"
    save_weights(file, run.weights(source.name, told, time.monotonic() - started))
    yield TrainingProgress("done", run.step, training.steps, judged=run.best, best=run.best, file=file)


def _claim(folder: Path, training: Training, source: Source, resume: bool) -> None:
    """Make the folder a training's own."""
    told = folder / "training.json"
    asked = {"training": training.model_dump(mode="json"), "source": source.name}
    if told.exists():
        if not resume:
            raise FileExistsError(f"{folder} already holds a training: resume it (--resume) or choose another folder")
        if json.loads(told.read_text(encoding="utf-8")) != asked:
            raise ValueError(
                f"{folder} holds a training with other settings: resume it with those, or choose another folder"
            )
    folder.mkdir(parents=True, exist_ok=True)
    told.write_text(json.dumps(asked, indent=1), encoding="utf-8")


class _Run:
    """A training under way."""

    def __init__(self, training: Training, store: Store, supervised: bool, device: torch.device, dims: int) -> None:
        self.training, self.store, self.supervised, self.device, self.dims = training, store, supervised, device, dims
        torch.manual_seed(training.seed)
        order = INNERMOST[dims]
        self.members = nn.ModuleList(new_members(training, dims)).to(device, memory_format=order)  # type: ignore[call-overload]
        self.averages = nn.ModuleList(new_members(training, dims)).to(device, memory_format=order)  # type: ignore[call-overload]
        self.averages.load_state_dict(self.members.state_dict())
        self.optimiser = torch.optim.AdamW(self.members.parameters(), lr=training.rate, weight_decay=1e-4)
        self.adversary = Adversary(dims, training.rate).to(device) if training.adversarial else None
        wanted = training.precision
        self.fast = wanted == "bfloat16" or (wanted == "auto" and (device.type == "cuda" or has_fast_bfloat16()))
        held = min(max(2, training.images // 10), MOST_JUDGED)
        self.learned_from, self.judged_by = (
            range(training.images - held),
            range(training.images - held, training.images),
        )
        self.step, self.best, self.since_best = 0, math.inf, 0
        self.best_state: dict[str, Tensor] = {}

    def learn(self, state: Path, started: float) -> Generator[TrainingProgress]:
        """Yield the steps; the state is kept at every judgement and when the generator is closed."""
        training, every = self.training, max(1, self.training.steps // self.training.judgements)
        if self.step == 0 and training.start != "new":
            self._judge()
        try:
            while self.step < training.steps and not (training.patience and self.since_best >= training.patience):
                loss = self._learn_batch()
                self.step += 1
                told = TrainingProgress("learning", self.step, training.steps, loss, best=self.best)
                if self.step % every == 0 or self.step == training.steps:
                    judged, crop = self._judge()
                    told = replace(told, judged=judged, best=self.best, crop=crop)
                    self.save(state)
                yield replace(told, seconds=time.monotonic() - started)
        except GeneratorExit:
            self.save(state)
            raise

    def _learn_batch(self) -> float:
        training, total = self.training, 0.0
        for group in self.optimiser.param_groups:
            group["lr"] = training.rate * _pace(self.step, training.steps)
        self.optimiser.zero_grad(set_to_none=True)
        for number, member in enumerate(self.members):
            random = np.random.default_rng([training.seed, number, self.step])
            batch = self.store.take(random.choice(self.learned_from, training.batch).tolist())
            batch = turned(batch, random, self.dims) if training.turns else batch
            loss = self._loss(member, batch)
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach()) / len(self.members)
        nn.utils.clip_grad_norm_(self.members.parameters(), 1.0)
        self.optimiser.step()
        keep = min(training.average, (1 + self.step) / (10 + self.step)) if training.average else 0.0
        for average, member in zip(self.averages.parameters(), self.members.parameters(), strict=True):
            average.data.lerp_(member.data, 1 - keep)
        return total

    def _loss(self, member: nn.Module, batch: Example) -> Tensor:
        state, losses = None, []
        for moment in time_points(batch, self.training.row):
            given = Batch(moment, self.device)
            proposal = member(given.features, state=state, fast=self.fast)
            result, state = finish(proposal, given.physics), proposal.state
            loss = self._misfit(result, given) + FIRST_SHARE * self._misfit(proposal.estimate, given)
            if self.adversary is not None:
                loss = loss + self.training.adversarial * self.adversary.price(result, given.target)
            losses.append(loss)
        return torch.stack(losses).mean()

    def _misfit(self, result: Tensor, given: Batch) -> Tensor:
        axes = tuple(range(1, result.ndim))
        if self.supervised:
            return (10 * torch.log10((result - given.target).square().mean(dim=axes) + 1e-8)).mean()
        return ((given.target - given.physics.seen(result)).square() * given.weight).mean()

    @torch.no_grad()
    def _judge(self) -> tuple[float, tuple[Array, Array, Array]]:
        """Return the loss over the frames that are not learned from, and a crop; keep the averages where they are the best."""
        losses, crop, size, row = [], None, self.training.batch, self.training.row
        for first in range(0, len(self.judged_by), size):
            states: list[Tensor | None] = [None] * len(self.averages)
            batch = self.store.take(self.judged_by[first : first + size])
            for moment in time_points(batch, row):
                given = Batch(moment, self.device)
                said = [
                    each(given.features, state=state, fast=self.fast)
                    for each, state in zip(self.averages, states, strict=True)
                ]
                states = [each.state for each in said]
                result = torch.stack([finish(each, given.physics) for each in said]).mean(dim=0)
                losses.append((float(self._misfit(result, given)), len(result)))
            crop = crop or tuple(_plane(each[0]) for each in (given.physics.image, result, given.target))
        judged = sum(loss * count for loss, count in losses) / sum(count for _, count in losses)
        self.since_best += 1
        if judged < self.best:
            self.best, self.since_best = judged, 0
            self.best_state = {name: values.clone() for name, values in self.averages.state_dict().items()}
        assert crop is not None
        return judged, (crop[0], crop[1], crop[2])

    def save(self, file: Path) -> None:
        """Keep everything that going on needs."""
        state = {
            "members": self.members.state_dict(), "averages": self.averages.state_dict(),
            "optimiser": self.optimiser.state_dict(), "best_state": self.best_state,
            "adversary": self.adversary.state() if self.adversary else {},
            "step": self.step, "best": self.best, "since_best": self.since_best,
        }  # fmt: skip
        beside = file.with_suffix(".new")
        torch.save(state, beside)
        beside.replace(file)

    def load(self, file: Path) -> None:
        """Go on from what was kept."""
        state = torch.load(file, map_location=self.device, weights_only=True)
        self.members.load_state_dict(state["members"])
        self.averages.load_state_dict(state["averages"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.adversary:
            self.adversary.restore(state["adversary"])
        self.step, self.best, self.since_best = state["step"], state["best"], state["since_best"]
        self.best_state = state["best_state"]

    def weights(self, data: str, told: str, seconds: float) -> Weights:
        """Return the best averages with their card."""
        if self.best_state:
            self.averages.load_state_dict(self.best_state)
        card = Card(
            architecture=self.averages[0].architecture, members=len(self.averages), data=data, command=told,
            training=self.training, steps=self.step, judged=self.best, seconds=round(seconds),
            device=str(self.device), estimates=ESTIMATES, ranges=ranges_of_examples(self.store, self.training.row),
        )  # fmt: skip
        return Weights(card, list(self.averages))


def _pace(step: int, steps: int) -> float:
    """Return the share of the learning rate: up over the first twentieth, down over the last third."""
    return min((step + 1) / max(1, steps // 20), 1.0, (steps - step) / max(1, steps // 3))


def _plane(values: Tensor) -> Array:
    """Return the middle plane of (1, [Z,] Y, X)."""
    plane = values[0] if values.ndim == 3 else values[0, values.shape[1] // 2]
    return np.asarray(plane.cpu().numpy())
