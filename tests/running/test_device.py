"""Devices, memory sizes, and what running out of memory looks like."""

from __future__ import annotations

import importlib
import subprocess
import sys

import numpy as np
import pytest
import torch

import napari_deconv as nd
from napari_deconv.running.device import choose_device, free_memory, is_out_of_memory, plan_budget, release

device_module = importlib.import_module("napari_deconv.running.device")


def test_auto_finds_a_device() -> None:
    assert choose_device("auto").type in ("cpu", "cuda", "mps")
    assert choose_device("cpu").type == "cpu"


def test_auto_prefers_cuda_to_mps_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for cuda, mps, expected in ((True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda mps=mps: mps)
        assert choose_device("auto").type == expected


def test_a_device_that_is_unknown_or_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        choose_device("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="this machine has no cuda device"):
        choose_device("cuda")


@pytest.mark.parametrize(
    ("words", "size"),
    [("4GB", 4e9), ("512MiB", 512 * 2**20), ("1.5 g", 1.5e9), ("2k", 2000), (12345, 12345), ("1TiB", 2**40), ("7", 7)],
)
def test_sizes_are_read_as_people_write_them(words: str | int, size: float) -> None:
    assert plan_budget(words) == int(size)


@pytest.mark.parametrize("words", ["", "much", "-1GB", "0", "4XB", "1..2G", "GB"])
def test_what_is_no_size_is_said(words: str) -> None:
    with pytest.raises(ValueError, match="is no size: write for example 4GB"):
        plan_budget(words)


def test_auto_takes_a_share_of_what_is_free() -> None:
    assert 0 < plan_budget("auto", "cpu") < 1.2 * free_memory("cpu")


def test_out_of_memory_is_told_from_other_errors() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(ValueError("out of memory"))
    release("cpu")


KEPT_AFTER = """
import sys
from pathlib import Path
import numpy as np
from napari_deconv.running.device import give_back_at_once

def held():
    return 1024 * next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line)

if sys.argv[1] == "told":
    give_back_at_once()
np.ones(2**19)  # freed: from now on, buffers of this size are kept
before, kept = held(), []
buffers = []
for _ in range(12):
    buffers.append(np.ones(2**19))
    kept.append(np.ones(2**14))
buffers.clear()
print(held() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is read from Linux")
def test_large_buffers_go_back_when_they_are_freed() -> None:
    found = {}
    for asked in ("told", "not told"):
        ran = subprocess.run([sys.executable, "-c", KEPT_AFTER, asked], check=True, capture_output=True, text=True)
        found[asked] = int(ran.stdout)
    assert found["told"] < 2**22
    if found["not told"] < 2**22:
        pytest.skip("this C library gives them back by itself")


def test_a_run_with_a_stated_memory_says_so_and_one_without_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(device_module, "give_back_at_once", lambda: told.append("give back"))
    monkeypatch.setattr(device_module, "keep_for_next_time", lambda: told.append("keep"))
    image, recipe = (
        nd.Image(np.ones((1, 12, 12))),
        {"psf": {"kind": "gaussian", "sigma": [0, 0.1, 0.1]}, "method": "adjoint"},
    )
    image = image.replace(voxel={"Y": 0.1, "X": 0.1})
    nd.restored(image, recipe, device="cpu")
    assert not told
    nd.restored(image, recipe, device="cpu", memory="50MB")
    assert told == ["give back"]
    nd.restored(image, {**recipe, "method": {"kind": "network", "fallback": "never"}}, device="cpu")
    assert told == ["give back", "keep"]
