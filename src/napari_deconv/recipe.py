"""`Recipe`: PSF, preparation and method as one frozen value that is hashed, saved as YAML, stored and replayed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationError

from . import methods, psf as psfs, steps
from .methods.base import Method
from .psf.base import PsfModel
from .settings import Settings, explain_invalid, field
from .steps.base import FINISH, PREPARE, Step

__all__ = ["Recipe"]

FILES = ("path", "dark")
"""Keys of a PSF or a step that name a file."""


def _as_psf(value: Any) -> Any:
    """Accept a model, a mapping, a kind, a path, or an image or array that holds a PSF."""
    if value is None or isinstance(value, PsfModel):
        return value
    if isinstance(value, dict):
        return psfs.family.parse(value)
    if isinstance(value, (str, Path)):
        kind = str(value)
        is_kind = isinstance(value, str) and (kind in psfs.family or not Path(kind).suffix)
        return psfs.family.parse(kind if is_kind else {"kind": "measured", "path": kind})
    from .psf.measured import Measured

    return Measured.of(value)


AnyPsf = Annotated[SerializeAsAny[PsfModel] | None, BeforeValidator(_as_psf)]


def _as_steps(stage: str) -> Any:
    """Return what makes steps of a list of steps, kinds and mappings, all of which may stand at this stage."""

    def parsed(values: Any) -> tuple[Step, ...]:
        listed = values if isinstance(values, (list, tuple)) else [values]
        made = tuple(steps.family.parse(each) for each in listed if each is not None)
        for step in made:
            if stage not in step.stages:
                raise ValueError(f"{step.kind_name()} cannot stand in '{stage}': put it into '{step.stages[0]}'")
            if step.is_last and step is not made[-1]:
                raise ValueError(f"{step.kind_name()} must be the last step of '{stage}': move it to the end")
        return made

    return BeforeValidator(parsed)


Preparation = Annotated[tuple[SerializeAsAny[Step], ...], _as_steps(PREPARE)]
Finishing = Annotated[tuple[SerializeAsAny[Step], ...], _as_steps(FINISH)]
AnyMethod = Annotated[SerializeAsAny[Method], BeforeValidator(methods.family.parse)]


class Recipe(Settings):
    """All that decides a result: the PSF, the preparation, the method.

    ``psf`` may be left out where the image's metadata tells its optics. Everything may be given as plain values:
    ``Recipe(psf={"kind": "gaussian", "sigma": 0.2}, method="richardson-lucy")``.

    Raises
    ------
    ValueError
        in words that name the key, when a value is not valid.
    """

    version: Literal[1] = 1
    psf: AnyPsf = None
    prepare: Preparation = field(
        (), title="Preparation", description="Steps that the image goes through before the method, in this order."
    )
    background: Literal["auto"] | float = field(
        "auto",
        title="Background",
        unit="counts",
        description="Counts that are not from the object (camera offset, stray light); auto estimates them.",
    )
    saturation: Annotated[float, Field(gt=0)] | Literal["auto", "none"] = field(
        "auto",
        title="Saturation",
        unit="counts",
        description="Counts from which a pixel is saturated: such pixels are left out of the likelihood instead of being trusted. "
        "Auto finds where the camera's range ended; none trusts every pixel.",
    )
    method: AnyMethod = field({"kind": "richardson-lucy"}, title="Method")
    precision: Literal["single", "double"] = field(
        "single",
        title="Precision",
        description="Of the numbers that the method computes with: double takes twice the memory and about twice the time, for comparisons. "
        "The result is single all the same.",
    )
    finish: Finishing = field(
        (), title="Finishing", description="Steps that the result goes through after the method, in this order."
    )

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """Read a recipe from a YAML file.

        A relative path of a PSF or a step is taken from where the recipe lies.
        """
        import yaml

        where = Path(path)
        try:
            values = yaml.safe_load(where.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise FileNotFoundError(f"there is no recipe {where}: check the path") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ValueError(f"{where} is not readable as YAML: {_place_of(error)}") from None
        if not isinstance(values, dict):
            raise ValueError(f"{where} holds no recipe: it must be a mapping with psf and method")
        values = {key: _beside(where.parent, each) for key, each in values.items()}
        return cls.parse(values)

    @classmethod
    def parse(cls, values: Any) -> Recipe:
        """Make a recipe from plain values; like ``model_validate``, but fails in one plain sentence."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ValueError(explain_invalid(error)) from None

    def with_values(self, changes: dict[str, Any]) -> Recipe:
        """Return a copy with dotted keys changed, such as ``{"method.iterations": 50}``."""
        values = self.dump()
        for key, value in changes.items():
            _set_dotted(values, key, value)
        return self.parse(values)

    @property
    def volumes(self) -> float:
        """Volumes of the padded size, as float32, that the method needs at its peak."""
        return self.method.volumes * (2 if self.precision == "double" else 1)

    def dump(self) -> dict[str, Any]:
        """Return plain values, ready for YAML or JSON; stages without steps are left out, and single precision goes without saying."""
        values = self.model_dump(mode="json", exclude_none=True)
        return {key: each for key, each in values.items() if each != [] and (key, each) != ("precision", "single")}

    def to_yaml(self) -> str:
        """Return the YAML text."""
        import yaml

        return yaml.safe_dump(self.dump(), sort_keys=False, allow_unicode=True)

    def save(self, path: str | Path) -> None:
        """Write the YAML file."""
        Path(path).write_text(self.to_yaml(), encoding="utf-8")

    @property
    def digest(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the canonical values."""
        canonical = json.dumps(self.dump(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _beside(folder: Path, value: Any) -> Any:
    """Return the values of a part of a recipe with its relative paths taken from a folder."""
    if isinstance(value, list):
        return [_beside(folder, each) for each in value]
    if not isinstance(value, dict):
        return value
    paths = {key: each for key, each in value.items() if key in FILES and isinstance(each, str) and each}
    return {**value, **{key: str((folder / each).resolve()) for key, each in paths.items()}}


def _set_dotted(values: dict[str, Any], key: str, value: Any) -> None:
    """Set ``method.iterations``, or ``prepare.0.radius`` of a list, of which the next free place adds an entry."""
    *parents, last = key.split(".")
    inner: Any = values
    for place, parent in enumerate(parents):
        is_list = parent in (PREPARE, FINISH) and place == 0
        if isinstance(inner, list):
            if not parent.isdigit() or int(parent) > len(inner):
                raise ValueError(
                    f"'{key}' cannot be set: '{parent}' must be the number of a step, from 0 to {len(inner)}"
                )
            if int(parent) == len(inner):
                inner.append({})
            nested = inner[int(parent)]
        else:
            nested = inner.setdefault(parent, [] if is_list else {})
        if not isinstance(nested, (dict, list)):
            raise ValueError(f"'{key}' cannot be set: '{parent}' holds a plain value, not keys")
        inner = nested
    if isinstance(inner, list):
        raise ValueError(f"'{key}' cannot be set: say which field of the step, such as {key}.kind")
    if last == "kind" and inner.get("kind") not in (None, value):
        inner.clear()
    inner[last] = value


def _place_of(error: Exception) -> str:
    """Say what the YAML reader did not understand, and where."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return "it is not plain text, choose another file"
    return f"mend line {mark.line + 1}, column {mark.column + 1} ({getattr(error, 'problem', 'not understood')})"
