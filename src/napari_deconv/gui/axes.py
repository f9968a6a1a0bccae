"""How the axes of a napari layer are read: from its axis labels where they say it, otherwise from its dimensions."""

from __future__ import annotations

from typing import Any

from ..image import AXES

__all__ = ["LABELS", "guess_axes", "in_words", "possible_axes"]

LABELS = {"T": "t", "C": "c", "Z": "z", "Y": "y", "X": "x"}
WORDS = {
    "t": "T", "time": "T", "frame": "T", "c": "C", "channel": "C", "channels": "C",
    "y": "Y", "row": "Y", "x": "X", "column": "X",
    "z": "Z", "plane": "Z", "depth": "Z", "q": "Z", "i": "Z",
}  # fmt: skip
USUAL = {2: ("YX",), 3: ("ZYX", "TYX", "CYX"), 4: ("TZYX", "CZYX", "TCYX"), 5: ("TCZYX", "TZCYX", "CTZYX")}


def guess_axes(layer: Any) -> str:
    """Return one letter of ``TCZYX`` for each dimension of an image layer's array; an RGB layer's colours are ``C``.

    Raises
    ------
    ValueError
        when the layer has too few or too many dimensions.
    """
    told = [WORDS.get(str(label).strip().lower(), "") for label in layer.axis_labels]
    if all(told) and len(set(told)) == len(told) and {"Y", "X"} <= set(told):
        return "".join(told) + ("C" if layer.rgb else "")
    return possible_axes(layer)[0]


def possible_axes(layer: Any) -> tuple[str, ...]:
    """Return the readings of a layer's dimensions that make sense, the likeliest first.

    Raises
    ------
    ValueError
        when there is none.
    """
    usual = USUAL.get(layer.ndim, ())
    if layer.rgb:
        usual = tuple(axes + "C" for axes in usual if "C" not in axes)
    if not usual:
        raise ValueError(
            f"the layer '{layer.name}' has {layer.ndim} dimensions: 2 to 5 out of {', '.join(AXES)} can be restored"
        )
    return usual


def in_words(axes: str) -> str:
    """Return ``"3-D: Z, Y, X"``."""
    spatial = sum(axis in "ZYX" for axis in axes)
    return f"{spatial}-D: {', '.join(axes)}"
