r"""What a community model asks to be done with an image before and after it: the operations of the bioimage.io format.

    zero_mean_unit_variance        (x - mean) / (std + eps)
    fixed_zero_mean_unit_variance  (x - mean) / std, of numbers in the description
    scale_range                    (x - low) / (high - low + eps), low and high being percentiles
    scale_mean_variance            (x - mean) / (std + eps) * (std of the input + eps) + mean of the input
    scale_linear                   x * gain + offset
    clip, binarize, sigmoid, softmax, ensure_dtype

Statistics are those of a whole volume, never of a tile, and of a stack as a whole where the model is flat, so that planes keep their
brightness to one another. They are measured step after step on that volume (`fit_steps`); what comes out acts on any block of it.

References
----------
https://github.com/bioimage-io/spec-bioimage-io
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Fitted", "fit_steps"]

Array = np.ndarray[Any, Any]
ALWAYS = "always"
LETTERS = {"channel": "c", "z": "z", "y": "y", "x": "x", "batch": ""}


@dataclass(frozen=True)
class Fitted:
    """One operation whose numbers are known: ``act(block, *numbers)``, each number (C, Z, Y, X) with 1 where it is the same all along."""

    act: Callable[..., Tensor]
    numbers: tuple[Array, ...] = ()

    def __call__(self, block: Tensor, place: Sequence[int] = (0, 0, 0)) -> Tensor:
        """Return what the operation makes of a block (C, Z, Y, X) that lies at ``place`` in its volume."""
        import torch

        own = []
        for number in self.numbers:
            for axis, (start, size) in enumerate(zip((0, *place), block.shape, strict=True)):
                if number.shape[axis] > 1:
                    number = number.take(range(start, start + size), axis=axis)
            own.append(torch.from_numpy(np.ascontiguousarray(number, dtype=np.float32)).to(block.device))
        return self.act(block, *own)


def fit_steps(steps: Sequence[Any], sample: Tensor, raw: Tensor, name: str, always: str = "") -> tuple[Fitted, ...]:
    """Return the operations of a description with the statistics of a volume.

    sample : (C, Z, Y, X), the volume that the first operation takes; raw : (1, Z, Y, X), the model's input before any;
    always : axes over which statistics are taken jointly, whatever the description says: z where planes are taken one by one.

    Raises
    ------
    ValueError
        when the model ``name`` asks for an operation that is not known.
    """
    fitted: list[Fitted] = []
    for number, step in enumerate(steps):
        if step.id not in OPERATIONS:
            raise ValueError(
                f"the model '{name}' asks for '{step.id}', which is not supported: it has {', '.join(OPERATIONS)}"
            )
        values = {field: getattr(step.kwargs, field) for field in type(step.kwargs).model_fields}
        fitted.append(OPERATIONS[step.id]({**values, ALWAYS: always}, sample, raw))
        if number + 1 < len(steps):
            sample = fitted[-1](sample)
    return tuple(fitted)


def _reduced(values: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the dimensions of (C, Z, Y, X) over which statistics are taken jointly."""
    named = values.get("axes")
    letters = "czyx" if named is None else "".join(LETTERS.get(str(axis), "") for axis in named) + values[ALWAYS]
    return tuple(number for number, axis in enumerate("czyx") if axis in letters)


def _moments(volume: Tensor, axes: tuple[int, ...]) -> tuple[Array, Array]:
    pixels = volume.cpu().numpy()
    mean = pixels.mean(axis=axes, keepdims=True, dtype=np.float64)
    return mean, pixels.std(axis=axes, keepdims=True, dtype=np.float64)


def _quantile(volume: Tensor, percentile: float, axes: tuple[int, ...]) -> Array:
    quantile: Array = np.quantile(volume.cpu().numpy(), percentile / 100, axis=axes, keepdims=True)
    return quantile


def _along(value: Any, axis: Any) -> Array:
    """Return a number, or numbers along an axis, as (C, Z, Y, X)."""
    shape = [1, 1, 1, 1]
    if axis is not None and isinstance(value, (list, tuple)):
        shape["czyx".index(LETTERS.get(str(axis), "c"))] = len(value)
    return np.asarray(value, dtype=np.float64).reshape(shape)


