"""Runners: the weights of a community model made ready to take a window and give one back.

    torchscript         torch itself; a program of tensor operations, refused when it names operations on files
    onnx                onnxruntime; a graph of known operations
    pytorch_state_dict  numbers alone; the network is Python code, which runs in a process of its own once the user has allowed it

References
----------
https://github.com/pytorch/pytorch/blob/main/SECURITY.md on untrusted models: TorchScript can do what its operations can.
"""

from __future__ import annotations

import importlib.util
import io
import re
import warnings
import zipfile
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .foreign import Foreign, Recipe
from .package import INSTALL, Package

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FORMATS", "Runner", "choose_format", "make_runner"]

Runner = Callable[["Tensor"], "list[Tensor]"]

FORMATS = ("torchscript", "onnx", "pytorch_state_dict")
"""Formats of weights that can run, the least dangerous and most direct first."""
FILE_OPERATIONS = re.compile(r"\b(?:torch|ops\.\w+)\.(save|from_file|load_tensor|load)\b")
KNOWN_LIBRARIES = re.compile(r"\bops\.(?!(?:aten|prim|prims|quantized|torchvision)\b)(\w+)")


def choose_format(described: Any, wanted: str = "auto") -> str:
    """Return the format of weights to use: the wanted one, or the first that is there and can run here.

    Raises
    ------
    ValueError
        when there is none.
    """
    there = [name for name in FORMATS if getattr(described.weights, name) is not None]
    if wanted != "auto":
        if wanted in there:
            return wanted
        told = f"it has {', '.join(there)}" if there else "it has none that can be used"
        raise ValueError(f"the model '{described.name}' has no {wanted} weights: {told}")
    if not there:
        others = [name for name, value in described.weights if value is not None]
        raise ValueError(
            f"the model '{described.name}' has {', '.join(others) or 'no'} weights only: it needs one of {', '.join(FORMATS)}"
        )
    if there[0] == "onnx" and len(there) > 1 and not importlib.util.find_spec("onnxruntime"):
        return there[1]
    return there[0]


@lru_cache(maxsize=2)
def make_runner(package: Package, form: str, device: str) -> Runner:
    """Return what runs a package's weights of this format on a device; the last two are kept.

    Raises
    ------
    ValueError
        when a file is missing, changed, dangerous or not allowed.
    """
    return {"torchscript": _torchscript, "onnx": _onnx, "pytorch_state_dict": _state_dict}[form](package, device)


def weights_of(package: Package, form: str) -> tuple[bytes, str]:
    """Return the content and name of a package's weights, checked against the description."""
    described, values = package.described()
    entry, told = getattr(described.weights, form), values["weights"][form]
    name = str(getattr(entry.source, "root", entry.source))
    return package.read(name, told.get("sha256")), name


def _torchscript(package: Package, device: str) -> Runner:
    import torch

    content, name = weights_of(package, "torchscript")
    _refuse_file_operations(content, name)
    with warnings.catch_warnings(), io.BytesIO(content) as stream:
        warnings.simplefilter("ignore")
        try:
            network = torch.jit.load(stream, map_location=device).eval()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise ValueError(f"{name} cannot be loaded as torchscript: {_first_line(error)}") from None

    def run(window: Tensor) -> list[Tensor]:
        with torch.inference_mode():
            given = network(window)
        return [given] if isinstance(given, torch.Tensor) else list(given)

    return run


def _refuse_file_operations(content: bytes, name: str) -> None:
    """Refuse a program that would read or write files, before anything of it runs."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise ValueError(f"{name} is no torchscript archive: it is refused, since older formats would be unpickled")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        code = [each for each in archive.namelist() if "/code/" in each and each.endswith(".py")]
        if not code:
            raise ValueError(f"{name} is no torchscript archive: it holds no program, and pickles are never opened")
        for each in code:
            text = archive.read(each).decode("utf-8", "replace")
            found = FILE_OPERATIONS.search(text) or KNOWN_LIBRARIES.search(text)
            if found:
                raise ValueError(
                    f"{name} would use '{found[0]}', which a restoration has no need of: the model is refused"
                )


def _onnx(package: Package, device: str) -> Runner:
    import torch

    try:
        import onnxruntime
    except ImportError:
        raise ValueError(f"a model with onnx weights needs onnxruntime, which is not installed: {INSTALL}") from None
    content, name = weights_of(package, "onnx")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    wanted = ["CUDAExecutionProvider"] if device.startswith("cuda") else []
    providers = [each for each in wanted if each in onnxruntime.get_available_providers()]
    try:
        session = onnxruntime.InferenceSession(content, options, providers=[*providers, "CPUExecutionProvider"])
    except Exception as error:
        raise ValueError(f"{name} cannot be loaded as onnx: {_first_line(error)}") from None
    taken = session.get_inputs()[0].name

    def run(window: Tensor) -> list[Tensor]:
        given = session.run(None, {taken: window.cpu().numpy()})
        return [torch.from_numpy(each).to(window.device) for each in given]

    return run


def _state_dict(package: Package, device: str) -> Runner:
    recipe = Recipe.of(package)
    recipe.refuse_unless_allowed()
    content, _ = weights_of(package, "pytorch_state_dict")
    return Foreign(recipe, content, device)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
