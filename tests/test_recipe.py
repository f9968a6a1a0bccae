"""Recipes: YAML, digests, dotted keys, paths, and every way to get one wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_deconv as nd

WORDS = {
    "psf": {"kind": "gaussian", "sigma": 0.2},
    "background": 100.0,
    "method": {"kind": "richardson-lucy", "iterations": 12},
}


def test_yaml_brings_the_recipe_back(tmp_path: Path) -> None:
    recipe = nd.Recipe.model_validate(WORDS)
    recipe.save(tmp_path / "recipe.yaml")
    assert nd.Recipe.load(tmp_path / "recipe.yaml") == recipe


def test_the_digest_depends_on_values_alone() -> None:
    turned = {key: WORDS[key] for key in reversed(WORDS)}
    one = nd.Recipe.model_validate(WORDS)
    assert nd.Recipe.model_validate(turned).digest == one.digest
    assert len(one.digest) == 16
    assert one.replace(background=101.0).digest != one.digest
    assert one.with_values({"method.iterations": 13}).digest != one.digest


def test_what_is_short_is_the_same_as_what_is_long() -> None:
    assert nd.Recipe(method="wiener") == nd.Recipe(method={"kind": "wiener"})
    assert nd.Recipe(psf="some/where/psf.tif").psf == nd.psf.family.parse(
        {"kind": "measured", "path": "some/where/psf.tif"}
    )


def test_dotted_keys_reach_inside() -> None:
    recipe = nd.Recipe.model_validate(WORDS).with_values({"method.iterations": 50, "psf.sigma": [0.5, 0.1, 0.1]})
    assert recipe.method.iterations == 50  # type: ignore[attr-defined]
    assert recipe.psf.sigma == (0.5, 0.1, 0.1)  # type: ignore[union-attr]


def test_another_kind_forgets_the_fields_of_the_first() -> None:
    recipe = nd.Recipe.model_validate(WORDS).with_values({"method.kind": "wiener", "method.noise": 0.01})
    assert recipe.method.describe()["noise"] == 0.01


def test_a_relative_psf_lies_beside_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("psf: {kind: measured, path: psf.tif}\n", encoding="utf-8")
    assert nd.Recipe.load(tmp_path / "recipe.yaml").psf.path == str((tmp_path / "psf.tif").resolve())  # type: ignore[union-attr]


def test_a_psf_in_memory_can_be_replayed() -> None:
    psf = np.zeros((3, 5, 5), np.float32)
    psf[1, 2, 2] = 1
    recipe = nd.Recipe(psf=psf)
    assert nd.Recipe.model_validate(recipe.dump()).digest == recipe.digest
    assert nd.Recipe(psf=nd.Image(psf)).digest == recipe.digest


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"metod": "wiener"}, "unknown key 'metod'.*did you mean 'method'"),
        (
            {"method": {"kind": "richardson-lucy", "iteratons": 3}},
            "unknown key 'iteratons' in method richardson-lucy.*'iterations'",
        ),
        ({"method": "richardson-lucky"}, "unknown method 'richardson-lucky'.*did you mean 'richardson-lucy'"),
        ({"method": {"iterations": 3}}, "method lacks 'kind'"),
        ({"method": 3}, "a method is a kind or a mapping"),
        ({"method": {"kind": "richardson-lucy", "iterations": 0}}, "iterations"),
        ({"method": {"kind": "wiener", "noise": -1}}, "noise"),
        ({"psf": {"kind": "gausian"}}, "unknown psf 'gausian'.*did you mean 'gaussian'"),
        ({"background": "dark"}, "background"),
        ({"version": 2}, "version"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(words: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        nd.Recipe.parse(words)
    assert "\n" not in str(caught.value)


def test_files_that_hold_no_recipe_are_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no recipe .*missing.yaml"):
        nd.Recipe.load(tmp_path / "missing.yaml")
    for text, said in (("[1, 2]", "holds no recipe"), ("a: [", "not readable as YAML"), ("", "holds no recipe")):
        (tmp_path / "bad.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=said) as caught:
            nd.Recipe.load(tmp_path / "bad.yaml")
        assert "\n" not in str(caught.value)
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ValueError, match="not readable as YAML"):
        nd.Recipe.load(tmp_path / "bytes.yaml")


def test_a_plain_value_has_no_keys_to_set() -> None:
    with pytest.raises(ValueError, match="'background' holds a plain value"):
        nd.Recipe.model_validate(WORDS).with_values({"background.value": 3})
