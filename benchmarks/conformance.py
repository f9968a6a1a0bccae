"""Is a restoration function right? Place, light, shape, type, adjointness, offset, seams and edges, line by line.

``python -m benchmarks.conformance [--only NAME]… [--json]``; `check` takes any function
(image, psf, iterations) -> image.
"""

from __future__ import annotations

import argparse
import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from .peers import PEERS, Array, Operators, Peer, Restore
from .phantoms import blurred, make_boxes, make_edge_scene, make_point, make_psf
from .report import add_arguments, as_table, circumstances, finish, heading, installed

ITERATIONS = 30
SHIFT = 0.05
FLUX = 1e-3
ADJOINT = 1e-5
SEAM = 0.01
RIM = 1.1
PSFS = {
    "odd, symmetric": ((9, 9, 9), 0.0),
    "odd, lopsided": ((9, 9, 9), 0.4),
    "even, symmetric": ((8, 8, 8), 0.0),
    "even, lopsided": ((8, 8, 8), 0.4),
}
MakeOperators = Callable[[Array, tuple[int, int, int]], Operators]


@dataclass(frozen=True)
class Line:
    """One check: what came out, the bound that it must keep, and whether it did; None where it could not be made."""

    name: str
    value: float | str | None
    bound: str
    passed: bool | None
    note: str = ""


def check(restore: Restore, operators: MakeOperators | None = None, over_offset: Restore | None = None) -> list[Line]:
    """Return every line for a restoration function (image, psf, iterations) -> image.

    What it raises is a line that failed, unless it cannot be imported at all (ImportError).

    ``operators`` makes its blur and adjoint; ``over_offset`` is the same function told to look for a camera offset.
    """
    lines = []
    for name, make in _checks(restore, operators, over_offset or restore):
        try:
            lines.append(make())
        except ImportError:
            raise
        except Exception as error:
            told = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
            lines.append(Line(name, None, "", False, told))
    return lines


def _checks(
    restore: Restore, operators: MakeOperators | None, over_offset: Restore
) -> Iterator[tuple[str, Callable[[], Line]]]:
    for flat in (False, True):
        for words, (shape, lean) in PSFS.items():
            name = f"shift, {'2-D' if flat else '3-D'}, PSF {words}"
            yield name, partial(shift, name, restore, make_psf(shape[1:] if flat else shape, lean))
    yield "PSF not mirrored", partial(mirrored, restore)
    yield "flux", partial(flux, restore)
    yield "shape", partial(shapes, restore)
    yield "type", partial(types, restore)
    yield "input untouched", partial(untouched, restore)
    yield "offset", partial(offset, over_offset)
    yield "adjoint", partial(adjoint, operators)
    yield "seams", partial(seams, restore)
    yield "edge error", partial(edge, restore)
    yield "edge rim", partial(rim, restore)


def shift(name: str, restore: Restore, psf: Array) -> Line:
    """Measure how far a point's centre of mass ends from its place."""
    image, place = make_point((24, 32, 32)[-psf.ndim :], psf)
    result = np.asarray(restore(image, psf, ITERATIONS), dtype=np.float64)
    start = [p - 5 for p in place]
    light = np.clip(result[tuple(slice(a, a + 11) for a in start)] - np.median(result), 0, None)
    centre = [(light * i).sum() / light.sum() + a for i, a in zip(np.indices(light.shape), start, strict=True)]
    moved = float(np.abs(np.array(centre) - place).max())
    return Line(name, round(moved, 4), f"< {SHIFT} pixel", moved < SHIFT)


def mirrored(restore: Restore) -> Line:
    """Measure the residual of the result blurred by the PSF over that by its mirror image."""
    psf = make_psf((9, 9, 9), lean=1.5)
    image = blurred(make_boxes((24, 40, 40)), psf)
    result = np.asarray(restore(image.astype(np.float32), psf, ITERATIONS), dtype=np.float64)
    right, wrong = (float(np.linalg.norm(blurred(result, each) - image)) for each in (psf, np.flip(psf)))
    return Line("PSF not mirrored", round(right / wrong, 3), "< 0.5 × the mirror's residual", right < 0.5 * wrong)


