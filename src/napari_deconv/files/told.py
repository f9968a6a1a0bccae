"""`Told`: what a file says of its image beside the pixels, in the project's own units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..image import Channel, Image, Optics
from .provenance import with_document, with_single_axes

__all__ = ["RGB", "Told", "channels_for", "color_of"]

RGB = (
    Channel(name="red", color="#FF0000"),
    Channel(name="green", color="#00FF00"),
    Channel(name="blue", color="#0000FF"),
)
"""What the three samples of a colour image become."""


@dataclass
class Told:
    """Lengths in µm, times in seconds; empty or None where the file does not say.

    ``document`` is what this project itself wrote into the file (see `provenance`).
    """

    voxel: dict[str, float] = field(default_factory=dict)
    channels: tuple[Channel, ...] = ()
    optics: Optics = field(default_factory=Optics)
    origin: dict[str, float] = field(default_factory=dict)
    time_step: float | None = None
    notices: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict)

    def image(self, data: Any, axes: str, voxel: Any, name: str) -> Image:
        """Return the image of an array and all this; ``voxel`` as the user gives it goes before what the file says."""
        data, axes = with_single_axes(data, axes, self.document)
        bare = Image(data, axes, voxel=voxel) if voxel is not None else Image(data, axes)
        spatial = set(axes) & set("ZYX")
        image = bare.replace(
            voxel={**{axis: size for axis, size in self.voxel.items() if axis in spatial}, **bare.voxel},
            origin={axis: place for axis, place in self.origin.items() if axis in spatial},
            channels=channels_for(self.channels, bare.sizes.get("C", 1)),
            optics=self.optics,
            time_step=self.time_step,
            metadata=self.metadata,
            name=name,
        )
        return with_document(image, self.document).replace(notices=tuple(dict.fromkeys(self.notices)))


def channels_for(told: Sequence[Channel], count: int) -> tuple[Channel, ...]:
    """Return as many channels as the image has: what was told, and unnamed ones for the rest."""
    return (*told[:count], *(Channel() for _ in range(count - len(told))))


def color_of(red: float, green: float, blue: float) -> str:
    """Return #RRGGBB of three numbers in 0..255."""
    return f"#{round(red):02X}{round(green):02X}{round(blue):02X}"
