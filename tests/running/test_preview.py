"""The preview: newest wins, what is shown equals what a run gives, nothing is left behind."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import napari_deconv as nd
from napari_deconv.running.preview import Preview, Shown

PSF = {"kind": "gaussian", "sigma": [0.3, 0.15, 0.15]}


@pytest.fixture
def image() -> nd.Image:
    rng = np.random.default_rng(5)
    light = np.zeros((12, 96, 96))
    light[tuple(rng.integers(0, size, 150) for size in light.shape)] = rng.uniform(200, 2000, 150)
    from scipy.ndimage import gaussian_filter

    counts = rng.poisson(gaussian_filter(light, (1.5, 1.5, 1.5)) + 5)
    return nd.Image(counts.astype(np.uint16), voxel=(0.2, 0.1, 0.1))


class Seen:
    def __init__(self) -> None:
        self.shown: list[Shown] = []
        self.failed: list[tuple[int, Exception]] = []

    def last(self, ticket: int) -> Shown:
        return [each for each in self.shown if each.ticket == ticket and each.is_last][-1]


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def preview(seen: Seen):
    made = Preview(seen.shown.append, lambda ticket, error: seen.failed.append((ticket, error)), device="cpu")
    yield made
    made.close()
    assert not any(thread.name == "napari-deconv preview" for thread in threading.enumerate())


VIEW = nd.Region({"Z": (4, 5), "Y": (20, 60), "X": (30, 80)})


TOLERANCES = {
    "richardson-lucy": 1e-3, "landweber": 1e-3, "total-variation": 1e-3, "hessian": 1e-3, "fista": 1e-3, "gradient-consensus": 2e-3,
    "wiener": 1e-3, "tikhonov": 2e-3, "adjoint": 1e-3, "wiener-butterworth": 1e-2, "tikhonov-miller": 8e-2,
}  # fmt: skip
"""Of the brightest pixel: by how much a preview may differ from a run, in the interior and at the edges of the view alike.

Linear filters see as far as the transform; the step lengths of tikhonov-miller's conjugate gradients are those of the whole block.
"""
QUICK = {"iterations": 8, "weight": 0.01}


def settings(kind: str) -> dict[str, object]:
    """Return a method with few iterations and a fixed weight, as far as it has them; linear ones choose their weight."""
    fields = nd.methods.family[kind].model_fields
    return {"kind": kind, **{name: each for name, each in QUICK.items() if name in fields and "iterations" in fields}}


@pytest.mark.parametrize("kind", [*TOLERANCES, "automatic"])
def test_what_is_shown_equals_what_a_run_gives(image, preview, seen, kind) -> None:
    method = "richardson-lucy" if kind == "automatic" else settings(kind)
    recipe = nd.Recipe(psf=PSF, method=method)
    ticket = preview.request(image, VIEW, recipe)
    assert preview.wait(60)
    shown = seen.last(ticket).image
    whole = nd.restored(image, recipe, device="cpu").crop(VIEW)
    assert shown.shape == (1, 40, 50)
    assert shown.origin == whole.origin
    off = np.abs(shown.data - whole.data)[0] / whole.data.max()
    tolerance = TOLERANCES.get(kind, 2e-2)
    assert off[2:-2, 2:-2].max() < tolerance
    assert off.max() < tolerance, "at the edges of the view"


def test_the_view_at_the_images_edge_equals_too(image, preview, seen) -> None:
    recipe = nd.Recipe(psf=PSF, method={"kind": "richardson-lucy", "iterations": 10})
    corner = nd.Region({"Z": (0, 12), "Y": (0, 30), "X": (60, 96)})
    ticket = preview.request(image, corner, recipe)
    assert preview.wait(60)
    whole = nd.restored(image, recipe, device="cpu").crop(corner)
    assert np.abs(seen.last(ticket).image.data - whole.data).max() < 5e-3 * whole.data.max()


def test_the_newest_request_wins(image, preview, seen) -> None:
    slow = nd.Recipe(psf=PSF, method={"kind": "richardson-lucy", "iterations": 5000})
    quick = nd.Recipe(psf=PSF, method={"kind": "richardson-lucy", "iterations": 3})
    first = preview.request(image, VIEW, slow)
    deadline = time.monotonic() + 20
    while not seen.shown and time.monotonic() < deadline:
        time.sleep(0.005)
    tickets = [preview.request(image, VIEW, quick) for _ in range(20)]
    assert preview.wait(60)
    assert not any(each.is_last for each in seen.shown if each.ticket == first)
    assert seen.last(tickets[-1]).steps == 3
    order = [each.ticket for each in seen.shown]
    assert order == sorted(order)


def test_estimates_come_one_after_another(image, preview, seen) -> None:
    recipe = nd.Recipe(psf=PSF, method={"kind": "richardson-lucy", "iterations": 400})
    ticket = preview.request(image, VIEW, recipe)
    assert preview.wait(120)
    steps = [each.step for each in seen.shown if each.ticket == ticket]
    assert steps[0] == 1
    assert steps == sorted(steps)
    assert len(steps) >= 3


def test_an_error_is_handed_on_and_the_preview_lives(image, preview, seen) -> None:
    ticket = preview.request(image, VIEW, nd.Recipe(psf="gibson-lanni", method="wiener"))
    assert preview.wait(30)
    assert [failed for failed, _ in seen.failed] == [ticket]
    assert isinstance(seen.failed[0][1], ValueError)
    again = preview.request(image, VIEW, nd.Recipe(psf=PSF, method="wiener"))
    assert preview.wait(30)
    assert seen.last(again).image.shape == (1, 40, 50)


def test_cancel_stops_what_is_under_way(image, preview, seen) -> None:
    preview.request(image, VIEW, nd.Recipe(psf=PSF, method={"kind": "richardson-lucy", "iterations": 5000}))
    deadline = time.monotonic() + 20
    while not seen.shown and time.monotonic() < deadline:
        time.sleep(0.005)
    preview.cancel()
    assert preview.wait(10)
    assert not any(each.is_last for each in seen.shown)
