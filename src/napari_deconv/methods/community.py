r"""A community model: a network that others trained, in a local package of the bioimage.io format.

It is shown the image and nothing else. It knows neither the PSF nor the noise, and what it gives is in units of its own; so two numbers
are fitted to the image, once for all tiles, by the microscope that the recipe does know:

    result = gain * output + offset        least squares of  blur(gain * output + offset) + background  to the image

References
----------
Ouyang et al., "BioImage Model Zoo: a community-driven resource for accessible deep learning in bioimage analysis", bioRxiv (2022).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..settings import field
from .base import Estimate, Method, Problem
from .heldout import Choice
from .network import Network

if TYPE_CHECKING:
    from torch import Tensor

    from ..learned.packages.community import CommunityModel
    from .heldout import Trial

__all__ = ["Community"]

Number = Annotated[float, Field(ge=-1e12, le=1e12)] | Literal["auto"]
LABEL = "a community model does not know the PSF and can invent detail: compare its result with a classical one before measuring"
OWN_LABEL = (
    "what a network adds beyond the photons is what such images usually look like: compare with a classical result"
)
UNLIKE = 0.1
"""Correlation with the image below which no gain is fitted."""


class Community(Method):
    """A model from a local package of the bioimage.io format."""

    title: ClassVar[str] = "Community model"
    summary: ClassVar[str] = (
        "A network that others trained (bioimage.io, from a local folder or zip file). It does not know the PSF and can invent detail."
    )
    reference: ClassVar[str] = "Ouyang et al., bioRxiv 2022.06.07.495102; what the model's own description cites"
    order: ClassVar[int] = 80
    volumes: ClassVar[float] = 60.0
    makes_buffers: ClassVar[bool] = True

    kind: Literal["community"] = "community"
    path: str = field(
        title="Package", description="A folder or zip file with a model's rdf.yaml and weights; nothing is downloaded."
    )
    weights: Literal["auto", "torchscript", "onnx", "pytorch_state_dict"] = field(
        "auto",
        title="Weights",
        advanced=True,
        description="Which of the package's weights run; auto takes the first of these that are there. "
        "A state dict needs the package's own Python code, which has to be allowed first.",
    )
    output: int = field(
        0, title="Output", ge=0, le=99, advanced=True, description="Which of the model's outputs, from 0."
    )
    channel: int = field(
        0, title="Output channel", ge=0, le=999, advanced=True, description="Which channel of that output, from 0."
    )
    gain: Number = field(
        "auto",
        title="Gain",
        advanced=True,
        description="What the model's output is multiplied by; auto fits gain and offset to the image's counts through the PSF, "
        "1 leaves it in the model's own units.",
    )
    offset: Number = field(
        "auto",
        title="Offset",
        unit="counts",
        advanced=True,
        description="What is added after the gain; auto fits it, 0 leaves the output as it is.",
    )
    sha256: str | None = field(
        None,
        title="Checksum",
        advanced=True,
        description="Of the model that must be in the package; a result's history tells it.",
    )

    @property
    def non_negative(self) -> bool:
        """A network may give anything."""
        return False

    @property
    def halo(self) -> tuple[int, int, int]:
        """What the package's description tells."""
        if self._card is not None:
            return Network().halo
        return self.opened().layout.halo

    @property
    def is_automatic(self) -> bool:
        """Whether gain or offset is still to be fitted."""
        return "auto" in (self.gain, self.offset)

    def opened(self) -> CommunityModel:
        """Return the model.

        Raises
        ------
        FileNotFoundError, ValueError
            when it is missing, cannot be used, or is not the one that was asked for.
        """
        from ..learned.packages.community import CommunityModel

        model = CommunityModel.open(self.path, self.weights, self.output)
        if self.sha256 and self.sha256 != model.sha256:
            raise ValueError(
                f"the model in {self.path} is not the one recorded ({model.sha256} instead of {self.sha256}): "
                "restore the package, or clear method.sha256"
            )
        if self._card is None and self.channel >= model.layout.channels:
            raise ValueError(
                f"the model's output has {model.layout.channels} channels: method.channel {self.channel} is not among them"
            )
        return model

    @property
    def _card(self) -> Mapping[str, Any] | None:
        """The card of a network that was exported from here; it knows the PSF as it did before."""
        from ..learned.packages.package import Package

        return Package.open(self.path).card

    def report(self) -> Mapping[str, Any]:
        """Return which model it is, for the history."""
        model = self.opened()
        told = model.described
        return {
            "name": told.name,
            "version": str(told.version) if told.version else None,
            "licence": str(told.license) if told.license else None,
            "weights": model.form,
            "sha256": model.sha256,
            "notices": [LABEL] if self._card is None else [OWN_LABEL],
        }

    def choose(self, problem: Problem) -> Generator[Trial, None, Choice]:
        """Return gain and offset, whichever is automatic, from a part of the image that is rich in light."""
        yield from ()
        if self._card is not None:
            gain, offset = (1.0 if self.gain == "auto" else self.gain), (0.0 if self.offset == "auto" else self.offset)
            return Choice(
                "gain", gain, "the network was exported from here and answers in counts", (), {"offset": offset}
            )
        return _fitted(self, self._output(problem), problem)

    def settled_by(self, choice: Choice) -> Community:
        """Return a copy with this gain and offset."""
        settled: Community = self.replace(gain=choice.value, offset=choice.others["offset"])
        return settled

    def stopped_at(self, iterations: int) -> Community:
        """Return the same: there is but one step."""
        return self

    def provisional(self, iterations: int) -> Community:
        """Return a copy in the model's own units."""
        own: Community = self.replace(
            gain=1.0 if self.gain == "auto" else self.gain, offset=0.0 if self.offset == "auto" else self.offset
        )
        return own

    def iterate(self, problem: Problem) -> Generator[Estimate]:
        """Yield the object after each window that the network has seen; what it has not seen yet is the image."""
        if not isinstance(self.gain, float) or not isinstance(self.offset, float):
            raise ValueError("gain and offset are still 'auto': settle them first (Method.choose), or give numbers")
        if self._card is not None:
            yield from self._as_ours(problem, self.gain, self.offset)
            return
        blur = problem.blur
        thing = blur.new_object()
        inside = blur.crop(thing)
        inside.copy_(problem.image - problem.background)
        for part in self.opened().run(problem.image - problem.lift, _whole(problem), problem.place):
            inside[part.box] = part.values[self.channel] * self.gain + self.offset
            yield Estimate(thing, part.step, part.steps)

    def _as_ours(self, problem: Problem, gain: float, offset: float) -> Generator[Estimate]:
        """Yield the estimates of a network that was exported from here: classical ones on the way, its own last."""
        self.opened()
        for estimate in Network(weights=self.path, fallback="never").iterate(problem):
            changed = estimate.object if (gain, offset) == (1, 0) else estimate.object * gain + offset
            yield Estimate(changed, estimate.step, estimate.steps, estimate.figures)

    def _output(self, problem: Problem) -> Tensor:
        """Return the model's output (Z, Y, X) for a block, in its own units."""
        import torch

        output = torch.zeros_like(problem.image)
        for part in self.opened().run(problem.image - problem.lift, _whole(problem), problem.place):
            output[part.box] = part.values[self.channel]
        return output


