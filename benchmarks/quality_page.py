"""The page of `benchmarks.quality`: its tables, and what was asked for beside what was reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import published
from .report import as_table, heading

TITLES = {
    "psnr": "PSNR, dB", "ssim": "SSIM", "nrmse": "NRMSE", "nrmse_dim": "NRMSE without the brightest 0.1 %",
    "correlation": "mean FSC", "rim": "rim error / interior",
}  # fmt: skip
PLAIN, DIM = "richardson-lucy", 100
"""Whom regularised methods shall surpass, and up to how many photons."""

Row = dict[str, Any]


def as_markdown(report: dict[str, Any]) -> str:
    """Return the report's tables."""
    rows = report["rows"]
    told = f"{len(report['scenes'])} scenes × {report['photons']} photons × PSF {', '.join(report['psfs'])} × {report['draws']} draws"
    lines = [heading("Quality", report), f"{told}; {report['minutes']:.0f} minutes."]
    lines += ["", "## Everything automatic", "", _table_of_methods(rows)]
    lines += ["", "## Automatic less the best with the truth in hand, dB", ""]
    lines += ["Asked for: 0.3 dB on average, never more than 1 dB on any scene.", "", _table_of_gaps(rows)]
    if PLAIN in _named(rows) and _photons(rows):
        lines += ["", "## Less the best iteration of Richardson-Lucy, dB", ""]
        lines += [
            "Asked for of regularised and consensus methods: +0.5 dB. Mean over scenes and draws (worst scene's mean): everything"
        ]
        lines += [
            "automatic / automatic with the background known / the best with the truth in hand.",
            "",
            _table_over_plain(rows),
        ]
    lines += ["", "## Gain over the blurred input, dB, and the rim", ""]
    lines += [
        "Asked for: never worse than the input; at the rim at most 1.1 times the interior's error.",
        "",
        _table_of_bounds(rows),
    ]
    for photons in report["photons"]:
        lines += ["", f"## PSNR at {photons:g} photons, dB: automatic (best)", "", _table_of_scenes(rows, photons)]
    if "published" in report:
        lines += ["", published.as_markdown(report["published"])]
    return "\n".join(lines) + "\n"


def _named(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["method"] for row in rows))


def _photons(rows: Sequence[Row]) -> list[float]:
    return sorted({row["photons"] for row in rows if row["photons"] <= DIM})


def _mean(rows: Sequence[Row], key: str) -> float:
    return float(np.mean([row[key] for row in rows])) if rows else float("nan")


def _by_scene(rows: Sequence[Row], value: Callable[[Row], float]) -> dict[tuple[Any, ...], float]:
    """Return (scene, photons, PSF) -> the mean of a value over the draws."""
    groups: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        groups.setdefault((row["scene"], row["photons"], row["psf"]), []).append(value(row))
    return {key: float(np.mean(values)) for key, values in groups.items()}


def _table_of_methods(rows: Sequence[Row]) -> str:
    cells = [
        [name, *(f"{_mean([r for r in rows if r['method'] == name], key):.3g}" for key in TITLES)]
        for name in _named(rows)
    ]
    return as_table(["method", *TITLES.values()], cells)


def _table_of_gaps(rows: Sequence[Row]) -> str:
    heads = ["method", "mean", "worst scene (mean of draws)", "worst draw", "scenes below -1", "mean, background known"]
    cells = []
    for name in _named(rows):
        own = [row for row in rows if row["method"] == name and "best" in row]
        if own:
            gaps = _by_scene(own, lambda row: row["psnr"] - row["best"])
            where, least = min(gaps.items(), key=lambda each: each[1])
            known, mean = (_mean(own, key) - _mean(own, "best") for key in ("known_background", "psnr"))
            worst = min(row["psnr"] - row["best"] for row in own)
            below = f"{sum(gap < -1 for gap in gaps.values())} of {len(gaps)}"
            told = f"{least:.2f} ({where[0]}, {where[1]:g} photons, {where[2]})"
            cells.append([name, f"{mean:+.2f}", told, f"{worst:.2f}", below, f"{known:+.2f}"])
    return as_table(heads, cells)


def _table_over_plain(rows: Sequence[Row]) -> str:
    about = ("scene", "photons", "psf", "draw")
    plain = {tuple(row[key] for key in about): row["best"] for row in rows if row["method"] == PLAIN}

    def over(key: str) -> Callable[[Row], float]:
        return lambda row: row[key] - plain[tuple(row[each] for each in about)]

    cells = []
    for name in _named(rows):
        own = [r for r in rows if r["method"] == name and "best" in r and tuple(r[each] for each in about) in plain]
        line = [name] if own else []
        for photons in _photons(rows) if own else ():
            here = [row for row in own if row["photons"] == photons]
            means = [_by_scene(here, over(key)) for key in ("psnr", "known_background", "best")]
            line.append(
                " / ".join(f"{np.mean(list(each.values())):+.2f} ({min(each.values()):+.2f})" for each in means if each)
            )
        cells += [line] if line else []
    return as_table(["method", *(f"{photons:g} photons" for photons in _photons(rows))], cells)


def _table_of_bounds(rows: Sequence[Row]) -> str:
    about = ("scene", "photons", "psf", "draw")
    seen = {tuple(row[key] for key in about): row["psnr"] for row in rows if row["method"] == "input"}
    cells = []
    for name in _named(rows):
        own = [row for row in rows if row["method"] == name and tuple(row[key] for key in about) in seen]
        if own and name != "input":
            gains = [row["psnr"] - seen[tuple(row[key] for key in about)] for row in own]
            rims = _by_scene(own, lambda row: row["rim"])
            where, most = max(rims.items(), key=lambda each: each[1])
            told = f"{most:.2f} ({where[0]}, {where[1]:g} photons, {where[2]})"
            below = f"{sum(gain < 0 for gain in gains)} of {len(gains)}"
            cells.append(
                [name, f"{np.mean(gains):+.2f}", f"{min(gains):+.2f}", below, f"{_mean(own, 'rim'):.2f}", told]
            )
    return as_table(["method", "mean gain", "least", "worse than the input", "rim, mean", "rim, worst scene"], cells)


def _table_of_scenes(rows: Sequence[Row], photons: float) -> str:
    here = [row for row in rows if row["photons"] == photons]
    scenes = list(dict.fromkeys((row["scene"], row["psf"]) for row in here))
    cells = []
    for name in _named(here):
        line = [name]
        for scene, psf in scenes:
            own = [row for row in here if (row["method"], row["scene"], row["psf"]) == (name, scene, psf)]
            best = f" ({_mean(own, 'best'):.1f})" if own and "best" in own[0] else ""
            line.append(f"{_mean(own, 'psnr'):.1f}{best}" if own else "")
        cells.append(line)
    return as_table(["method", *(f"{scene}, {psf}" for scene, psf in scenes)], cells)