def flux(restore: Restore) -> Line:
    """Measure the light of the result over that of the image, all light inside and no background."""
    psf = make_psf((9, 9, 9))
    image = blurred(make_boxes((28, 48, 48)), psf).astype(np.float32)
    ratio = float(np.sum(restore(image, psf, ITERATIONS), dtype=np.float64) / image.sum(dtype=np.float64))
    return Line("flux", round(ratio, 5), f"1 ± {FLUX}", abs(ratio - 1) < FLUX)


def shapes(restore: Restore) -> Line:
    """Find the shapes that come back changed."""
    psf = make_psf((5, 5, 5))
    changed = []
    for shape in ((16, 24, 24), (15, 24, 25), (7, 23, 31)):
        found = np.shape(restore(np.full(shape, 10, np.float32), psf, 2))
        if found != shape:
            changed.append(f"{shape} → {found}")
    return Line("shape", "; ".join(changed) or "kept", "kept, odd and even", not changed)


def types(restore: Restore) -> Line:
    """Restore an 8-bit image, whose result must hold fractions and counts above 255."""
    psf = make_psf((5, 5, 5))
    image = np.round(blurred(make_boxes((16, 32, 32), 6), psf)).clip(0, 255).astype(np.uint8)
    result = np.asarray(restore(image, psf, 20))
    right = result.dtype == np.float32 and result.max() > 255
    return Line("type", f"uint8 → {result.dtype}, up to {float(result.max()):.0f}", "float32, above 255", bool(right))


def untouched(restore: Restore) -> Line:
    """Find out whether image and PSF are as they were."""
    psf = make_psf((5, 5, 5)).astype(np.float32)
    image = np.random.default_rng(0).random((12, 20, 20)).astype(np.float32)
    before = image.copy(), psf.copy()
    restore(image, psf, 3)
    same = bool(np.array_equal(image, before[0]) and np.array_equal(psf, before[1]))
    return Line("input untouched", "yes" if same else "no", "yes", same)


def offset(restore: Restore) -> Line:
    """Measure the floor that a camera offset of 100 counts leaves in a dark part of the result."""
    psf = make_psf((9, 9, 9))
    image = blurred(make_boxes((24, 40, 40)), psf).astype(np.float32) + 100
    floor = float(np.median(restore(image, psf, ITERATIONS)))
    return Line("offset", round(floor, 2), "≤ 1 of 100 counts left", abs(floor) <= 1)


def adjoint(operators: MakeOperators | None) -> Line:
    """Measure the relative difference of <Hx, y> and <x, H'y> for odd and even PSFs."""
    if operators is None:
        return Line("adjoint", None, f"< {ADJOINT}", None, "its operators cannot be reached")
    worst = 0.0
    random = np.random.default_rng(3)
    for shape in ((5, 7, 7), (4, 6, 8)):
        pair = operators(make_psf(shape, lean=0.4), (10, 20, 21))
        thing, picture = random.random(pair.shape), random.random((10, 20, 21))
        left = float((pair.forward(thing).astype(np.float64) * picture).sum())
        right = float((thing * pair.adjoint(picture).astype(np.float64)).sum())
        worst = max(worst, abs(left - right) / abs(left))
    return Line("adjoint", float(f"{worst:.2g}"), f"< {ADJOINT}", worst < ADJOINT)


def seams(restore: Restore) -> Line:
    """Measure by how much a result depends on where the frame was cut, a PSF's width and more inside the cut."""
    psf = make_psf((5, 7, 7))
    photons, _ = make_edge_scene(psf, (12, 48, 96))
    whole, part = (np.asarray(restore(each, psf, 10), dtype=np.float64) for each in (photons, photons[..., :56].copy()))
    inside = np.s_[:, 8:40, 8:48]
    change = float(np.sqrt(np.mean((part[inside] - whole[inside]) ** 2) / np.mean(whole[inside] ** 2)))
    return Line("seams", round(change, 5), f"< {SEAM} of the root mean square", change < SEAM)


