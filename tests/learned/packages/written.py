"""Tiny model packages of the bioimage.io format, written on the spot."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

SOURCE = Path(__file__).with_name("sharpen.py").read_text(encoding="utf-8")


def make_network(**arguments: Any) -> Any:
    from tests.learned.packages.sharpen import Sharpen

    return Sharpen(**arguments).eval()


def checksum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def save_torchscript(network: Any, path: Path) -> Path:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(network).save(str(path))
    return path


def save_onnx(network: Any, path: Path) -> Path:
    """Write the one convolution as an onnx graph of free size."""
    from onnx import TensorProto, checker, helper, numpy_helper

    kernel = network.conv.weight.detach().numpy()
    dims = kernel.ndim - 2
    shape = [1, 1, *"zyx"[-dims:]]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "kernel"], ["y"], pads=[1] * 2 * dims)],
        "sharpen",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def save_state(network: Any, path: Path) -> Path:
    import torch

    torch.save(network.state_dict(), path)
    return path


def axes(names: str, channels: int = 1, least: int = 12, step: int = 4) -> list[dict[str, Any]]:
    """Describe the axes of an input such as ``bcyx`` (0.5)."""
    told: dict[str, dict[str, Any]] = {
        "b": {"type": "batch"},
        "c": {"type": "channel", "channel_names": [f"channel{number}" for number in range(channels)]},
    }
    free = {"min": least, "step": step} if step else least
    return [told.get(name, {"type": "space", "id": name, "size": free}) for name in names]


def followed(given: Sequence[Mapping[str, Any]], halo: int = 4, channels: int = 1) -> list[dict[str, Any]]:
    """Describe the axes of an output of the same size as the input."""
    followed = []
    for axis in given:
        if axis["type"] == "space":
            size = axis["size"] if isinstance(axis["size"], int) else {"tensor_id": "raw", "axis_id": axis["id"]}
            followed.append({**axis, "size": size, **({} if isinstance(size, int) else {"halo": halo})})
        elif axis["type"] == "channel":
            followed.append({"type": "channel", "channel_names": [f"channel{number}" for number in range(channels)]})
        else:
            followed.append(dict(axis))
    return followed


def write_package(
    folder: Path,
    weights: Mapping[str, Path],
    names: str = "bcyx",
    *,
    before: Sequence[Mapping[str, Any]] = (),
    after: Sequence[Mapping[str, Any]] = (),
    inputs: Sequence[Mapping[str, Any]] | None = None,
    outputs: Sequence[Mapping[str, Any]] | None = None,
    architecture: Mapping[str, Any] | None = None,
    halo: int = 4,
) -> Path:
    """Write a description (0.5) beside weights that lie in the folder; return the folder."""
    given = list(inputs or axes(names))
    deep = sum(axis["type"] == "space" for axis in given) == 3
    shape = [1 if axis["type"] != "space" else 16 for axis in given]
    for name in ("in", "out"):
        np.save(folder / f"{name}.npy", np.zeros(shape, np.float32))
    tensors = [{"source": f"{name}.npy", "sha256": checksum(folder / f"{name}.npy")} for name in ("in", "out")]
    (folder / "README.md").write_text("# A model for tests\n\n## Validation\nnone\n", encoding="utf-8")
    entries: dict[str, Any] = {
        form: {"source": path.name, "sha256": checksum(path), **({} if form == "onnx" else {"pytorch_version": "2.4"})}
        for form, path in weights.items()
    }
    if "onnx" in entries:
        entries["onnx"]["opset_version"] = 17
    if architecture:
        entries["pytorch_state_dict"]["architecture"] = dict(architecture)
    description = {
        "format_version": "0.5.4", "type": "model", "name": f"Sharpening {'stacks' if deep else 'planes'}",
        "description": "A model for tests.", "license": "BSD-3-Clause", "authors": [{"name": "Somebody"}],
        "cite": [{"text": "Nobody (2026)", "doi": "10.1234/none"}], "documentation": "README.md",
        "timestamp": "2026-01-01T00:00:00+00:00",
        "inputs": [{"id": "raw", "axes": given, "test_tensor": tensors[0], "data": {"type": "float32"}, "preprocessing": list(before)}],
        "outputs": [{
            "id": "out", "axes": list(outputs or followed(given, halo)), "test_tensor": tensors[1],
            "data": {"type": "float32"}, "postprocessing": list(after),
        }],
        "weights": entries,
    }  # fmt: skip
    (folder / "rdf.yaml").write_text(yaml.safe_dump(description, sort_keys=False), encoding="utf-8")
    return folder


STANDARDISED = {"id": "zero_mean_unit_variance", "kwargs": {"axes": ["channel", "y", "x"], "eps": 1e-12}}


def write_sharpening(folder: Path, form: str = "torchscript", names: str = "bcyx", **described: Any) -> Path:
    """Write a package of the sharpening network with one format of weights; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    dims = sum(name in names for name in "zyx")
    network = make_network(dims=dims)
    save = {"torchscript": save_torchscript, "onnx": save_onnx, "pytorch_state_dict": save_state}[form]
    weights = {form: save(network, folder / f"weights.{form}")}
    if form == "pytorch_state_dict":
        (folder / "architecture.py").write_text(SOURCE, encoding="utf-8")
        described["architecture"] = {
            "source": "architecture.py", "sha256": checksum(folder / "architecture.py"),
            "callable": "Sharpen", "kwargs": {"dims": dims},
        }  # fmt: skip
    return write_package(folder, weights, names, **{"before": [STANDARDISED], **described})
