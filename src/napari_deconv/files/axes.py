"""The axes of a file as axes of an `Image`: ambiguous ones are resolved, with a notice, and colour samples become channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

__all__ = ["SAMPLES", "resolve_axes", "with_samples_as_channels"]

SAMPLES = "S"
KNOWN = "TCZYX"
FREE = "ZCT"
"""What an axis without a meaning becomes: the first of these that is free, for the last such axis first."""


def resolve_axes(axes: str, shape: Sequence[int], given: str | None, *, is_rgb: bool, name: str) -> tuple[str, str]:
    """Return the letters of ``TCZYX`` and S (colour samples) for each dimension, and a notice or the empty string.

    Parameters
    ----------
    axes, shape : as the file has them, one letter a dimension.
    given : what the user says instead, or None.
    is_rgb : whether S are the samples of a colour image.
    name : what messages call the file.

    Raises
    ------
    ValueError
        when ``given`` does not fit, or there are more axes than an image can have.
    """
    if given is not None:
        return check_given(given.strip().upper(), axes, shape, name), ""
    kept = [letter if letter in KNOWN or (letter == SAMPLES and is_rgb) else "?" for letter in axes]
    kept = [letter if kept.index(letter) == place or letter == "?" else "?" for place, letter in enumerate(kept)]
    for letter in "XY":
        if letter not in kept:
            place = max((place for place, each in enumerate(kept) if each == "?"), default=None)
            if place is None:
                raise ValueError(
                    f"{name} has axes {axes}, no {letter}: only images can be read, give --axes if they are one"
                )
            kept[place] = letter
    free = [letter for letter in FREE if letter not in kept and not (letter == "C" and SAMPLES in kept)]
    for place in reversed([place for place, letter in enumerate(kept) if letter == "?"]):
        if not free:
            raise ValueError(
                f"{name} has axes {axes} ({_sizes(shape)}): an image has at most T, C, Z, Y and X, give --axes or split it"
            )
        kept[place] = free.pop(0)
    resolved = "".join(kept)
    changed = [f"{old} read as {new}" for old, new in zip(axes, resolved, strict=True) if old != new]
    return resolved, f"axes {axes}: {', '.join(changed)}; give --axes to override" if changed else ""


def check_given(given: str, axes: str, shape: Sequence[int], name: str) -> str:
    """Return the user's axes when they fit the file's dimensions."""
    if len(given) != len(shape):
        raise ValueError(
            f"axes '{given}' name {len(given)} dimensions but {name} has {len(shape)} ({axes}: {_sizes(shape)}): "
            f"give {len(shape)} letters out of {KNOWN}"
        )
    if set(given) - set(KNOWN + SAMPLES) or len(set(given)) != len(given) or not {"Y", "X"} <= set(given):
        raise ValueError(f"axes '{given}' must be different letters out of {KNOWN}, with both Y and X")
    return given


def with_samples_as_channels(data: Any, axes: str) -> tuple[Any, str, bool]:
    """Return the array and its axes with the colour samples S as channels, and whether these are all its channels.

    An array that has both C and S gets C × S channels.
    """
    if SAMPLES not in axes:
        return data, axes, False
    if "C" not in axes:
        return data, axes.replace(SAMPLES, "C"), True
    order = [place for place, axis in enumerate(axes) if axis != SAMPLES]
    order.insert(order.index(axes.index("C")) + 1, axes.index(SAMPLES))
    moved = data.transpose(order)
    rest = axes.replace(SAMPLES, "")
    place = rest.index("C")
    shape = (*moved.shape[:place], math.prod(moved.shape[place : place + 2]), *moved.shape[place + 2 :])
    return moved.reshape(shape), rest, False


def _sizes(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))
