"""`Layout`: how a community model takes an image and gives one back: its axes, sizes, halo and channels.

Letters of axes: b batch, c channel, i index, t time, and z, y, x. What one model of this package's method can be is decided here: one
image of one channel in, one image of the same size out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Layout", "Side"]

LETTERS = {"batch": "b", "channel": "c", "index": "i", "time": "t"}
UNTOLD_HALO = {"z": 8, "y": 32, "x": 32}
"""Halo where the description tells none: whole windows of a common network."""
TARGET = {2: {"y": 512, "x": 512}, 3: {"z": 64, "y": 128, "x": 128}}
"""Sizes at which a network sees an image at once, about, by the number of its spatial axes."""


@dataclass(frozen=True)
class Side:
    """One spatial axis of a model: windows of ``least + n * step`` (step 0: of that size alone), of which ``halo`` pixels
    at each end are not to be trusted and ``shrink`` are not given back at all."""

    least: int
    step: int
    halo: int
    shrink: int = 0

    @property
    def stride(self) -> int:
        """Offsets of windows are multiples of this, so that a result does not depend on how an image is cut."""
        return max(self.step, 1)

    @property
    def rim(self) -> int:
        """Pixels at each end of a window that are thrown away, a multiple of the stride."""
        return -(-(self.halo + self.shrink) // self.stride) * self.stride

    def fitting(self, length: int) -> int:
        """Return the smallest size of a window, of those allowed, that holds a length; the only one where there is one."""
        if self.step == 0 or length <= self.least:
            return self.least
        return self.least + -(-(length - self.least) // self.step) * self.step


@dataclass(frozen=True)
class Layout:
    """What a model's description says of its one input and one output.

    axes_in, axes_out : letters in the order of the arrays; sides : of each spatial axis; channels : that the output has;
    tensor_in, tensor_out : their names; output : which of the network's outputs it is; deep : whether it takes stacks as a whole.
    """

    axes_in: str
    axes_out: str
    sides: Mapping[str, Side]
    channels: int
    tensor_in: str
    tensor_out: str
    output: int = 0

    @property
    def deep(self) -> bool:
        """Whether z is an axis of the network; otherwise each plane is an image of its own."""
        return "z" in self.sides

    @property
    def halo(self) -> tuple[int, int, int]:
        """Voxels (z, y, x) that a tile needs around it, so that neither its rim nor the blend into its neighbours is seen."""
        z, y, x = (2 * self.sides[axis].rim if axis in self.sides else 0 for axis in "zyx")
        return z, y, x

    def window(self, axis: str, length: int) -> int:
        """Return the size of the windows in which an axis of some length is seen; at least one stride of each is kept."""
        side = self.sides[axis]
        target = TARGET[len(self.sides)][axis]
        whole = side.fitting(length + 2 * side.rim)
        return whole if whole <= 1.5 * target else side.fitting(max(target, 2 * side.rim + side.stride))

    def arranged(self, window: Tensor) -> Tensor:
        """Return a window (Z, Y, X), Z = 1 for a flat model, as the network takes it."""
        flat = window if self.deep else window[0]
        whole = "".join(axis for axis in self.axes_in if axis not in self.sides) + "zyx"[-len(self.sides) :]
        spread = flat.reshape([1] * (len(whole) - len(self.sides)) + list(flat.shape))
        return spread.permute([whole.index(axis) for axis in self.axes_in]).contiguous()

    def taken(self, given: Tensor) -> Tensor:
        """Return what the network gave as (C, Z, Y, X).

        Raises
        ------
        ValueError
            when it has other axes than were described.
        """
        if given.ndim != len(self.axes_out):
            raise ValueError(
                f"the model gave an array of {given.ndim} dimensions where {self.axes_out} were described: its description is wrong"
            )
        others = [axis for axis in self.axes_out if axis not in "czyx"]
        kept = [axis for axis in "czyx" if axis in self.axes_out]
        ordered = given.permute([self.axes_out.index(axis) for axis in [*others, *kept]])
        ordered = ordered.reshape(-1, *ordered.shape[len(others) :])[0] if others else ordered
        shape = dict(zip(kept, ordered.shape, strict=True))
        return ordered.reshape([shape.get(axis, 1) for axis in "czyx"])

    @classmethod
    def of(cls, described: Any, output: int = 0) -> Layout:
        """Return the layout of a description (0.5).

        Raises
        ------
        ValueError
            in one sentence, when the model is none that restores one image of one channel.
        """
        name = described.name
        needed = [each for each in described.inputs if not getattr(each, "optional", False)]
        if len(needed) != 1:
            raise ValueError(
                f"the model '{name}' takes {len(needed)} images at once: only models of one image can be used"
            )
        if output >= len(described.outputs):
            raise ValueError(
                f"the model '{name}' has {len(described.outputs)} outputs: method.output {output} is not among them"
            )
        taken, given = needed[0], described.outputs[output]
        _refuse_more(name, taken)
        axes_in = "".join(_letter(axis) for axis in taken.axes)
        axes_out = "".join(_letter(axis) for axis in given.axes)
        channels = next((len(axis.channel_names) for axis in given.axes if axis.type == "channel"), 1)
        sides = _sides(name, taken, given)
        return cls(axes_in, axes_out, sides, channels, str(taken.id), str(given.id), output)


def _letter(axis: Any) -> str:
    return LETTERS.get(axis.type, str(axis.id))


def _refuse_more(name: str, taken: Any) -> None:
    """Refuse a model that needs several channels or time points at once."""
    for axis in taken.axes:
        count = (
            len(axis.channel_names) if axis.type == "channel" else axis.size if axis.type in ("time", "index") else 1
        )
        if count != 1:
            what = {"channel": "channels", "time": "time points", "index": "images"}[axis.type]
            told = count if isinstance(count, int) else "several"
            raise ValueError(
                f"the model '{name}' takes {told} {what} at once, but each channel and time point is restored by itself: "
                "choose a model of one channel"
            )


def _sides(name: str, taken: Any, given: Any) -> dict[str, Side]:
    inputs = {str(axis.id): axis for axis in taken.axes if axis.type == "space"}
    outputs = {str(axis.id): axis for axis in given.axes if axis.type == "space"}
    if not {"y", "x"} <= set(inputs) or set(inputs) != set(outputs):
        told = f"{''.join(inputs) or 'none'} in and {''.join(outputs) or 'none'} out"
        raise ValueError(f"the model '{name}' has spatial axes {told}: it gives no image like the one it takes")
    fixed = {
        axis for own, each in inputs.items() if hasattr(each.size, "axis_id") for axis in (own, str(each.size.axis_id))
    }
    sides = {}
    for axis, one in inputs.items():
        least, step = _size(inputs, axis)
        if axis in fixed and step:
            least, step = Side(least, step, 0).fitting(TARGET[len(inputs)][axis]), 0
        shrink = _shrink(name, one, outputs[axis], least, taken)
        halo = getattr(outputs[axis], "halo", None)
        sides[axis] = Side(least, step, UNTOLD_HALO[axis] if halo is None and not shrink else int(halo or 0), shrink)
        if step == 0 and 2 * sides[axis].rim >= least:
            sides[axis] = Side(least, step, max(0, (least - 1) // 4 - shrink), shrink)
    return sides


def _size(inputs: Mapping[str, Any], axis: str) -> tuple[int, int]:
    """Return the least size of an axis and its step, 0 where there is but one; one that follows another takes the other's."""
    size = inputs[axis].size
    if hasattr(size, "axis_id") and str(size.axis_id) in inputs:
        size = inputs[str(size.axis_id)].size
    return (size, 0) if isinstance(size, int) else (int(size.min), int(size.step))


def _shrink(name: str, one: Any, out: Any, least: int, taken: Any) -> int:
    """Return by how many pixels at each end the output is shorter than the input.

    Raises
    ------
    ValueError
        when it is of another size altogether.
    """
    if isinstance(out.size, int):
        lost = least - out.size if isinstance(one.size, int) else -1
    else:
        same = str(out.size.tensor_id) == str(taken.id) and str(out.size.axis_id) == str(one.id)
        lost = -int(out.size.offset) if same and out.scale == one.scale else -1
    if lost < 0 or lost % 2 or out.scale != one.scale:
        raise ValueError(
            f"the model '{name}' gives an image of another size along {one.id}: only models that keep the image's grid can be used"
        )
    return lost // 2
