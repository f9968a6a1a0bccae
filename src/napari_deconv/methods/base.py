"""`Method`, and what it may know (`Problem`) and says (`Estimate`)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field as attribute
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..settings import Settings, field

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ..background import VolumeFigures
    from ..carried import CarriedPart
    from ..noise import Noise
    from .blur import Blur
    from .choice import Choice, Trial

__all__ = ["Estimate", "Iterations", "Method", "Problem", "iterations_field"]

Iterations = Annotated[int, Field(ge=1, le=10_000)] | Literal["auto"]


def iterations_field(description: str, *, shown_max: int = 300, slider: str = "log", advanced: bool = False) -> Any:
    """Return the field ``iterations``, automatic by default, which many methods have; what auto does is the description's to say."""
    return field(
        "auto",
        title="Iterations",
        description=description,
        slider=slider,
        shown_min=1,
        shown_max=shown_max,
        advanced=advanced,
    )


@dataclass(frozen=True)
class Problem:
    """All that a method may know of one block: ``image ~ Poisson(blur(object) + background)``.

    image : (Z, Y, X) float32 counts, never negative; Z = 1 for a flat image.
    background : counts that are not from the object.
    blur : forward, adjoint and sensitivity; its object grid is larger than the image.
    scale : a robust maximum of (image - background) over the whole image, the same for every block of it.
    level : the mean of (image - background) over the whole image, likewise; a flat start has this value.
    voxel : (z, y, x) µm; 1 where nobody knows.
    place : (z, y, x) of the block's first voxel in the whole volume, for what must not depend on how it is cut.
    volume : the whole volume (Z, Y, X) as it was read, numpy or dask, for statistics alone; None where there is but the block.
    lift : counts that were added to the volume's, to image and background alike.
    measured : figures of the whole volume, None where the image is not a part of it (its noise was changed, say).
    finer : how many voxels (z, y, x) a pixel that was measured has, where the object's grid is finer than the pixels.
    at_least : (Z, Y, X) the noise (counts, standard deviation) of saturated pixels, whose counts are the least that they can be, and 0
        elsewhere; None where none is.
    carried : what the method kept of the time point before, and where it keeps what the next one needs; None where there is but one.
    """

    image: Tensor
    background: float
    blur: Blur
    scale: float
    level: float
    voxel: tuple[float, float, float] = (1.0, 1.0, 1.0)
    place: tuple[int, int, int] = (0, 0, 0)
    volume: Any = None
    lift: float = 0.0
    measured: VolumeFigures | None = None
    finer: tuple[int, int, int] = (1, 1, 1)
    at_least: Tensor | None = None
    carried: CarriedPart | None = None

    def counts(self, expected: Tensor, part: tuple[slice, ...] = ()) -> Tensor:
        """Return the image's counts of a part of the frame; of saturated pixels what they are likely to have been, see `censoring`."""
        if self.at_least is None:
            return self.image[part]
        from .censoring import fill_saturated

        return fill_saturated(self.image[part], expected, self.at_least[part])

    def missed(self, seen: Tensor, unit: float) -> Tensor:
        """Return how much light (of the frame, in units of so many counts) is left over what an object is seen as; in place of that."""
        expected = seen.mul_(unit).add_(self.background)
        return expected.neg_().add_(self.counts(-expected)).div_(unit)

    @property
    def trusted(self) -> Tensor | None:
        """1 where a pixel's counts are what they seem, 0 where it is left out or saturated; None where all are."""
        mask = self.blur.mask
        if self.at_least is None:
            return mask
        exact = (self.at_least == 0).to(self.image.dtype)
        return exact if mask is None else exact.mul_(mask)

    @property
    def noise(self) -> Noise:
        """The noise model that the image itself shows, at the pixels that were measured."""
        from ..noise import estimate_noise

        first = (-place % times for place, times in zip(self.place, self.finer, strict=True))
        pixels = tuple(slice(start, None, times) for start, times in zip(first, self.finer, strict=True))
        trusted = self.trusted
        return estimate_noise(
            self.image[pixels].cpu().numpy(), None if trusted is None else trusted[pixels].cpu().numpy() > 0
        )

    @property
    def whole_noise(self) -> Noise:
        """The noise model of the whole volume, the same for every block of it; of the block where there is nothing else."""
        return self.noise if self.measured is None or max(self.finer) > 1 else self.measured.noise.lifted(self.lift)


@dataclass(frozen=True)
class Estimate:
    """The object so far, on the blur's object grid, after ``step`` of ``steps``, and the figures of that step.

    ``object`` may be the method's own buffer: it is valid until the generator goes on; copy what you keep. A method may give what makes
    it in place of the object (``found``), where that is worth making only when somebody looks.
    """

    found: Tensor | Callable[[], Tensor]
    step: int
    steps: int
    figures: Mapping[str, float] = attribute(default_factory=dict)

    @cached_property
    def object(self) -> Tensor:
        """The object so far."""
        return self.found() if callable(self.found) else self.found


