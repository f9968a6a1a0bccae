"""`Recipe`: PSF, preparation and method as one frozen value that is hashed, saved as YAML, stored and replayed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationError

from . import methods, psf as psfs
from .methods.base import Method
from .psf.base import PsfModel
from .settings import Settings, explain_invalid, field

__all__ = ["Recipe"]


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

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """Read a recipe from a YAML file.

        A relative ``psf.path`` is taken from where the recipe lies.
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
        beside = values.get("psf")
        if isinstance(beside, dict) and isinstance(beside.get("path"), str):
            values["psf"] = {**beside, "path": str((where.parent / beside["path"]).resolve())}
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

    def dump(self) -> dict[str, Any]:
        """Return plain values, ready for YAML or JSON."""
        return self.model_dump(mode="json", exclude_none=True)

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


def _set_dotted(values: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    inner = values
    for parent in parents:
        nested = inner.setdefault(parent, {})
        if not isinstance(nested, dict):
            raise ValueError(f"'{key}' cannot be set: '{parent}' holds a plain value, not keys")
        inner = nested
    if last == "kind" and inner.get("kind") not in (None, value):
        inner.clear()
    inner[last] = value


def _place_of(error: Exception) -> str:
    """Say what the YAML reader did not understand, and where."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return "it is not plain text, choose another file"
    return f"mend line {mark.line + 1}, column {mark.column + 1} ({getattr(error, 'problem', 'not understood')})"