def edge(restore: Restore) -> Line:
    """Measure the error in the outer 5 pixels and inside, where structures and light go on beyond the frame."""
    psf = make_psf((9, 9, 9))
    photons, truth = make_edge_scene(psf)
    result = np.asarray(restore(photons, psf, ITERATIONS), dtype=np.float64)
    inside = np.zeros(truth.shape, dtype=bool)
    inside[5:-5, 5:-5, 5:-5] = True
    border, raw, inner, raw_inner = (
        float(np.sqrt(np.mean((values[mask] - truth[mask]) ** 2) / np.mean(truth[mask] ** 2)))
        for mask in (~inside, inside)
        for values in (result, photons)
    )
    told = f"{border:.3f} / {inner:.3f} (raw {raw:.3f} / {raw_inner:.3f})"
    return Line("edge error", told, "border / interior NRMSE below raw", border < raw and inner < raw_inner)


def rim(restore: Restore) -> Line:
    """Measure the mean of a 2-pixel rim over the interior's, for a plain of light that goes on beyond the frame."""
    photons = np.random.default_rng(4).poisson(100, (16, 40, 40)).astype(np.float32)
    result = np.asarray(restore(photons, make_psf((9, 9, 9)), ITERATIONS), dtype=np.float64)
    outer = np.ones(photons.shape, dtype=bool)
    outer[2:-2, 2:-2, 2:-2] = False
    ratio = float(result[outer].mean() / result[4:-4, 4:-4, 4:-4].mean())
    return Line("edge rim", round(ratio, 3), f"within {RIM} ×", 1 / RIM < ratio < RIM)


def compare(peers: Sequence[Peer]) -> dict[str, list[Line] | None]:
    """Return the lines of each peer, None for one that is not installed."""
    found: dict[str, list[Line] | None] = {}
    for peer in peers:
        found[peer.name] = None
        if installed(peer.package) or peer is PEERS[0]:
            with warnings.catch_warnings(), contextlib.suppress(ImportError):
                warnings.simplefilter("ignore")
                found[peer.name] = check(peer.restore, peer.operators, peer.over_offset)
    return found


def as_rows(found: dict[str, list[Line] | None]) -> tuple[list[str], list[list[str]]]:
    """Return the table's heads and rows: a line a check, a column a peer."""
    there = {name: lines for name, lines in found.items() if lines is not None}
    rows = []
    for number, first in enumerate(next(iter(there.values()), [])):
        cells = [_cell(lines[number]) for lines in there.values()]
        rows.append([first.name, first.bound, *cells])
    totals = [f"{sum(line.passed is True for line in each)} of {len(each)}" for each in there.values()]
    rows.append(["**passed**", "", *totals])
    return ["check", "bound", *there], rows


def _cell(line: Line) -> str:
    mark = {True: "✓", False: "✗", None: "–"}[line.passed]
    return f"{mark} {line.note if line.value is None else line.value}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite; 1 when ours fails a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", help="a function's name, such as scikit-image; may be repeated")
    add_arguments(parser)
    asked = parser.parse_args(arguments)
    peers = [peer for peer in PEERS if not asked.only or peer.name in asked.only]
    found = compare(peers)
    told = circumstances(["numpy", "scipy", "torch", *(peer.package for peer in peers)])
    values: dict[str, Any] = {
        **told,
        "lines": {name: lines and [asdict(line) for line in lines] for name, lines in found.items()},
    }
    missing = [name for name, lines in found.items() if lines is None]
    tail = f"\nNot installed: {', '.join(missing)} (`pip install napari-deconv[peers]`).\n" if missing else ""
    finish("conformance", values, f"{heading('Conformance', told)}\n{as_table(*as_rows(found))}\n{tail}", asked)
    ours = found.get("napari-deconv") or []
    return 1 if any(line.passed is False for line in ours) else 0


if __name__ == "__main__":
    raise SystemExit(main())
