"""napari-deconv: microscopy restoration that is honest about what the data support.

Importing this package is light: torch, Qt and napari come only when something needs them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import methods as methods, psf as psf, steps as steps
    from .files import read as read, write as write
    from .fitting import Fit as Fit, Fitted as Fitted, fit_psf as fit_psf, fitted_psf as fitted_psf
    from .image import Channel as Channel, Image as Image, Optics as Optics, Region as Region
    from .learned.packages.exporting import export_model as export_model
    from .progress import Progress as Progress
    from .recipe import Recipe as Recipe
    from .restore import restore as restore, restored as restored
    from .sample import sample as sample
    from .search import Search as Search
    from .span import Span as Span

_HOMES = {
    "Fit": "fitting", "Fitted": "fitting", "fit_psf": "fitting", "fitted_psf": "fitting",
    "Channel": "image", "Image": "image", "Optics": "image", "Region": "image", "Progress": "progress",
    "Recipe": "recipe", "read": "files", "restore": "restore", "restored": "restore", "sample": "sample", "write": "files",
    "export_model": "learned.packages.exporting", "Search": "search", "Span": "span",
}  # fmt: skip
_ROOMS = ("methods", "psf", "steps")

__all__ = [*_HOMES, *_ROOMS, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    elif name in _ROOMS:
        value = import_module(f".{name}", __name__)
    elif name == "__version__":
        from importlib.metadata import version

        value = version("napari-deconv")
    else:
        raise AttributeError(f"module 'napari_deconv' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """Keeps ``napari_deconv.restore`` the function, where importing the module of that name would put the module."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
