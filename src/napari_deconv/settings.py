"""Frozen values that describe themselves, and open families of them that are found by being in a folder."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from types import UnionType
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

__all__ = ["Described", "Family", "Settings", "describe", "explain_invalid", "field", "nearest"]


def nearest(word: str, words: Any) -> str:
    """Return ``": did you mean 'x'?"``, or the words there are when nothing is near."""
    known = sorted(str(each) for each in words)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f": did you mean '{close[0]}'?" if close else f": it must be one of {', '.join(known)}"


def field(default: Any = ..., *, unit: str = "", slider: str = "", **described: Any) -> Any:
    """Make a pydantic field that also carries what a form needs.

    ``unit`` is shown beside the value; ``slider`` is ``"linear"``, ``"log"`` or empty (a plain box) over the soft
    range ``(shown_min, shown_max)``; ``advanced`` folds it away. ``title``, ``description``, ``ge``, ``gt``, ``le``, ``lt`` are
    pydantic's own. A field of a number or the word ``auto`` has its bounds at the number:
    ``Annotated[float, Field(gt=0)] | Literal["auto"]``.
    """
    from pydantic import Field

    shown: dict[str, Any] = {
        key: described.pop(key) for key in ("shown_min", "shown_max", "advanced") if key in described
    }
    extra: dict[str, Any] = {"unit": unit, "slider": slider, **shown}
    return Field(default, json_schema_extra=extra, **described)


class Settings(BaseModel):
    """A frozen set of values; an unknown key is an error that names the key and the nearest right one."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False, validate_default=True
    )

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, values: Any) -> Any:
        if isinstance(values, Mapping):
            for key in values:
                if key not in cls.model_fields:
                    where = getattr(cls, "kind_name", lambda: "")() or cls.__name__.lower()
                    raise ValueError(f"unknown key '{key}' in {where}{nearest(str(key), cls.model_fields)}")
        return values

    def replace(self, **changes: Any) -> Any:
        """Return a validated copy with some fields changed."""
        return type(self).model_validate({**self.field_values(), **changes})

    def field_values(self) -> dict[str, Any]:
        """Return the fields as they are, nested settings left whole."""
        return {name: getattr(self, name) for name in type(self).model_fields}


@dataclass(frozen=True)
class Described:
    """One field of a `Settings` class as a form, a command line or a page of documentation needs it.

    ``type`` is int, float, bool, str, tuple or choice; ``low`` and ``high`` are hard bounds, ``shown`` a slider's range.
    """

    name: str
    title: str
    description: str
    type: str
    default: Any
    unit: str = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    shown: tuple[float, float] | None = None
    slider: str = ""
    auto: bool = False
    optional: bool = False
    advanced: bool = False


def describe(settings: type[BaseModel]) -> tuple[Described, ...]:
    """Return what there is to know of every field but ``kind``."""
    return _all_described(settings)


@cache
def _all_described(settings: Any) -> tuple[Described, ...]:
    return tuple(_described(name, info) for name, info in settings.model_fields.items() if name != "kind")


def _described(name: str, info: Any) -> Described:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    types, choices, rules = _taken_apart(info.annotation, list(info.metadata))
    bounds: dict[str, Any] = {}
    for rule in rules:
        for word, bound, opened in (
            ("ge", "low", False),
            ("gt", "low", True),
            ("le", "high", False),
            ("lt", "high", True),
        ):
            if getattr(rule, word, None) is not None:
                bounds |= {bound: getattr(rule, word), f"{bound}_open": opened}
    kinds = [each for each in (bool, int, float, str, tuple) if each in types]
    shown = (extra["shown_min"], extra["shown_max"]) if "shown_min" in extra and "shown_max" in extra else None
    return Described(
        name=name,
        title=info.title or name.replace("_", " ").capitalize(),
        description=info.description or "",
        type=kinds[0].__name__ if kinds else "choice",
        default=info.get_default(call_default_factory=True) if not info.is_required() else None,
        choices=tuple(choices) if not kinds else (),
        shown=shown,
        unit=extra.get("unit", ""),
        slider=extra.get("slider", ""),
        auto="auto" in choices and bool(kinds),
        optional=type(None) in types,
        advanced=bool(extra.get("advanced", False)),
        **bounds,
    )


