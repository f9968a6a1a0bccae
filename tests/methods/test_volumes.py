"""The memory that a method states is what it takes, within a quarter: tiles are planned by it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from napari_deconv.methods.richardson_lucy import RichardsonLucy

KINDS = (
    "richardson-lucy",
    "landweber",
    "wiener",
    "gradient-consensus",
    "wiener-butterworth",
    "tikhonov-miller",
    "total-variation",
    "hessian",
)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_methods_take_the_memory_that_they_state() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", *KINDS], check=True, capture_output=True, text=True
    )
    told = json.loads(ran.stdout)
    assert set(told) == set(KINDS)
    for kind, figures in told.items():
        assert figures["measured"] == pytest.approx(figures["stated"], rel=0.25), kind
    assert told["richardson-lucy"]["measured"] < 7


def test_accelerations_and_penalties_state_what_they_keep() -> None:
    assert RichardsonLucy(acceleration="none").volumes < 6
    assert RichardsonLucy(acceleration="biggs-andrews", tv=0.1).volumes > RichardsonLucy(tv=0.1).volumes
