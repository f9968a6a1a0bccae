"""Lengths to µm and times to seconds, from whatever a file calls its units."""

from __future__ import annotations

import math

__all__ = ["is_believable", "to_micrometres", "to_seconds"]

PREFIXES = {
    "": 1.0, "Y": 1e24, "Z": 1e21, "E": 1e18, "P": 1e15, "T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "h": 1e2, "da": 1e1,
    "d": 1e-1, "c": 1e-2, "m": 1e-3, "µ": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15, "a": 1e-18, "z": 1e-21, "y": 1e-24,
}  # fmt: skip
METRES = {
    "Å": 1e-10, "angstrom": 1e-10, "in": 0.0254, "inch": 0.0254, "thou": 2.54e-5, "li": 0.0254 / 12, "ft": 0.3048, "foot": 0.3048,
    "yd": 0.9144, "yard": 0.9144, "mi": 1609.344, "mile": 1609.344, "pt": 0.0254 / 72, "micron": 1e-6, "um": 1e-6,
}  # fmt: skip
SECONDS = {"min": 60.0, "minute": 60.0, "h": 3600.0, "hour": 3600.0, "hr": 3600.0, "d": 86400.0, "day": 86400.0,
           "sec": 1.0, "msec": 1e-3, "us": 1e-6}  # fmt: skip
WORDS = {"yotta": "Y", "zetta": "Z", "exa": "E", "peta": "P", "tera": "T", "giga": "G", "mega": "M", "kilo": "k", "hecto": "h",
         "deca": "da", "deci": "d", "centi": "c", "milli": "m", "micro": "µ", "nano": "n", "pico": "p", "femto": "f", "atto": "a",
         "zepto": "z", "yocto": "y", "": ""}  # fmt: skip


def to_micrometres(value: float | None, unit: str | None) -> float | None:
    """Return a length in µm, or None where the value or its unit is unknown (``pixel``, ``reference frame``, empty)."""
    return _converted(value, _scale(unit, "m", ("meter", "metre"), METRES), 1e6)


def to_seconds(value: float | None, unit: str | None) -> float | None:
    """Return a time in seconds, or None where the value or its unit is unknown."""
    return _converted(value, _scale(unit, "s", ("second",), SECONDS), 1.0)


def is_believable(micrometres: float | None) -> bool:
    """Whether a pixel of this size can come from a microscope, and not from a printer's dots per inch (72 dpi: 353 µm)."""
    return micrometres is not None and 1e-4 <= micrometres <= 20.0


def _converted(value: float | None, scale: float | None, parts: float) -> float | None:
    if value is None or scale is None or not math.isfinite(value):
        return None
    return float(f"{value * scale * parts:.12g}")


def _scale(unit: str | None, symbol: str, words: tuple[str, ...], others: dict[str, float]) -> float | None:
    """Return how many metres or seconds a unit has."""
    name = (unit or "").strip().replace("\\u00B5", "µ").replace("\\u00b5", "µ").replace("μ", "µ")
    if name.endswith(symbol) and name[: -len(symbol)] in PREFIXES:
        return PREFIXES[name[: -len(symbol)]]
    for each in (name, name.lower(), name.lower().removesuffix("s"), name.lower().removesuffix("es")):
        if each in others:
            return others[each]
        for word in words:
            if each.endswith(word) and each.removesuffix(word) in WORDS:
                return PREFIXES[WORDS[each.removesuffix(word)]]
    return None
