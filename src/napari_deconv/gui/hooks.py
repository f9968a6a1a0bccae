"""What the manifest names for napari to call: the reader, the writer and the samples."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

__all__ = [
    "get_reader",
    "open_beads",
    "open_cells_2d",
    "open_two_channel_timelapse",
    "open_widefield_cells",
    "write_layers",
]

LayerData = tuple[Any, dict[str, Any], str]


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """Return the reader of one or several files, each its own layers; None for a folder that is no OME-Zarr."""
    paths = [path] if isinstance(path, (str, os.PathLike)) else path
    foreign = [each for each in paths if Path(each).is_dir() and not str(each).rstrip("/\\").endswith(".zarr")]
    return None if foreign else read_layers


def read_layers(path: str | list[str]) -> list[LayerData]:
    """Return the layers of one or several files."""
    from ..files import read
    from .layers import layers_of

    paths = [path] if isinstance(path, (str, os.PathLike)) else path
    made = []
    for each in paths:
        image = read(each)
        made += layers_of(image, image.name or Path(each).name.split(".")[0])
        _say_notices(image.notices)
    return made


def _say_notices(notices: tuple[str, ...]) -> None:
    from napari.utils.notifications import show_info

    for notice in notices:
        show_info(notice.replace("; give --axes to override", "; the Restore panel can read them otherwise (Axes)"))


def write_layers(path: str, layers: list[LayerData]) -> list[str]:
    """Write image layers into one file; several of one shape become its channels.

    napari has asked about overwriting before.
    """
    from ..files import write
    from .layers import image_of_layers

    write(path, image_of_layers([_as_layer(*each) for each in layers]), overwrite=True)
    return [path]


def _as_layer(data: Any, told: dict[str, Any], kind: str) -> Any:
    """Return what `image_of` reads of a layer, from the layer data that a writer is given."""
    colormap = told["colormap"]
    colours = colormap["colors"] if isinstance(colormap, dict) else getattr(colormap, "colors", [[1, 1, 1, 1]])
    finest = data[0] if told.get("multiscale") else data
    ndim = finest.ndim - bool(told["rgb"])
    return SimpleNamespace(**{**told, "data": data, "ndim": ndim, "colormap": SimpleNamespace(colors=colours)})


def open_widefield_cells() -> list[LayerData]:
    """Return the default sample's layers."""
    return sample_layers("widefield-cells")


def open_cells_2d() -> list[LayerData]:
    """Return the flat sample's layers."""
    return sample_layers("cells-2d")


def open_two_channel_timelapse() -> list[LayerData]:
    """Return the time-lapse's layers, one a channel."""
    return sample_layers("two-channel-timelapse")


def open_beads() -> list[LayerData]:
    """Return the bead image's layers."""
    return sample_layers("beads")


def sample_layers(name: str) -> list[LayerData]:
    """Return a sample as layers: the image, and its PSF and truth below it, hidden until they are wanted.

    The truth comes first, because napari fits the view to the first layer, and it fills the image's own frame.
    """
    from ..sample import sample
    from .layers import layers_of

    made = sample(name)
    base = made.image.name or name
    hidden = [*layers_of(made.truth, f"{base} truth"), *layers_of(made.psf, f"{base} PSF")]
    return [(data, {**told, "visible": False}, kind) for data, told, kind in hidden] + layers_of(made.image, base)
