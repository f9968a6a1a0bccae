"""The quality benchmark finds what it is for, on its smallest case."""

from __future__ import annotations

import json

import numpy as np
import pytest
from benchmarks.scenes import make_scene
from benchmarks.scores import psnr, score, shell_correlation

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
