"""Restoration functions to hold against each other: ours, and the peers that PyPI serves (``pip install napari-deconv[peers]``).

Each adapter calls a peer as its own documentation does, imports it only when it is called, and changes nothing of what
comes back but the container.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Restore = Callable[[Array, Array, int], Array]
"""(image (Z, Y, X) or (Y, X), PSF likewise, iterations) -> restored image."""


@dataclass(frozen=True)
class Operators:
    """A blur and its adjoint; ``shape`` is that of the object, the image's own where it is None."""

    forward: Callable[[Array], Array]
    adjoint: Callable[[Array], Array]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Peer:
    """A restoration function, the package that it comes from, and its operators (PSF, image shape) where they can be reached."""

    name: str
    package: str
    restore: Restore
    operators: Callable[[Array, tuple[int, int, int]], Operators] | None = None
    over_offset: Restore | None = None
    """The same where the image has a camera offset that the function may estimate; None where it knows of none."""


def ours(image: Array, psf: Array, iterations: int, background: float | str = 0.0) -> Array:
    """Restore with this package; the background is as given, as in every peer: none."""
    import tifffile

    import napari_deconv as nd

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "psf.tif"
        tifffile.imwrite(path, psf.astype(np.float32), metadata={"axes": "ZYX"[-psf.ndim :]}, ome=True)
        words = {"kind": "measured", "path": str(path), "offset": 0.0, "clean": False, "centre": "middle", "keep": 1.0}
        method = {"kind": "richardson-lucy", "iterations": iterations, "acceleration": "none"}
        recipe = {"psf": words, "method": method, "background": background}
        return nd.restored(nd.Image(image), recipe).numpy()


def ours_over_offset(image: Array, psf: Array, iterations: int) -> Array:
    """Restore with this package, the background estimated."""
    return ours(image, psf, iterations, background="auto")


def our_operators(psf: Array, shape: tuple[int, int, int]) -> Operators:
    import torch

    from napari_deconv.methods.blur import Blur

    blur = Blur(psf, shape)

    def forward(thing: Array) -> Array:
        return np.array(blur.forward(torch.from_numpy(thing.astype(np.float32))).numpy())

    def adjoint(picture: Array) -> Array:
        return np.array(blur.adjoint(torch.from_numpy(picture.astype(np.float32))).numpy())

    return Operators(forward, adjoint, blur.object_shape)


def scikit_image(image: Array, psf: Array, iterations: int) -> Array:
    from skimage.restoration import richardson_lucy

    top = float(image.max()) or 1.0
    restored: Array = richardson_lucy(image.astype(np.float32) / top, psf, num_iter=iterations, clip=False) * top
    return restored


def scikit_image_operators(psf: Array, shape: tuple[int, int, int]) -> Operators:
    """Return the two convolutions that `skimage.restoration.richardson_lucy` is made of."""
    from scipy.signal import convolve

    return Operators(
        lambda thing: np.asarray(convolve(thing, psf, mode="same")),
        lambda picture: np.asarray(convolve(picture, np.flip(psf), mode="same")),
        shape,
    )


def redlionfish(image: Array, psf: Array, iterations: int) -> Array:
    import RedLionfishDeconv

    restored: Array = RedLionfishDeconv.doRLDeconvolutionFromNpArrays(
        np.ascontiguousarray(image),
        np.ascontiguousarray(psf.astype(np.float32)),
        niter=iterations,
        method="cpu",
        resAsUint8=False,
    )
    return restored


def sdeconv(image: Array, psf: Array, iterations: int) -> Array:
    """Restore with sdeconv, the PSF on a frame as large as the image, as its 3-D filter demands."""
    import torch

    _stand_in_for_torchvision()
    from sdeconv.deconv import SRichardsonLucy

    pad = min(13, min(image.shape) - 1)
    kernel = np.zeros(image.shape, dtype=np.float32)
    start = [n // 2 - k // 2 for n, k in zip(image.shape, psf.shape, strict=True)]
    kernel[tuple(slice(a, a + k) for a, k in zip(start, psf.shape, strict=True))] = psf
    restored = SRichardsonLucy(torch.from_numpy(kernel), niter=iterations, pad=pad)(
        torch.from_numpy(image.astype(np.float32))
    )
    return np.asarray(restored.detach().cpu())


def _stand_in_for_torchvision() -> None:
    """Let sdeconv be imported where torchvision fails, as PyPI's does beside a torch for the CPU alone.

    Only sdeconv's networks use it.
    """
    try:
        import torchvision.transforms.v2  # noqa: F401
    except (ImportError, RuntimeError):
        for name in [each for each in sys.modules if each.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        whole, transforms, second = (ModuleType(f"torchvision{rest}") for rest in ("", ".transforms", ".transforms.v2"))
        whole.transforms, transforms.v2 = transforms, second  # type: ignore[attr-defined]
        sys.modules |= {each.__name__: each for each in (whole, transforms, second)}


def ci_deconvolve(image: Array, psf: Array, iterations: int) -> Array:
    """Restore with ci-deconvolve's accelerated Richardson-Lucy, as many iterations as asked for; flat images as flat."""
    from core.deconvolve_ci import ci_rl_deconvolve

    restored = ci_rl_deconvolve(image, psf, niter=iterations, convergence="fixed", two_d_mode="legacy_2d", device="cpu")
    return np.asarray(restored["result"])


PEERS = (
    Peer("napari-deconv", "napari-deconv", ours, our_operators, ours_over_offset),
    Peer("scikit-image", "scikit-image", scikit_image, scikit_image_operators),
    Peer("RedLionfish", "RedLionfish", redlionfish),
    Peer("sdeconv", "sdeconv", sdeconv),
    Peer("ci-deconvolve", "ci-deconvolve", ci_deconvolve),
)
