"""`serve`: the other side of `Foreign`: makes the network from the code that was allowed, and answers window after window."""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .foreign import read_values

__all__ = ["serve"]


def serve() -> None:
    """Make the network that the folder in the arguments asks for; read windows from standard input until it ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        network, device = _made(Path(sys.argv[1]))
    except BaseException as error:
        _say(answers, {"error": _worded(error)})
        return
    _say(answers, {"ready": True})
    for line in iter(sys.stdin.buffer.readline, b""):
        try:
            window = read_values(sys.stdin.buffer, json.loads(line)["shape"])
            given = _run(network, window, device)
        except Exception as error:
            _say(answers, {"error": _worded(error)})
            return
        _say(answers, {"shapes": [each.shape for each in given]}, *given)


def _worded(error: BaseException) -> str:
    """Return an error as one line without colours."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", f"{type(error).__name__}: {error}")
    return " ".join(plain.split())[:300]


def _say(answers: Any, words: dict[str, Any], *values: np.ndarray[Any, Any]) -> None:
    answers.write(json.dumps(words).encode() + b"\n")
    for each in values:
        answers.write(each.tobytes())
    answers.flush()


def _made(folder: Path) -> tuple[Any, str]:
    import torch

    asked = json.loads((folder / "asked.json").read_text(encoding="utf-8"))
    if asked["module"]:
        module = importlib.import_module(asked["module"])
    else:
        module = ModuleType("architecture")
        sys.modules["architecture"] = module
        source = folder / "architecture.py"
        exec(compile(source.read_text(encoding="utf-8"), source, "exec"), module.__dict__)
    network = getattr(module, asked["call"])(**asked["arguments"])
    weights = torch.load(folder / "weights", map_location=asked["device"], weights_only=True)
    network.load_state_dict(weights)
    return network.to(asked["device"]).eval(), asked["device"]


def _run(network: Any, window: np.ndarray[Any, Any], device: str) -> list[np.ndarray[Any, Any]]:
    import torch

    with torch.inference_mode():
        given = network(torch.from_numpy(window).to(device))
    outputs = [given] if isinstance(given, torch.Tensor) else list(given)
    return [np.ascontiguousarray(each.detach().cpu().numpy(), dtype=np.float32) for each in outputs]
