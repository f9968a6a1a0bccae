"""The steps chosen before and after the method, without a window: kinds and typed values in, settings or sentences out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field as attribute, replace
from typing import Any

from .. import steps
from ..image import Image, Region
from ..preparing import prepare
from ..recipe import Recipe
from ..settings import describe
from ..steps.base import FINISH, PREPARE, Step
from .judging import parsed

__all__ = ["Chosen", "StepLists", "misfit"]


@dataclass(frozen=True)
class Chosen:
    """A step that was added: its kind, and the values that were typed."""

    kind: str
    typed: Mapping[str, Any] = attribute(default_factory=dict)


class StepLists:
    """The steps of both stages, in their order; ``changed`` is called after every change."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._lists: dict[str, tuple[Chosen, ...]] = {PREPARE: (), FINISH: ()}

    def of(self, stage: str) -> tuple[Chosen, ...]:
        """Return the steps of a stage."""
        return self._lists[stage]

    @property
    def state(self) -> tuple[Any, ...]:
        """What is chosen, to be compared."""
        return tuple(self._lists.values())

    def add(self, stage: str, kind: str) -> None:
        """Add a step at the end."""
        self._set(stage, (*self.of(stage), Chosen(kind)))

    def remove(self, stage: str, number: int) -> None:
        """Take a step out."""
        self._set(stage, tuple(each for place, each in enumerate(self.of(stage)) if place != number))

    def move(self, stage: str, number: int, by: int) -> None:
        """Move a step up (-1) or down (1); at the end of the list it stays."""
        listed = list(self.of(stage))
        to = number + by
        if 0 <= to < len(listed):
            listed[number], listed[to] = listed[to], listed[number]
            self._set(stage, tuple(listed))

    def type(self, stage: str, number: int, name: str, value: Any) -> None:
        """Set a field of a step; None takes it back."""
        listed = list(self.of(stage))
        typed = {key: each for key, each in listed[number].typed.items() if key != name}
        listed[number] = replace(listed[number], typed=typed if value is None else {**typed, name: value})
        self._set(stage, tuple(listed))

    def take(self, recipe: Recipe) -> None:
        """Choose a recipe's steps, as if each value had been typed; tells nobody."""
        for stage, own in ((PREPARE, recipe.prepare), (FINISH, recipe.finish)):
            self._lists[stage] = tuple(_chosen(step) for step in own)

    def parsed(self, problems: dict[str, str]) -> dict[str, tuple[Step, ...]]:
        """Return the stages' settings, or note every field that is not valid as ``prepare.0.radius``."""
        return {
            stage: tuple(
                parsed(steps.family[each.kind], each.typed, f"{stage}.{number}", problems)
                for number, each in enumerate(listed)
            )
            for stage, listed in self._lists.items()
        }

    def _set(self, stage: str, listed: tuple[Chosen, ...]) -> None:
        if listed != self._lists[stage]:
            self._lists[stage] = listed
            self._changed()


def misfit(image: Image, recipe: Recipe) -> dict[str, str]:
    """Return why the first step that does not fit an image does not, under ``prepare`` or ``finish``; nothing is computed."""
    for stage, tried in ((PREPARE, recipe.replace(finish=())), (FINISH, recipe)):
        try:
            prepare(image, tried, Region({}))
        except (ValueError, OSError) as error:
            return {stage: str(error)}
    return {}


def _chosen(step: Step) -> Chosen:
    fields = step.field_values()
    changed = {each.name: fields[each.name] for each in describe(type(step)) if fields[each.name] != each.default}
    return Chosen(str(type(step).model_fields["kind"].default), changed)
