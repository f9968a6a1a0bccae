"""`CommunityModel`: a bioimage.io package made ready: its layout, its operations, its weights; from a volume's block to what it gives."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ...running.device import is_out_of_memory
from .layout import Layout
from .package import Package
from .processing import Fitted, fit_steps
from .runners import choose_format, make_runner, weights_of
from .windows import plan_windows

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CommunityModel", "Part"]

Place = Sequence[int]
SEEN = 2**22
"""Voxels of a volume on which statistics of the model's output are measured: all of a smaller one, else its middle."""
SAMPLED = 2**24
"""Voxels of a volume on which statistics of the input are measured; of a larger one, every n-th plane."""


OWN = ("zero_mean_unit_variance", "scale_mean_variance", "scale_range")
"""Operations that measure what the network gives."""
KEPT = 4


@dataclass(frozen=True)
class Part:
    """What a window gave: values (C, Z, Y, X) for a box (Z, Y, X) of the block, the step and how many there are."""

    values: Tensor
    box: tuple[slice, ...]
    step: int
    steps: int


@dataclass(frozen=True)
class CommunityModel:
    """A package, and which of its weights and outputs are used."""

    package: Package
    form: str
    output: int = 0

    @classmethod
    def open(cls, path: str, form: str = "auto", output: int = 0) -> CommunityModel:
        """Return the model in a package; the last few are kept.

        Raises
        ------
        FileNotFoundError, ValueError
            in one sentence, when there is none that can be used.
        """
        return _opened(Package.open(path), form, output)

    @property
    def described(self) -> Any:
        """The description (0.5)."""
        return self.package.described()[0]

    @cached_property
    def layout(self) -> Layout:
        """How it takes an image."""
        return Layout.of(self.described, self.output)

    @cached_property
    def sha256(self) -> str:
        """The first 16 digits of the checksum of its description and weights."""
        whole = hashlib.sha256(self.package.read(self.package.manifest))
        whole.update(weights_of(self.package, self.form)[0])
        return whole.hexdigest()[:16]

    def check_fits(self, shape: Sequence[int]) -> None:
        """Refuse a volume (Z, Y, X) that the model is not for.

        Raises
        ------
        ValueError
            when the model is for stacks and the image is flat.
        """
        if self.layout.deep and shape[0] == 1:
            raise ValueError(
                f"the model '{self.described.name}' is for stacks, but the image is flat: choose a model with axes y, x"
            )

    def run(self, block: Tensor, volume: Any, place: Place = (0, 0, 0)) -> Generator[Part]:
        """Yield what the model makes of a block (Z, Y, X) of counts, window by window.

        volume : what the block is from (Z, Y, X), numpy or dask; place : where it lies in that.
        """
        self.check_fits(volume.shape)
        finish = _finished.of(volume, self, str(block.device))
        for part in self._seen_by_window(block, volume, place):
            values = part.values
            for step in finish:
                values = step(values)
            yield replace(part, values=values)

    def _seen_by_window(self, block: Tensor, volume: Any, place: Place) -> Generator[Part]:
        layout, given = self.layout, block[None]
        for step in _prepared.of(volume, self):
            given = step(given, place)
        runner = make_runner(self.package, self.form, str(block.device))
        shrink = [layout.sides[axis].shrink if axis in layout.sides else 0 for axis in "zyx"]
        windows = plan_windows(layout, block.shape, place, volume.shape)
        for number, window in enumerate(windows, 1):
            seen = self._seen(runner, window.cut(given[0]), shrink)
            yield Part(window.core(seen, shrink), window.kept, number, len(windows))

    def _seen(self, runner: Any, window: Tensor, shrink: Sequence[int]) -> Tensor:
        """Return what the network makes of one window, (C, Z, Y, X).

        Raises
        ------
        ValueError
            when it fails, or gives another size than was described.
        """
        name = self.described.name
        try:
            outputs = runner(self.layout.arranged(window))
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            shape = " × ".join(map(str, window.shape))
            told = str(error).strip().splitlines()[-1][:200]
            raise ValueError(
                f"the model '{name}' failed on a window of {shape} voxels ({told}): its description may be wrong"
            ) from None
        if self.output >= len(outputs):
            raise ValueError(
                f"the model '{name}' gave {len(outputs)} images: method.output {self.output} is not among them"
            )
        given = self.layout.taken(outputs[self.output].float())
        wanted = (self.layout.channels, *(size - 2 * lost for size, lost in zip(window.shape, shrink, strict=True)))
        if tuple(given.shape) != wanted:
            raise ValueError(
                f"the model '{name}' gave {tuple(given.shape)} where {wanted} was described: its description is wrong"
            )
        return given


