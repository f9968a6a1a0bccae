"""A small blurred stack on disk, and a way to call the command line in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_deconv import Image, write
from napari_deconv.cli import main

VOXEL = (0.2, 0.1, 0.1)
GAUSSIAN = ("--psf", "gaussian", "--set", "psf.sigma=0.3,0.12,0.12")


@dataclass(frozen=True)
class Answer:
    """What a command said and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Answer]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Call the command line and return its exit status and what it printed."""

    def call(*words: object) -> Answer:
        capfd.readouterr()
        status = main([str(word) for word in words])
        said = capfd.readouterr()
        return Answer(status, said.out, said.err)

    return call


def make_scene(seed: int = 0, shape: tuple[int, int, int] = (9, 32, 30)) -> np.ndarray[Any, Any]:
    """Return counts (Z, Y, X) of a few soft blobs over 20 counts of background, with photon noise."""
    random = np.random.default_rng(seed)
    z, y, x = np.indices(shape)
    light = np.full(shape, 20.0)
    for _ in range(4):
        at = [random.uniform(0.25, 0.75) * size for size in shape]
        light += 900 * np.exp(-((z - at[0]) ** 2 / 5 + (y - at[1]) ** 2 / 9 + (x - at[2]) ** 2 / 9))
    return random.poisson(light).astype(np.uint16)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """An OME-TIFF (Z, Y, X) with its voxel."""
    path = tmp_path / "cells.ome.tif"
    write(path, Image(make_scene(), "ZYX", voxel=VOXEL))
    return path
