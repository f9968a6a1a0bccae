"""Write docs/methods.md from the registries, so that the page and the program cannot disagree; `--check` only compares."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from napari_deconv import methods, psf, steps
from napari_deconv.settings import Described, Settings, describe

PAGE = Path(__file__).resolve().parents[1] / "docs" / "methods.md"
HEAD = """# Methods, steps and PSFs

<!-- Written by `make docs` from the program itself: change the settings' titles and descriptions, not this page. -->

Every name below is a `kind` in a recipe, a choice in the Restore panel, and a word for `--method` or `--psf`. Every setting
is a key in the recipe, a control in the panel, and `--set method.KEY=VALUE` or `--set psf.KEY=VALUE` on the command line;
of the first step before the method `--set prepare.0.KEY=VALUE`, of the first after it `--set finish.0.KEY=VALUE`.
What the words mean is in [concepts.md](concepts.md).
"""


def page() -> str:
    """Return the whole page."""
    families = {
        "Methods": methods.family.members(),
        "Preparation and finishing": steps.family.members(),
        "PSFs": psf.family.members(),
    }
    return "\n".join([HEAD, *(line for title, members in families.items() for line in _family(title, members))])


def _family(title: str, members: object) -> Iterator[str]:
    yield f"## {title}\n"
    for kind, settings in dict(members).items():  # type: ignore[call-overload]
        yield from _member(kind, settings)


def _member(kind: str, settings: type[Settings]) -> Iterator[str]:
    yield f"### `{kind}` — {getattr(settings, 'title', '') or kind}\n"
    summary = getattr(settings, "summary", "") or (settings.__doc__ or "").strip().splitlines()[0]
    yield f"{summary}{_promises(settings)}\n"
    fields = describe(settings)
    if fields:
        yield "| setting | what it is | values | default |"
        yield "| --- | --- | --- | --- |"
        yield from (_row(field) for field in fields)
        yield ""
    reference = getattr(settings, "reference", "")
    if reference:
        yield f"Reference: {reference}.\n"


def _promises(settings: type[Settings]) -> str:
    """Return what a method promises at its defaults, or where a step may stand, in brackets."""
    if issubclass(settings, steps.Step):
        words = {("prepare", "finish"): "before or after the method", ("prepare",): "before the method"}
        return f" *({words.get(settings.stages, 'after the method')})*"
    if not issubclass(settings, methods.Method):
        return ""
    needed = [name for name, info in settings.model_fields.items() if info.is_required()]
    kept, method = [], settings.model_construct(**dict.fromkeys(needed, ""))
    if method.keeps_flux:
        kept.append("keeps the light")
    if method.non_negative:
        kept.append("never negative")
    if method.teaching:
        kept.append("a baseline for teaching, may be worse than the input")
    return f" *({', '.join(kept)})*" if kept else ""


def _row(field: Described) -> str:
    told = f"**{field.title}.** {field.description}".replace("|", "\\|")
    return f"| `{field.name}` | {told} | {_values(field)} | {_default(field)} |"


def _values(field: Described) -> str:
    if field.choices:
        return ", ".join(f"`{choice}`" for choice in field.choices)
    kind = {"int": "whole number", "float": "number", "bool": "yes or no", "str": "text", "tuple": "list"}[field.type]
    bounds = [
        f"{'above' if field.low_open else 'from'} {field.low:g}" if field.low is not None else "",
        f"{'below' if field.high_open else 'to'} {field.high:g}" if field.high is not None else "",
    ]
    words = [kind, *filter(None, bounds), field.unit]
    return " ".join(filter(None, words)) + (", or `auto`" if field.auto else "")


def _default(field: Described) -> str:
    if field.default is None:
        return "from the image" if field.optional else "required"
    return f"`{field.default}`"


def main(words: list[str]) -> int:
    """Write the page, or with ``--check`` say whether it is up to date."""
    fresh = page()
    same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == fresh
    if "--check" in words:
        if not same:
            print(f"{PAGE.name} is out of date: run 'make docs'", file=sys.stderr)
        return int(not same)
    if not same:
        PAGE.write_text(fresh, encoding="utf-8")
        print(f"wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