class Method(Settings):
    """Frozen settings and the algorithm, nothing else.

    A subclass has a field ``kind``, fields with title, description and bounds, the class attributes below, and
    `iterate`. It chooses no device, reads no file, reports nothing.
    """

    title: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    order: ClassVar[int] = 100
    teaching: ClassVar[bool] = False
    """True for a baseline that is shown to teach, and may be worse than the blurred input."""
    volumes: ClassVar[float] = 6.0
    """Float32 volumes of the padded size that a run needs at its peak, transforms included."""
    frames: ClassVar[float] = 1.0
    """How many of `volumes` are as large as the image alone, without what is padded."""
    makes_buffers: ClassVar[bool] = False
    """Whether each step makes large buffers anew, so that a run is faster where freed ones are kept for the next time."""
    room: ClassVar[int] = 1
    """How many half widths of the PSF the object's grid reaches beyond the frame: 1 where a forward model says what lies there; more where
    nothing does, and opposite ends would meet. An axis that is short beside the PSF has 1 in any case."""
    reach: ClassVar[float] = 1.5
    """How far what a pixel becomes depends on its neighbours, in half widths of the PSF, unless `reaches` knows better."""

    @classmethod
    def kind_name(cls) -> str:
        """Say how messages call it."""
        return f"method {cls.model_fields['kind'].default}" if "kind" in cls.model_fields else "method"

    @property
    def called(self) -> str:
        """What a result is called after: ``cells [Richardson-Lucy]``."""
        return self.title

    @property
    def non_negative(self) -> bool:
        """Whether the result is claimed never to be below zero."""
        return True

    @property
    def keeps_flux(self) -> bool:
        """Whether the result is claimed to hold the image's light, background aside, to a thousandth."""
        return False

    @property
    def halo(self) -> tuple[int, int, int]:
        """Voxels (z, y, x) of halo that a tile needs at least, whatever the PSF."""
        return 0, 0, 0

    @property
    def lead(self) -> int:
        """How many time points before one that is asked for by itself are gone over first, for what the method carries on from them."""
        return 0

    def reaches(self, psf: np.ndarray[Any, Any], axis: int) -> int:
        """Return over how many voxels of an axis what a pixel becomes depends on its neighbours, for a PSF (Z, Y, X): a tile's halo."""
        return int(self.reach * (psf.shape[axis] // 2))

    @property
    def is_automatic(self) -> bool:
        """Whether a value is still to be chosen from the image, once for all its tiles: the iterations, by default."""
        return getattr(self, "iterations", None) == "auto"

    @property
    def steps(self) -> int:
        """How many estimates `iterate` yields: the field ``iterations`` where there is one.

        Raises
        ------
        ValueError
            when they are still automatic: `restore` settles them first.
        """
        iterations = getattr(self, "iterations", 1)
        if not isinstance(iterations, int):
            raise ValueError("iterations are still 'auto': settle them first (Method.choose), or give a number")
        return iterations

    def whole_steps(self, steps: int, psf: np.ndarray[Any, Any], shape: tuple[int, int, int]) -> float:
        """Return what so many steps cost in whole ones, those of `evenly`: less where some are done on less of an image (Z, Y, X)."""
        return steps

    def evenly(self) -> Any:
        """Return a copy whose steps all cost the same, so that a few of them tell the pace."""
        return self

    @property
    def trial_steps(self) -> int:
        """The most iterations that ``auto`` tries."""
        return 100

    def choose(self, problem: Problem) -> Generator[Trial, None, Choice]:
        """Yield the trials of the automatic choice and return it.

        ``problem`` is posed on a part of the image that is rich in light.
        """
        raise NotImplementedError

    def settled(self, value: float) -> Any:
        """Return a copy whose automatic choice is made."""
        return self.replace(iterations=int(value))

    def settled_by(self, choice: Choice) -> Any:
        """Return a copy whose automatic choice is this one; a method that chooses several values at once takes them all."""
        return self.settled(choice.value)

    def stopped_at(self, iterations: int) -> Any:
        """Return a copy that makes so many iterations; what else is automatic stays so."""
        return self.settled(iterations) if self.is_automatic else self.replace(iterations=iterations)

    def for_volume(self, shape: tuple[int, int, int]) -> Any:
        """Return who restores a volume (Z, Y, X) of this shape: another method where this one knows beforehand that it cannot."""
        return self

    def provisional(self, iterations: int) -> Any:
        """Return a copy that needs no choice, for a first look after so many iterations."""
        return self.settled(min(iterations, self.trial_steps))

    def iterate(self, problem: Problem) -> Generator[Estimate]:
        """Yield one estimate a step; closing the generator cancels."""
        raise NotImplementedError

    def report(self) -> Mapping[str, Any]:
        """Return what the history should hold of a model that the method runs, with its ``notices``; nothing where there is none."""
        return {}

    def describe(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return self.model_dump(mode="json")
