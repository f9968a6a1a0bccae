"""The quality benchmark finds what it is for, on its smallest case."""

from __future__ import annotations

import json

import numpy as np
import pytest
from benchmarks.oracle import climbed
from benchmarks.scenes import make_scene
from benchmarks.scores import psnr, score, shell_correlation

import napari_deconv as nd
from benchmarks import quality


def test_a_scene_and_its_automatic_result_stand_beside_the_best(capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "--scene",
        "filaments",
        "--photons",
        "100",
        "--draws",
        "1",
        "--threads",
        "1",
        "--method",
        "richardson-lucy",
        "--method",
        "tikhonov",
    ]
    assert quality.main([*words, "--json", "--no-save"]) == 0
    told = json.loads(capsys.readouterr().out)
    rows = {row["method"]: row for row in told["rows"]}
    assert list(rows) == ["input", "richardson-lucy", "tikhonov"]
    for name in ("richardson-lucy", "tikhonov"):
        assert rows[name]["psnr"] > rows["input"]["psnr"] + 1
        assert -1 < rows[name]["psnr"] - rows[name]["best"] <= 0.2
    assert "| richardson-lucy |" in quality.as_markdown(told)


KINDS = [
    kind
    for kind, method in nd.methods.family.members().items()
    if not method.teaching
    and all(name == "kind" or not each.is_required() for name, each in method.model_fields.items())
]
"""Every method of the menu that runs at its defaults, but the baseline that teaches."""


@pytest.mark.parametrize("kind", KINDS)
def test_no_method_is_worse_at_its_defaults_than_the_image_of_a_few_photons(kind: str) -> None:
    scene = make_scene("vesicles", 5, draw=10)
    result = quality.restored(scene, {"kind": kind})
    assert psnr(result.numpy(), scene.truth) > psnr(scene.counts, scene.truth) + 0.1


def test_a_climb_finds_the_best_of_a_ladder_and_between_its_rungs() -> None:
    tried: list[float] = []

    def attempt(value: float) -> tuple[float, str]:
        tried.append(value)
        return -abs(float(np.log(value / 3))), f"{value:.2f}"

    ladder = [10.0**power for power in range(-3, 4)]
    assert climbed(ladder, attempt, 100.0) == (pytest.approx(-np.log(10**0.5 / 3)), "3.16")
    assert len(tried) <= 7
    assert climbed(ladder, attempt, 1e9)[1] == climbed(ladder, attempt)[1] == "3.16"


def test_rows_measured_again_take_the_place_of_earlier_ones_and_the_goals_are_told() -> None:
    def row(method: str, photons: float, gain: float, draw: int = 0) -> dict[str, object]:
        about = {"scene": "nuclei", "photons": photons, "psf": "flat", "draw": draw, "method": method}
        figures = dict.fromkeys(("ssim", "nrmse", "nrmse_dim", "correlation"), 0.5)
        best = {} if method == "input" else {"best": 21 + gain, "known_background": 20.5 + gain}
        return {**about, **figures, "psnr": 20 + gain, "rim": 1.0, **best}

    told = {
        "command": "c",
        "machine": "m",
        "python": "3",
        "versions": {},
        "draws": 1,
        "scenes": ["nuclei"],
        "psfs": ["flat"],
    }
    first = [row("input", 5, -3), row("richardson-lucy", 5, 0), row("hessian", 5, -4)]
    report = quality.added_to(
        {**told, "photons": [5.0], "minutes": 2, "rows": first},
        {**told, "photons": [5.0], "minutes": 1, "rows": [row("hessian", 5, 2), row("hessian", 20, 1, draw=1)]},
    )
    assert [each["psnr"] for each in report["rows"] if each["method"] == "hessian"] == [22, 21]
    assert (report["photons"], report["draws"], report["minutes"]) == ([5, 20], 2, 3)
    page = quality.as_markdown(report)
    assert "| hessian | +1.00 (+1.00) / +1.50 (+1.50) / +2.00 (+2.00) |" in page
    assert "| richardson-lucy | -1.00 | -1.00 (nuclei, 5 photons, flat) | -1.00 | 0 of 1 | -0.50 |" in page
    assert "| hessian | +5.00 | +5.00 | 0 of 1 |" in page


def test_draws_are_reproducible_and_differ() -> None:
    first, again, other = (make_scene("nuclei", 20, draw=draw) for draw in (0, 0, 1))
    np.testing.assert_array_equal(first.counts, again.counts)
    assert not np.array_equal(first.truth, other.truth)
    assert first.counts.shape == first.truth.shape == (1, 96, 96)


def test_scores_ignore_scale_and_offset_and_find_noise() -> None:
    truth = make_scene("tissue", 100).truth.astype(np.float64)
    noisy = truth + np.random.default_rng(0).normal(0, 5, truth.shape)
    assert psnr(3 * noisy + 7, truth) == pytest.approx(psnr(noisy, truth))
    assert psnr(noisy, truth) == pytest.approx(20 * np.log10(truth.max() / 5), abs=0.5)
    figures = score(noisy, truth)
    assert figures["rim"] == pytest.approx(1, abs=0.1)
    assert figures["nrmse"] < figures["nrmse_dim"]


def test_shell_correlation_is_one_for_the_same_and_falls_with_noise() -> None:
    truth = make_scene("membranes", 100, "deep").truth.astype(np.float64)
    np.testing.assert_allclose(shell_correlation(truth, 2 * truth), 1, atol=1e-6)
    noise = np.random.default_rng(0).normal(0, truth.std(), truth.shape)
    curve = shell_correlation(truth + noise, truth)
    assert curve[1] > 0.8
    assert curve[-1] < 0.6
