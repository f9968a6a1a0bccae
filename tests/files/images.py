"""Images for the tests of files."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_deconv.image import Channel, Image, Optics

SIZES = {"T": 2, "C": 3, "Z": 4, "Y": 5, "X": 6}
HISTORY = (
    {
        "software": "napari-deconv",
        "recipe": {"method": {"kind": "wiener"}, "version": 1},
        "digest": "0123",
        "voxel": [0.3],
    },
)


def make_image(axes: str = "TCZYX", dtype: str = "uint16", **changes: Any) -> Image:
    """Return a small image that knows everything."""
    shape = [SIZES[axis] for axis in axes]
    values = np.random.default_rng(0).random(shape) * (1 if dtype == "bool" else 100)
    data = values > 0.5 if dtype == "bool" else values.astype(dtype)
    spatial = [axis for axis in "ZYX" if axis in axes]
    colors = ("#FF0000", "#00FF10", "#0000FF")
    channels = [
        Channel(name=f"dye µ{place}", emission=0.5 + place / 10, excitation=0.45 + place / 10, color=colors[place])
        for place in range(SIZES["C"] if "C" in axes else 1)
    ]
    told: dict[str, Any] = {
        "voxel": {axis: {"Z": 0.3, "Y": 0.065, "X": 0.07}[axis] for axis in spatial},
        "origin": {axis: {"Z": -4.0, "Y": 12.5, "X": 1200.25}[axis] for axis in spatial},
        "time_step": 2.5 if "T" in axes else None,
        "channels": channels,
        "optics": Optics(
            modality="confocal", numerical_aperture=1.4, immersion_index=1.518, sample_index=1.33, coverslip_thickness=170,
            depth=5, pinhole=1.25, magnification=63, objective="Plan Apo 63×",
        ),
        "history": HISTORY,
        "name": "cells µ",
    }  # fmt: skip
    return Image(data, axes, **{**told, **changes})


def assert_same(found: Image, wanted: Image) -> None:
    """Compare all but the name, the metadata and the dtype."""
    assert found.axes == wanted.axes
    np.testing.assert_array_equal(found.numpy(), wanted.numpy())
    for name in ("voxel", "origin", "time_step", "channels", "optics", "history", "notices"):
        assert getattr(found, name) == getattr(wanted, name), name