class _Measured:
    """What has been measured of volumes, kept while they are there, and of the last few models."""

    def __init__(self, measure: Callable[..., tuple[Fitted, ...]]) -> None:
        self._measure = measure
        self._kept: dict[Any, tuple[Any, tuple[Fitted, ...]]] = {}

    def of(self, volume: Any, *given: Any) -> tuple[Fitted, ...]:
        """Return what is measured of a volume with these arguments; the same array is not measured again."""
        key = (id(volume), *given)
        there, measured = self._kept.get(key, (lambda: None, ()))
        if there() is not volume:
            measured = self._measure(volume, *given)
            self._kept[key] = (weakref.ref(volume), measured)
            while len(self._kept) > KEPT:
                self._kept.pop(next(iter(self._kept)))
        return measured


@lru_cache(maxsize=4)
def _opened(package: Package, form: str, output: int) -> CommunityModel:
    described, _ = package.described()
    return CommunityModel(package, choose_format(described, form), output)


def _sampled(volume: Any, every: int = 1) -> Tensor:
    """Return planes of a volume as (1, Z, Y, X) float32."""
    import torch

    return torch.from_numpy(np.array(volume[::every], dtype=np.float32))[None]


def _measure_input(volume: Any, model: CommunityModel) -> tuple[Fitted, ...]:
    layout = model.layout
    steps = next(each for each in model.described.inputs if str(each.id) == layout.tensor_in).preprocessing
    by_plane = layout.deep and any("z" not in map(str, getattr(each.kwargs, "axes", None) or "z") for each in steps)
    every = 1 if by_plane else max(1, -(-int(np.prod(volume.shape)) // SAMPLED))
    sample = _sampled(volume, every)
    return fit_steps(steps, sample, sample, model.described.name, "" if layout.deep else "z")


def _measure_output(volume: Any, model: CommunityModel, device: str) -> tuple[Fitted, ...]:
    """Return the operations after the network; those that need the output's own statistics make the model run on the sample."""
    import torch

    steps = model.described.outputs[model.output].postprocessing
    raw = sample = torch.zeros((1, 1, 1, 1))
    if any(each.id in OWN or getattr(each.kwargs, "max_percentile", None) is not None for each in steps):
        place, shape = _middle(volume.shape)
        raw = _sampled(volume[tuple(slice(start, start + size) for start, size in zip(place, shape, strict=True))])
        sample = torch.zeros((model.layout.channels, *shape))
        for part in model._seen_by_window(raw[0].to(device), volume, place):
            sample[(slice(None), *part.box)] = part.values.cpu()
    return fit_steps(steps, sample, raw, model.described.name, "zyx")


def _middle(shape: Sequence[int]) -> tuple[Place, Place]:
    """Return where the middle part lies on which outputs are measured, and its shape."""
    z, y, x = shape
    side = int((SEEN / min(z, 64)) ** 0.5)
    part = min(z, 64), min(y, side), min(x, side)
    return [(whole - size) // 2 for whole, size in zip(shape, part, strict=True)], part


_prepared = _Measured(_measure_input)
_finished = _Measured(_measure_output)
