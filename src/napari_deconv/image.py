"""`Image`: an array with axes ``TCZYX``, its voxel size, channels, optics and history."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field as attribute, replace
from typing import Any, Literal

import numpy as np

from .settings import Settings, field

__all__ = ["AXES", "FINER", "Channel", "Image", "Modality", "Optics", "Region"]

AXES = "TCZYX"
SPATIAL = "ZYX"
FINER = "super_sampling"
"""The key of the metadata that tells of a grid finer than the pixels."""
DEFAULT_AXES = {2: "YX", 3: "ZYX", 4: "CZYX", 5: "TCZYX"}
Modality = Literal["widefield", "confocal", "spinning-disk", "light-sheet", "two-photon"]


class Channel(Settings):
    """One channel: its name, wavelengths and colour; None where nobody said."""

    name: str = field("", title="Name", description="What the channel is called.")
    emission: float | None = field(None, title="Emission", description="Emission wavelength.", unit="µm", gt=0)
    excitation: float | None = field(None, title="Excitation", description="Excitation wavelength.", unit="µm", gt=0)
    color: str | None = field(
        None, title="Colour", description="Display colour as #RRGGBB.", pattern=r"^#[0-9a-fA-F]{6}$"
    )


class Optics(Settings):
    """What the file or the user says of the microscope; None where nobody said. Lengths in µm, pinhole in Airy units."""

    modality: Modality | None = None
    numerical_aperture: float | None = field(None, gt=0)
    immersion_index: float | None = field(None, ge=1)
    sample_index: float | None = field(None, ge=1)
    coverslip_thickness: float | None = field(None, ge=0, unit="µm")
    depth: float | None = field(None, ge=0, unit="µm")
    pinhole: float | None = field(None, gt=0, unit="AU")
    magnification: float | None = field(None, gt=0)
    objective: str | None = None


@dataclass(frozen=True)
class Region:
    """A box of an image: axis -> (start, stop) in pixels; an axis that is not named is whole."""

    bounds: Mapping[str, tuple[int, int]]

    def grown(self, margin: Mapping[str, int], sizes: Mapping[str, int]) -> Region:
        """Return the box with a margin (pixels an axis), kept inside an image of these sizes."""
        grown = {}
        for axis, (start, stop) in self.bounds.items():
            more = margin.get(axis, 0)
            grown[axis] = (max(0, start - more), min(sizes[axis], stop + more))
        return Region(grown)

    def within(self, outer: Region) -> Region:
        """Return this box in the coordinates of a box that holds it."""
        starts = {axis: outer.bounds.get(axis, (0, 0))[0] for axis in self.bounds}
        return Region({axis: (a - starts[axis], b - starts[axis]) for axis, (a, b) in self.bounds.items()})

    def slices(self, axes: str) -> tuple[slice, ...]:
        """Return one slice an axis."""
        return tuple(slice(*self.bounds[axis]) if axis in self.bounds else slice(None) for axis in axes)


@dataclass(frozen=True, eq=False)
class Image:
    """An array (numpy or dask) with named axes, in the order ``TCZYX``, and what is known of it.

    Parameters
    ----------
    data : array of any real dtype; another order of axes is transposed (a view) to ``TCZYX``.
    axes : a letter a dimension out of ``TCZYX``; by default ``YX``, ``ZYX``, ``CZYX`` or ``TCZYX``.
    voxel : µm per pixel, ``{"Z": …, "Y": …, "X": …}``, or a sequence for the spatial axes; a missing axis is unknown.
    channels : one `Channel` an entry of the axis C (one for an image without that axis).
    optics : the microscope.
    history : what was done to the image, oldest first; plain JSON-able mappings.
    name : what the image is called, often the file's stem.
    origin : µm of the first pixel's centre, an axis; 0 where it is not given.
    time_step : seconds between time points.
    notices : what a reader had to assume, in plain sentences.
    metadata : whatever else the source said, passed on untouched.

    Raises
    ------
    ValueError
        when the axes do not fit the array, or a size is not positive.
    """

    data: Any
    axes: str = ""
    voxel: Any = attribute(default_factory=dict)
    channels: tuple[Channel, ...] = ()
    optics: Optics = attribute(default_factory=Optics)
    history: tuple[Mapping[str, Any], ...] = ()
    name: str = ""
    origin: Any = attribute(default_factory=dict)
    time_step: float | None = None
    notices: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = attribute(default_factory=dict)

    def __post_init__(self) -> None:
        data = self.data if hasattr(self.data, "ndim") else np.asarray(self.data)
        axes = (self.axes or DEFAULT_AXES.get(data.ndim, "")).upper()
        _check_axes(axes, data)
        ordered = "".join(axis for axis in AXES if axis in axes)
        if ordered != axes:
            data = data.transpose([axes.index(axis) for axis in ordered])
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "axes", ordered)
        object.__setattr__(self, "voxel", _per_axis(self.voxel, ordered, "voxel", positive=True))
        object.__setattr__(self, "origin", _per_axis(self.origin, ordered, "origin", positive=False))
        object.__setattr__(self, "channels", _as_channels(self.channels, self.sizes.get("C", 1)))
        object.__setattr__(self, "history", tuple(self.history))
        object.__setattr__(self, "notices", tuple(self.notices))

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return tuple(int(size) for size in self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The array's dtype."""
        dtype: np.dtype[Any] = np.dtype(self.data.dtype)
        return dtype

    @property
    def sizes(self) -> dict[str, int]:
        """Axis -> length."""
        return dict(zip(self.axes, self.shape, strict=True))

    @property
    def spatial_shape(self) -> tuple[int, int, int]:
        """(Z, Y, X), with Z = 1 for a flat image."""
        sizes = self.sizes
        return sizes.get("Z", 1), sizes["Y"], sizes["X"]

    @property
    def spacing(self) -> tuple[float | None, float | None, float | None]:
        """(z, y, x) voxel in µm; None where it is unknown."""
        z, y, x = (self.voxel.get(axis) for axis in SPATIAL)
        return z, y, x

    @property
    def finer(self) -> tuple[int, int, int]:
        """How many voxels (z, y, x) of this grid a pixel that was measured has; (1, 1, 1) where it is not super-sampled."""
        z, y, x = self.metadata.get(FINER, (1, 1, 1))
        return z, y, x

    @property
    def is_lazy(self) -> bool:
        """Whether the array is read only when it is asked for (dask)."""
        return not isinstance(self.data, np.ndarray)

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the whole array in memory."""
        return np.asarray(self.data)

    def replace(self, **changes: Any) -> Image:
        """Return a copy with some attributes changed."""
        return replace(self, **changes)

    def block(self, time: int = 0, channel: int = 0) -> Any:
        """Return one volume (Z, Y, X) of the array, a view, Z = 1 for a flat image."""
        where = {"T": time, "C": channel}
        volume = self.data[tuple(where.get(axis, slice(None)) for axis in self.axes)]
        return volume if "Z" in self.axes else volume[None]

    def crop(self, region: Region) -> Image:
        """Return the box as an image of its own (a view), with its origin moved."""
        unknown = set(region.bounds) - set(self.axes)
        if unknown:
            raise ValueError(f"the image has axes {self.axes}, no axis {', '.join(sorted(unknown))} to crop")
        moved = dict(self.origin)
        for axis, (start, _) in region.bounds.items():
            if axis in SPATIAL:
                moved[axis] = moved.get(axis, 0.0) + start * self.voxel.get(axis, 1.0)
        channels = self.channels[slice(*region.bounds.get("C", (None, None)))]
        return replace(self, data=self.data[region.slices(self.axes)], origin=moved, channels=channels)

    def __repr__(self) -> str:
        sizes = " × ".join(f"{axis} {size}" for axis, size in self.sizes.items())
        return f"<Image {self.name!r} {sizes}, {self.dtype}, voxel {dict(self.voxel)} µm>"


def _check_axes(axes: str, data: Any) -> None:
    if len(axes) != data.ndim:
        raise ValueError(
            f"axes '{axes}' name {len(axes)} dimensions but the array has {data.ndim}: give axes of {AXES}"
        )
    if len(set(axes)) != len(axes) or set(axes) - set(AXES):
        raise ValueError(f"axes '{axes}' must be different letters out of {AXES}")
    if not {"Y", "X"} <= set(axes):
        raise ValueError(f"axes '{axes}' must hold both Y and X")
    if data.dtype.kind not in "biuf":
        raise ValueError(f"the array is of {data.dtype}: only real numbers (integer, float, bool) can be restored")
    if 0 in data.shape:
        raise ValueError(f"the array of shape {tuple(data.shape)} is empty: there is nothing to restore")


def _per_axis(given: Any, axes: str, noun: str, *, positive: bool) -> Mapping[str, float]:
    spatial = [axis for axis in axes if axis in SPATIAL]
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        values: Sequence[float] = [float(np.asarray(given))] * len(spatial) if np.isscalar(given) else list(given)
        if len(values) == 3 and len(spatial) == 2:
            values = values[1:]
        if len(values) != len(spatial):
            raise ValueError(f"{noun} {tuple(values)} must have one number for each of {''.join(spatial)}")
        given = dict(zip(spatial, values, strict=True))
    unknown = set(given) - set(SPATIAL)
    if unknown:
        raise ValueError(f"{noun} names {', '.join(sorted(map(str, unknown)))}: only Z, Y and X have one")
    known = {axis: float(given[axis]) for axis in SPATIAL if given.get(axis) is not None}
    for axis, value in known.items():
        if not math.isfinite(value) or (positive and value <= 0):
            raise ValueError(
                f"{noun} {axis} is {value:g} µm: it must be {'a positive' if positive else 'a finite'} number"
            )
    return known


def _as_channels(given: Sequence[Channel], count: int) -> tuple[Channel, ...]:
    channels = tuple(each if isinstance(each, Channel) else Channel.model_validate(each) for each in given)
    if not channels:
        return (Channel(),) * count
    if len(channels) != count:
        raise ValueError(f"{len(channels)} channels are described but the image has {count}")
    return channels
