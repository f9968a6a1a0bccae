"""Foreign code: a model whose network is Python code in its package runs in a process of its own, once the user has allowed it.

What is allowed is the very code that was read, by its checksum; that is kept in the user's data folder and nowhere else, so that neither
a recipe nor a package can bring the permission along. The process gets no secrets of the environment and speaks in plain numbers:
nothing that it says is unpickled. It is a fence against accidents; code that is malicious stays malicious, hence the question.

    ->  one line of JSON {"shape": [...]}, then float32 values      <-  one line {"shapes": [[...], ...]} with values, or {"error": "..."}
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ...home import user_folder

if TYPE_CHECKING:
    from torch import Tensor

    from .package import Package

__all__ = ["Foreign", "Recipe", "allow", "is_allowed"]

KEPT = (
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "SYSTEMROOT",
    "TEMP",
    "TMPDIR",
    "OMP_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
)
"""What of the environment the process gets to see."""


@dataclass(frozen=True)
class Recipe:
    """How a network is made: the source of a module, or the name of an installed one, what to call there, and with what.

    ``model`` and ``where`` tell whose it is: the model's name and the path of its package.
    """

    source: str
    module: str
    call: str
    arguments: str
    model: str = ""
    where: str = ""

    @classmethod
    def of(cls, package: Package) -> Recipe:
        """Return the recipe of a package's state dict; the source is checked against the description."""
        described, _ = package.described()
        told = described.weights.pytorch_state_dict.architecture
        arguments = json.dumps(dict(told.kwargs), sort_keys=True)
        where = str(package.path)
        if hasattr(told, "source"):
            name = str(getattr(told.source, "root", told.source))
            source = package.read(name, told.sha256 and str(told.sha256)).decode("utf-8", "replace")
            return cls(source, name, str(told.callable), arguments, described.name, where)
        return cls("", str(told.import_from), str(told.callable), arguments, described.name, where)

    @property
    def digest(self) -> str:
        """The checksum of all that would run."""
        whole = "\0".join((self.source, "" if self.source else self.module, self.call, self.arguments))
        return hashlib.sha256(whole.encode()).hexdigest()

    @property
    def text(self) -> str:
        """What a person has to read before saying yes."""
        call = f"{self.call}(**{self.arguments})"
        return (
            f"{self.source}\n\n# called as {call}"
            if self.source
            else f"from {self.module} import {self.call}\n\n{call}"
        )

    def refuse_unless_allowed(self) -> None:
        """Refuse code that the user has not read and allowed.

        Raises
        ------
        ValueError
            with what to do.
        """
        if not is_allowed(self.digest):
            raise ValueError(
                f"the model '{self.model}' brings Python code of its own ({self.module}), which could do anything: "
                f"read it and allow it with 'napari-deconv models allow {self.where}', or use torchscript or onnx weights"
            )


def _allowed() -> Path:
    return user_folder() / "allowed-code.txt"


def is_allowed(digest: str) -> bool:
    """Whether the user has allowed the code of this checksum."""
    file = _allowed()
    return file.is_file() and digest in file.read_text(encoding="utf-8").split()


def allow(digest: str) -> None:
    """Keep in the user's data folder that the code of this checksum may run."""
    if not is_allowed(digest):
        _allowed().parent.mkdir(parents=True, exist_ok=True)
        with _allowed().open("a", encoding="utf-8") as file:
            file.write(digest + "\n")


class Foreign:
    """A process that holds a network and answers with what it makes of each window; it ends when nobody needs it any more.

    Raises
    ------
    ValueError
        when the code fails, with its own last words.
    """

    def __init__(self, recipe: Recipe, weights: bytes, device: str) -> None:
        self.model = recipe.model
        self._recipe, self._weights, self._device = recipe, weights, device
        self._start()

    def _start(self) -> None:
        recipe, kept = self._recipe, tempfile.TemporaryDirectory(prefix="napari-deconv-", ignore_cleanup_errors=True)
        folder = Path(kept.name)
        asked = {
            "module": "" if recipe.source else recipe.module,
            "call": recipe.call,
            "arguments": json.loads(recipe.arguments),
            "device": self._device,
        }
        (folder / "weights").write_bytes(self._weights)
        (folder / "architecture.py").write_text(recipe.source, encoding="utf-8")
        (folder / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from napari_deconv.learned.packages.serving import serve; serve()", str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder, env=_environment(folder),
        )  # fmt: skip
        self._end = weakref.finalize(self, _ended, self._process, kept)
        self._answer()

    def __call__(self, window: Tensor) -> list[Tensor]:
        """Return the network's outputs for a window; a process that has ended is started again."""
        import torch

        if not self._end.alive:
            self._start()
        values = np.ascontiguousarray(window.cpu().numpy(), dtype=np.float32)
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"shape": values.shape}).encode() + b"\n")
            self._process.stdin.write(values.tobytes())
            self._process.stdin.flush()
        except OSError:
            self.close()
            raise ValueError(f"the code of the model '{self.model}' ended by itself: it cannot be used") from None
        given = [read_values(self._stdout, shape) for shape in self._answer()["shapes"]]
        return [torch.from_numpy(each).to(window.device) for each in given]

    def close(self) -> None:
        """End the process."""
        self._end()

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _answer(self) -> dict[str, Any]:
        line = self._stdout.readline()
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            answer = {"error": "it ended by itself"}
        if "error" in answer:
            self.close()
            raise ValueError(f"the code of the model '{self.model}' failed: {answer['error']}")
        return answer


def _environment(folder: Path) -> dict[str, str]:
    """Return what the process sees of the environment: where programs are, and no secrets."""
    here = str(Path(__file__).parents[2])
    path = os.pathsep.join(each for each in (here, *sys.path) if each)
    return {**{key: os.environ[key] for key in KEPT if key in os.environ}, "PYTHONPATH": path, "HOME": str(folder)}


def read_values(stream: IO[bytes], shape: list[int]) -> np.ndarray[Any, Any]:
    """Return float32 values of some shape from a stream."""
    values = stream.read(4 * int(np.prod(shape, dtype=np.int64)))
    return np.frombuffer(bytearray(values), dtype=np.float32).reshape(shape)


def _ended(process: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except OSError:
                continue
    folder.cleanup()
