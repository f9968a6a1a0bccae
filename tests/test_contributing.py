"""CONTRIBUTING's worked examples run as they stand, and being in the folder is all that it takes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

FILE_BLOCK = re.compile(r"<!-- file: (\S+) -->\n```python\n(.*?)```", re.DOTALL)

METHOD_TRIAL = """
import numpy as np
import napari_deconv as nd
from napari_deconv import methods
methods.__path__.append(r"{folder}")
assert "image-space" in nd.methods.names()
truth = np.zeros((9, 40, 40), np.float32)
truth[4, 12:28, 12:28] = 200
image = nd.Image(truth, voxel=(0.2, 0.1, 0.1))
psf = {{"kind": "gaussian", "sigma": 0.2}}
blurred = nd.restored(image, {{"psf": psf, "background": 0, "method": "adjoint"}}, device="cpu")
recipe = {{"psf": psf, "background": 0, "method": {{"kind": "image-space", "iterations": 40}}}}
steps = list(nd.restore(blurred, recipe, device="cpu"))
result = steps[-1].estimate.numpy()
assert len(steps) == 41, len(steps)
assert np.isfinite(result).all()
assert result.min() >= 0
error = lambda values: np.linalg.norm(values - truth)
assert error(result) < 0.7 * error(blurred.numpy()), (error(result), error(blurred.numpy()))
"""

PSF_TRIAL = """
import numpy as np
import napari_deconv as nd
from napari_deconv import psf
from napari_deconv.psf.base import Grid
psf.__path__.append(r"{folder}")
assert "disk" in nd.psf.names()
values = nd.psf.family.parse({{"kind": "disk", "radius": 0.5}}).compute(Grid((1, 64, 64), (None, 0.1, 0.1)))
assert values.shape == (1, 11, 11), values.shape
assert abs(values.sum() - 1) < 1e-6
area = 0.1**2 / values.max()
assert abs(area / (np.pi * 0.5**2) - 1) < 0.03, area
assert np.allclose(values, values[:, ::-1, ::-1])
"""


@pytest.mark.parametrize(("name", "trial"), [("methods/image_space.py", METHOD_TRIAL), ("psf/disk.py", PSF_TRIAL)])
def test_worked_example_runs_by_being_there(name: str, trial: str, root: Path, tmp_path: Path) -> None:
    blocks = dict(FILE_BLOCK.findall((root / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    file = tmp_path / Path(name).name
    file.write_text(blocks[name], encoding="utf-8")
    code = trial.format(folder=tmp_path)
    ran = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_worked_examples_keep_the_style(root: Path, tmp_path: Path) -> None:
    for name, text in FILE_BLOCK.findall((root / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        (tmp_path / Path(name).name).write_text(text, encoding="utf-8")
    config = ["--config", str(root / "pyproject.toml"), "--no-cache", str(tmp_path)]
    for words in (["check"], ["format", "--check"]):
        ran = subprocess.run([sys.executable, "-m", "ruff", *words, *config], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout
