"""What a run or a preview chose by itself, from its record: the values for the fields, the reasons in words; no window here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..running.preview import Shown

__all__ = ["chosen_values", "chosen_words", "worded"]


MOST = 2
"""Reasons that are told; the record keeps them all."""


def chosen_values(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the value of each field that was left automatic, by its name, where it is one for all channels and time points."""
    found: dict[str, set[str]] = {}
    for each in record.get("choices", ()):
        found.setdefault(each["name"], set()).add(f"{each['value']:.4g}")
    if record.get("recipe", {}).get("background") == "auto":
        found["background"] = {f"{each:.4g}" for each in record.get("background", ())}
    return {name: "".join(values) for name, values in found.items() if len(values) == 1}


def chosen_words(record: Mapping[str, Any]) -> str:
    """Return why each automatic value is what it is, a sentence each; nothing where all values were set."""
    reasons = list(dict.fromkeys(each["why"] for each in record.get("choices", ())))
    told = [f"{each[:1].upper()}{each[1:]}." for each in reasons[:MOST]]
    if len(reasons) > MOST:
        told.append(f"The reasons of {len(reasons) - MOST} other volumes are in the record.")
    background = chosen_values(record).get("background")
    return " ".join([*told, *([f"Background {background} counts, estimated from the image."] if background else [])])


def worded(shown: Shown) -> str:
    """Return what there is to say of an estimate; of the last one, why it is the last."""
    if shown.stage == "provisional":
        return f"Live: {shown.step} iterations, while the best number is being found …"
    if not shown.is_last:
        return f"Live: iteration {shown.step} of {shown.steps}"
    choices = shown.image.history[-1].get("choices", ()) if shown.image.history else ()
    return (
        f"Live: {choices[0]['why']}."
        if choices
        else f"Live: all {shown.steps} iterations."
        if shown.steps > 1
        else "Live."
    )
