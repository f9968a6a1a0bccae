"""Devices, memory sizes, and what running out of memory looks like."""

from __future__ import annotations

import pytest
import torch

from napari_deconv.running.device import choose_device, free_memory, is_out_of_memory, plan_budget, release


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
