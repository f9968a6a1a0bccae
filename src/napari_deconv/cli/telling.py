"""What is printed: what a file says of itself, the methods, the doctor's findings; as text or as one JSON object."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "describe_member",
    "describe_file",
    "print_json",
    "print_table",
    "tell_file",
    "tell_health",
    "tell_methods",
    "tell_steps",
    "worded_figures",
]


def print_json(values: Any) -> None:
    """Print one JSON value on standard output; what JSON cannot say (NaN, infinity) is null."""
    print(json.dumps(_plain(values), ensure_ascii=False, allow_nan=False))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: with rich on a terminal, else with tabs between the columns."""
    if not sys.stdout.isatty():
        for row in (headings, *rows):
            print("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*headings, box=None, header_style="bold", padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def tell_file(path: Path, as_json: bool) -> None:
    """Print what a file says of itself."""
    told = describe_file(path)
    if as_json:
        print_json(told)
        return
    for name in ("axes", "shape", "dtype", "voxel", "time_step"):
        print(f"{name.replace('_', ' '):<9} {_worded(name, told[name])}")
    for number, channel in enumerate(told["channels"]):
        said = (
            ", ".join(f"{key} {value}" for key, value in channel.items() if value not in (None, "")) or "nothing known"
        )
        print(f"{'channel':<9} {number}: {said}")
    print(f"{'optics':<9} {', '.join(f'{key} {value}' for key, value in told['optics'].items()) or 'nothing known'}")
    history: list[dict[str, Any]] = told["history"]
    for record in history or [{}]:
        print(f"{'history':<9} {_remembered(record)}")
    for notice in told["notices"]:
        print(f"note: {notice}", file=sys.stderr)


def describe_file(path: Path) -> dict[str, Any]:
    """Return what a file says of itself as plain values; lengths in µm, time_step in seconds."""
    from ..files import read

    image = read(path)
    return {
        "file": str(path),
        "name": image.name,
        "axes": image.axes,
        "shape": list(image.shape),
        "dtype": str(image.dtype),
        "voxel": dict(image.voxel),
        "origin": dict(image.origin),
        "time_step": image.time_step,
        "channels": [channel.model_dump(mode="json") for channel in image.channels],
        "optics": image.optics.model_dump(mode="json", exclude_none=True),
        "history": [dict(record) for record in image.history],
        "notices": list(image.notices),
    }


def tell_methods(kind: str | None, psf: bool, as_json: bool) -> None:
    """Print every method (or PSF model), or one with its fields."""
    from .. import methods, psf as psfs

    family: Any = psfs.family if psf else methods.family
    if kind is not None:
        member = describe_member(kind, family[kind])
        print_json(member) if as_json else _print_member(member)
        return
    members = [describe_member(name, each) for name, each in family.members().items()]
    if as_json:
        print_json(members)
        return
    print_table(
        ("kind", "title", "summary", "reference"),
        [[each[key] for key in ("kind", "title", "summary", "reference")] for each in members],
    )


def tell_steps(kind: str | None, as_json: bool) -> None:
    """Print every step of preparation and finishing, or one with its fields."""
    from .. import steps

    family = steps.family
    if kind is not None:
        member = describe_member(kind, family[kind])
        print_json(member) if as_json else _print_member(member)
        return
    members = [{**describe_member(name, each), "stages": list(each.stages)} for name, each in family.members().items()]
    if as_json:
        print_json(members)
        return
    rows = [[each["kind"], each["title"], " or ".join(each["stages"]), each["summary"]] for each in members]
    print_table(("kind", "title", "where", "summary"), rows)


def describe_member(kind: str, settings: Any) -> dict[str, Any]:
    """Return what there is to know of a method or PSF model, its fields with type, default, bounds and unit."""
    from dataclasses import asdict

    from ..settings import describe

    summary = getattr(settings, "summary", "") or (settings.__doc__ or "").strip().splitlines()[0]
    fields = [asdict(each) for each in describe(settings)]
    return {
        "kind": kind,
        "title": settings.title,
        "summary": summary,
        "reference": settings.reference,
        "fields": fields,
    }


def tell_health(as_json: bool) -> None:
    """Print the doctor's findings.

    Raises
    ------
    typer.Exit
        with status 1 when the engine does not work.
    """
    import typer

    from ..doctor import examine

    findings = examine()
    if as_json:
        print_json(
            {"works": all(each.state != "broken" for each in findings), "findings": [vars(each) for each in findings]}
        )
    else:
        for each in findings:
            remedy = f"\n{'':<26}-> {each.remedy}" if each.remedy else ""
            print(f"{each.state:<8} {each.name:<16} {each.told}{remedy}")
    if any(each.state == "broken" for each in findings):
        raise typer.Exit(1)


def worded_figures(figures: Mapping[str, Any], before: str = "") -> list[str]:
    """Return a line for each figure, nested ones under their names."""
    lines = []
    for name, value in figures.items():
        if isinstance(value, Mapping):
            lines += worded_figures(value, f"{before}{name} ")
        else:
            worded = f"{value:.5g}" if isinstance(value, float) else str(value)
            lines.append(f"{before + name:<28} {worded}")
    return lines


def _print_member(member: Mapping[str, Any]) -> None:
    print(f"{member['title']} ({member['kind']})")
    print(member["summary"])
    if member["reference"]:
        print(f"Reference: {member['reference']}")
    rows = [
        [each["name"], _typed(each), _default(each), _bounds(each), each["unit"], each["description"]]
        for each in member["fields"]
    ]
    if rows:
        print_table(("field", "type", "default", "bounds", "unit", "description"), rows)


def _typed(field: Mapping[str, Any]) -> str:
    kind = " | ".join(field["choices"]) or field["type"]
    return kind + (" | auto" if field["auto"] else "")


def _default(field: Mapping[str, Any]) -> str:
    return "-" if field["default"] is None else str(field["default"])


def _bounds(field: Mapping[str, Any]) -> str:
    low = "" if field["low"] is None else f"{'>' if field['low_open'] else '≥'} {field['low']:g}"
    high = "" if field["high"] is None else f"{'<' if field['high_open'] else '≤'} {field['high']:g}"
    return ", ".join(part for part in (low, high) if part) or "-"


def _worded(name: str, value: Any) -> str:
    if name == "voxel":
        return ", ".join(f"{axis} {pitch:g} µm" for axis, pitch in value.items()) or "unknown"
    if name == "shape":
        return " × ".join(map(str, value))
    if name == "time_step":
        return "unknown" if value is None else f"{value:g} s"
    return str(value)


def _remembered(record: Mapping[str, Any]) -> str:
    if not record:
        return "none"
    if "recipe" not in record:
        return json.dumps(_plain(record), ensure_ascii=False)
    time, method, device, digest = (record.get(key, "?") for key in ("time", "method", "device", "digest"))
    return f"{time} {method}, {record.get('iterations', '?')} iterations on {device}, recipe {digest}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return value.item() if hasattr(value, "item") else str(value)
