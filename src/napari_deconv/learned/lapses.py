r"""Time-lapses of random scenes for training: the same structures, moved, warped, bleached and blinking a little from frame to frame.

Of a density rho and a time point t, with a drift v (voxels a frame), a smooth field w (voxels), a rate of bleaching r and a fine texture
c that is drawn anew for each frame (of the last one, a share stays):

    rho_t(p)  =  exp(-r t) exp(s c_t(p)) rho(p + t v + t w(p))

Many lapses have only some of these, and some have none: nothing moves. The first time point is the density itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .shapes import Array, make_texture

__all__ = ["lapse_of"]

STILL, BLEACHING, BLINKING = 0.35, 0.6, 0.3
"""Shares of the lapses: nothing moves; light bleaches; structures blink."""
FASTEST, MOST_WARP = 1.5, 0.4
"""Voxels a frame."""
RATES = 3e-3, 0.12
"""Of bleaching, a frame."""
BLINKS = 0.1, 0.5
"""Logarithm of light, root mean square."""
STAYS = 0.5
"""Of the blinking, what is left of the last frame's in the next."""
LENGTH = 3.0
"""Voxels over which neighbours blink alike."""
FIELD = 24.0
"""Voxels over which neighbours move alike."""


def lapse_of(density: Array, frames: int, rng: np.random.Generator) -> Iterator[Array]:
    """Yield a density (Z, Y, X) at so many time points, float32."""
    moves, fades, blinks = rng.random(3) < (1 - STILL, BLEACHING, BLINKING)
    drift, warp = _motion(density.shape, rng) if moves else (np.zeros(3), None)
    rate = float(np.exp(rng.uniform(*np.log(RATES)))) if fades else 0.0
    strength = float(rng.uniform(*BLINKS)) if blinks else 0.0
    texture = np.zeros(density.shape, np.float32)
    for time in range(frames):
        made = (
            density if time == 0 or not moves else _moved(density, time * drift, None if warp is None else time * warp)
        )
        if strength and time:
            texture = STAYS * texture + (1 - STAYS**2) ** 0.5 * _texture(density.shape, LENGTH, rng)
            made = made * np.exp(np.float32(strength) * texture)
        yield np.asarray(made * np.float32(np.exp(-rate * time)), dtype=np.float32)


def _motion(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[Array, Array | None]:
    """Return a drift (3,) and a field of displacements (3, Z, Y, X) or None, in voxels a frame; a flat scene stays in its plane."""
    free = np.array([size > 1 for size in shape], dtype=float) * (0.3, 1, 1)
    drift = free * rng.normal(size=3) * FASTEST / 2 * rng.random()
    if rng.random() < 0.5:
        return drift, None
    size = float(rng.uniform(0, MOST_WARP))
    return drift, np.stack([np.float32(each * size) * _texture(shape, FIELD, rng) for each in free])


def _texture(shape: tuple[int, ...], length: float, rng: np.random.Generator) -> Array:
    return make_texture((shape[0], shape[1], shape[2]), (1.0, 1.0, 1.0), length, rng)


def _moved(density: Array, drift: Array, warp: Array | None) -> Array:
    """Return a density (Z, Y, X) looked at from other places (voxels); it is mirrored beyond its ends."""
    from scipy.ndimage import map_coordinates, shift

    if warp is None:
        made = shift(density, -drift, order=3, mode="mirror")
    else:
        places = np.indices(density.shape, dtype=np.float32) + drift.astype(np.float32)[:, None, None, None] + warp
        made = map_coordinates(density, places, order=3, mode="mirror")
    return np.asarray(np.clip(made, 0, None))
