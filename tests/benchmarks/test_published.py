"""Beside published figures: the edge phantom, of which others left more."""

from __future__ import annotations

import pytest
from benchmarks.published import EDGE, border_and_interior, make_edge_case, restored


@pytest.mark.parametrize("background", ["auto", 0.0])
def test_the_edge_phantom_is_as_hard_as_the_published_one_and_less_is_left_of_its_error(
    background: float | str,
) -> None:
    psf, photons, truth = make_edge_case()
    raw = border_and_interior(photons, truth)
    assert sum(raw) == pytest.approx(sum(EDGE["raw"]), abs=0.01)
    border, interior = border_and_interior(restored(photons, psf, {"kind": "richardson-lucy"}, background), truth)
    assert border < EDGE["deconwolf"][0] - 0.05
    assert interior < EDGE["deconwolf"][1] - 0.1
    assert border < 1.2 * interior
