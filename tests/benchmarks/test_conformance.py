"""Our engine passes every line; the suite finds the faults that it is for."""

from __future__ import annotations

import json

import numpy as np
import pytest
from benchmarks.peers import PEERS, Array, Peer, ours
from scipy.ndimage import shift

from benchmarks import conformance

LINES = 18


def test_ours_passes_every_line_and_even_psfs_move_scikit_images_light(capsys: pytest.CaptureFixture[str]) -> None:
    status = conformance.main(["--only", "napari-deconv", "--only", "scikit-image", "--json", "--no-save"])
    found = json.loads(capsys.readouterr().out)["lines"]
    assert {line["name"]: line["value"] for line in found["napari-deconv"] if not line["passed"]} == {}
    assert len(found["napari-deconv"]) == LINES
    assert status == 0
    theirs = {line["name"]: line["passed"] for line in found["scikit-image"]}
    assert theirs["shift, 3-D, PSF odd, symmetric"]
    assert not theirs["shift, 3-D, PSF even, symmetric"]


def faulty(fault: str) -> Array:
    """Return ours with one fault of the field's usual ones."""

    def restore(image: Array, psf: Array, iterations: int) -> Array:
        few = min(iterations, 6)
        if fault == "mirrored":
            return ours(image, np.flip(psf), few)
        result = ours(image, psf, few)
        if fault == "shifted":
            return shift(result, 0.2, order=1)
        if fault == "brighter":
            return result * 1.01
        if fault == "cropped":
            return result[..., : result.shape[-1] // 2 * 2]
        if fault == "integer":
            return result.clip(0, 255).astype(image.dtype)
        if fault == "writes":
            image += 1
        if fault == "dark rim":
            result[..., :2] = 0
            result[..., :2, :] = 0
        return result

    return restore  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("shifted", "shift, 3-D, PSF odd, symmetric"),
        ("mirrored", "PSF not mirrored"),
        ("brighter", "flux"),
        ("cropped", "shape"),
        ("integer", "type"),
        ("writes", "input untouched"),
        ("dark rim", "edge rim"),
    ],
)
def test_each_line_finds_its_fault(fault: str, line: str) -> None:
    makers = dict(conformance._checks(faulty(fault), None, faulty(fault)))  # type: ignore[arg-type]
    assert makers[line]().passed is False


def test_a_peer_that_is_not_there_is_reported_not_run() -> None:
    assert conformance.compare([Peer("nobody", "no-such-package-anywhere", ours)]) == {"nobody": None}


def test_a_peer_that_raises_fails_its_lines() -> None:
    def broken(image: Array, psf: Array, iterations: int) -> Array:
        raise RuntimeError("no device")

    lines = conformance.check(broken)
    assert all(line.passed is not True for line in lines)
    assert lines[0].note == "RuntimeError: no device"


def test_every_peer_has_a_name_of_its_own() -> None:
    assert len({peer.name for peer in PEERS}) == len(PEERS)