def _standardised(values: Mapping[str, Any], sample: Tensor, raw: Tensor) -> Fitted:
    mean, std = _moments(sample, _reduced(values))
    return Fitted(lambda x, centre, width: (x - centre) / width, (mean, std + values["eps"]))


def _standardised_by_numbers(values: Mapping[str, Any], sample: Tensor, raw: Tensor) -> Fitted:
    mean, std = (_along(values[key], values.get("axis")) for key in ("mean", "std"))
    return Fitted(lambda x, centre, width: (x - centre) / width, (mean, std))


def _ranged(values: Mapping[str, Any], sample: Tensor, raw: Tensor) -> Fitted:
    measured = sample if values["reference_tensor"] is None else raw
    axes = _reduced(values)
    low, high = (_quantile(measured, values[key], axes) for key in ("min_percentile", "max_percentile"))
    return Fitted(lambda x, least, range_: (x - least) / range_, (low, high - low + values["eps"]))


def _matched(values: Mapping[str, Any], sample: Tensor, raw: Tensor) -> Fitted:
    axes, eps = _reduced(values), values["eps"]
    (mean, std), (wanted, width) = _moments(sample, axes), _moments(raw, axes)
    gain = (width + eps) / (std + eps)
    return Fitted(lambda x, factor, more: x * factor + more, (gain, wanted - mean * gain))


def _scaled(values: Mapping[str, Any], sample: Tensor, raw: Tensor) -> Fitted:
    gain, offset = (_along(values[key], values.get("axis")) for key in ("gain", "offset"))
    return Fitted(lambda x, factor, more: x * factor + more, (gain, offset))


def _clipped(values: Mapping[str, Any], sample: Tensor, raw: Tensor) -> Fitted:
    axes, bounds = _reduced(values), []
    for end, open_end in (("min", -np.inf), ("max", np.inf)):
        if values[f"{end}_percentile"] is not None:
            bounds.append(_quantile(sample, values[f"{end}_percentile"], axes))
        else:
            bounds.append(_along(open_end if values[end] is None else values[end], None))
    return Fitted(lambda x, low, high: x.maximum(low).minimum(high), tuple(bounds))


def _binarized(values: Mapping[str, Any], sample: Tensor, raw: Tensor) -> Fitted:
    return Fitted(lambda x, threshold: (x > threshold).to(x.dtype), (_along(values["threshold"], values.get("axis")),))


def _squashed(values: Mapping[str, Any], sample: Tensor, raw: Tensor) -> Fitted:
    return Fitted(lambda x: x.sigmoid())


def _shared_out(values: Mapping[str, Any], sample: Tensor, raw: Tensor) -> Fitted:
    axis = "czyx".index(LETTERS.get(str(values.get("axis", "channel")), "c"))
    return Fitted(lambda x: x.softmax(axis))


def _retyped(values: Mapping[str, Any], sample: Tensor, raw: Tensor) -> Fitted:
    """Round and clip as the type would; what follows computes in float32 all the same."""
    kind = str(values["dtype"])
    if kind.startswith("float"):
        return Fitted(lambda x: x)
    if kind == "bool":
        return Fitted(lambda x: (x != 0).to(x.dtype))
    span = np.iinfo(kind)
    return Fitted(lambda x: x.trunc().clamp(float(span.min), float(span.max)))


OPERATIONS: Mapping[str, Callable[[Mapping[str, Any], Tensor, Tensor], Fitted]] = {
    "zero_mean_unit_variance": _standardised,
    "fixed_zero_mean_unit_variance": _standardised_by_numbers,
    "scale_range": _ranged,
    "scale_mean_variance": _matched,
    "scale_linear": _scaled,
    "clip": _clipped,
    "binarize": _binarized,
    "sigmoid": _squashed,
    "softmax": _shared_out,
    "ensure_dtype": _retyped,
}