def _taken_apart(annotation: Any, rules: list[Any]) -> tuple[set[Any], list[str], list[Any]]:
    """Return the plain types, the literal words and the constraints of an annotation."""
    types: set[Any] = set()
    words: list[str] = []
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        rules = rules + [rule for each in more for rule in getattr(each, "metadata", [each])]
        return _taken_apart(inner, rules)
    if origin is Literal:
        return types, [str(each) for each in get_args(annotation)], rules
    if origin in (Union, UnionType):
        for each in get_args(annotation):
            more_types, more_words, rules = _taken_apart(each, rules)
            types |= more_types
            words += more_words
        return types, words, rules
    return {origin or annotation}, words, rules


PLAIN = ("float", "int", "str", "bool")
"""Types that pydantic names as if they were keys, where a key may be of several."""

S = TypeVar("S", bound=Settings)


class Family(Generic[S]):
    """An open, named set of `Settings` classes: every one with a ``kind`` in the package's modules, or in an entry point.

    A member is a subclass of ``base`` whose field ``kind`` has a string default. Looking a name up imports the
    package's modules on first use, so that adding a file is all that it takes to add a member.
    """

    def __init__(self, noun: str, package: str, base: Callable[[], type[S]], group: str) -> None:
        self.noun, self._package, self._base, self._group = noun, package, base, group
        self._members: dict[str, type[S]] | None = None

    def names(self) -> tuple[str, ...]:
        """Return the kinds, sorted by their ``order`` and then by name."""
        return tuple(self.members())

    def members(self) -> Mapping[str, type[S]]:
        """Return kind -> class."""
        if self._members is None:
            self._members = self._found()
        return self._members

    def __getitem__(self, kind: str) -> type[S]:
        members = self.members()
        if kind not in members:
            raise ValueError(f"unknown {self.noun} '{kind}'{nearest(kind, members)}")
        return members[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self.members())

    def parse(self, value: Any) -> S:
        """Make a member from itself, a kind, or a mapping with ``kind``."""
        if isinstance(value, self._base()):
            return value
        if isinstance(value, str):
            value = {"kind": value}
        if not isinstance(value, Mapping):
            raise ValueError(f"a {self.noun} is a kind or a mapping with 'kind', not {type(value).__name__}")
        if "kind" not in value:
            raise ValueError(f"the {self.noun} lacks 'kind'{nearest('', self.members())}")
        return self[str(value["kind"])].model_validate(dict(value))

    def _found(self) -> dict[str, type[S]]:
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")
        for entry in entry_points(group=self._group):
            entry.load()
        classes = [each for each in _descendants(self._base()) if _kind_of(each)]
        classes.sort(key=lambda each: (getattr(each, "order", 100), _kind_of(each)))
        return {_kind_of(each): each for each in classes}


def _kind_of(settings: type[Settings]) -> str:
    kind = settings.model_fields.get("kind")
    return kind.default if kind is not None and isinstance(kind.default, str) else ""


def _descendants(base: type[Any]) -> Iterator[type[Any]]:
    for each in base.__subclasses__():
        yield each
        yield from _descendants(each)


def explain_invalid(error: ValidationError) -> str:
    """Say in one sentence what is wrong with a value: the dotted key, the value, the rule.

    Of a key that may be of several types, only what the value broke as the type that it is gets said.
    """
    broken: dict[str, list[Any]] = {}
    for each in error.errors(include_url=False):
        where = ".".join(
            part for part in map(str, each["loc"]) if part.replace("_", "").isalnum() and part not in PLAIN
        )
        broken.setdefault(where, []).append(each)
    parts = []
    for where, errors in broken.items():
        told = [each for each in errors if not each["type"].endswith(("_type", "_parsing", "literal_error"))] or errors
        rules = " or ".join(dict.fromkeys(_rule(each) for each in told))
        parts.append(f"{where + ': ' if where else ''}{rules}{_given(told[0])}")
    return "; ".join(dict.fromkeys(parts))


def _rule(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ").split(", unable to parse")[0]
    for said, better in (
        ("Input should be", "must be"),
        ("greater than or equal to", "at least"),
        ("less than or equal to", "at most"),
    ):
        message = message.replace(said, better)
    return message[:1].lower() + message[1:]


def _given(error: Any) -> str:
    given = error.get("input")
    plain = isinstance(given, (str, int, float, bool)) and error["type"] != "value_error"
    return f" (given {given!r})" if plain else ""