def _whole(problem: Problem) -> Any:
    """Return the volume that the block is from, or the block where there is no other."""
    return problem.image.cpu().numpy() - problem.lift if problem.volume is None else problem.volume


def _fitted(method: Community, output: Tensor, problem: Problem) -> Choice:
    """Return the gain and offset with which the blurred output explains the light best, away from the frame's rim."""
    blur = problem.blur
    thing = blur.new_object()
    blur.crop(thing).copy_(output)
    inside = tuple(
        slice(size // 2, length - size // 2) if length > 2 * size else slice(None)
        for size, length in zip(blur.psf_shape, blur.image_shape, strict=True)
    )
    seen = blur.forward(thing)[inside].double().flatten()
    light = (problem.image - problem.background)[inside].double().flatten()
    mean_seen, mean_light = float(seen.mean()), float(light.mean())
    spread, own = seen - mean_seen, light - mean_light
    power = float(spread.square().sum())
    likeness = float((spread * own).sum()) / max((power * float(own.square().sum())) ** 0.5, 1e-300)
    gain, offset = 1.0, 0.0
    why = f"the model's output does not look like the image (correlation {likeness:.2f}), so it keeps its own units"
    if likeness >= UNLIKE:
        gain = float((spread * own).sum()) / power
        why = f"the blurred output explains the image with gain {gain:.4g} (correlation {likeness:.3f})"
    gain = gain if method.gain == "auto" else float(method.gain)
    if likeness >= UNLIKE:
        offset = mean_light - gain * mean_seen
    offset = offset if method.offset == "auto" else float(method.offset)
    return Choice("gain", gain, why, (), {"offset": offset})
