"""What a wrong recipe is told: the key, the value and the rule, in one sentence without pydantic's own words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from napari_deconv import Recipe

CASES: list[tuple[dict[str, Any], str]] = [
    ({"psf": {"kind": "gaussian", "sigma": -1}}, "psf.sigma: must be at least 0 (given -1)"),
    (
        {"psf": {"kind": "gaussian", "sigma": "wide"}},
        "psf.sigma: must be a valid number or must be a valid tuple (given 'wide')",
    ),
    ({"method": {"kind": "richardson-lucy", "iterations": 0}}, "method.iterations: must be at least 1 (given 0)"),
    ({"background": "dark"}, "background: must be 'auto' or must be a valid number (given 'dark')"),
    ({"method": {"kind": "wiener", "noise": -1}}, "method.noise: must be greater than 0 (given -1)"),
    ({"psff": "gaussian"}, "unknown key 'psff' in recipe: did you mean 'psf'?"),
    (
        {"method": {"kind": "tikhonov", "penalty": "siz"}},
        "method.penalty: must be 'size', 'gradient' or 'laplacian' (given 'siz')",
    ),
]


@pytest.mark.parametrize(("values", "sentence"), CASES)
def test_wrong_recipe_is_told_in_one_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as told:
        Recipe.parse(values)
    assert str(told.value) == sentence
