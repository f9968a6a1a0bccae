"""`examine`: versions, devices, memory, disk, Qt, display, napari; what is missing, and how to mend it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .home import user_folder

__all__ = ["Finding", "examine"]

REQUIRED = (
    "numpy",
    "scipy",
    "torch",
    "scikit-image",
    "tifffile",
    "imagecodecs",
    "ome-types",
    "zarr",
    "dask",
    "pydantic",
    "typer",
)
OPTIONAL = {
    "bioimageio.spec": "community models cannot be opened",
    "onnxruntime": "community models with onnx weights cannot run",
}
QT_NEEDS = (
    "libgl1",
    "libegl1",
    "libxkbcommon-x11-0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-keysyms1",
    "libxcb-shape0",
)
PLUGIN_PROBE = """
from npe2 import PluginManager
manager = PluginManager()
manager.discover(include_npe1=False)
manifest = manager.get_manifest("napari-deconv")
print(len(manifest.contributions.widgets or ()))
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: ``state`` is ok, missing (something works without it) or broken (the engine does not run)."""

    name: str
    state: str
    told: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at everything; never raises, what fails is a finding."""
    looks: tuple[Callable[[], list[Finding]], ...] = (
        _look_at_versions, _look_at_devices, _look_at_memory, _look_at_engine, _look_at_window, _look_at_napari,
    )  # fmt: skip
    findings = []
    for look in looks:
        try:
            findings += look()
        except Exception as error:
            name = look.__name__.rsplit("_", 1)[-1]
            state = "broken" if look is _look_at_engine else "missing"
            findings.append(
                Finding(
                    name,
                    state,
                    f"{type(error).__name__}: {error}",
                    "install the package again: pip install napari-deconv",
                )
            )
    return findings


def _look_at_versions() -> list[Finding]:
    findings = [
        Finding("system", "ok", platform.platform()),
        Finding("python", "ok", f"{platform.python_version()} in {sys.prefix}"),
    ]
    for name in ("napari-deconv", *REQUIRED):
        found = _version(name)
        if found is None:
            findings.append(Finding(name, "missing", "not installed", f"pip install {name}"))
        else:
            findings.append(Finding(name, "ok", found))
    for name, lacking in OPTIONAL.items():
        found = _version(name)
        remedy = "" if found else "pip install 'napari-deconv[community]'"
        findings.append(Finding(name, "ok" if found else "missing", found or f"not installed: {lacking}", remedy))
    return findings


def _look_at_devices() -> list[Finding]:
    import torch

    findings = [Finding("cpu", "ok", f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads")]
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            told = torch.cuda.get_device_properties(number)
            findings.append(Finding(f"cuda:{number}", "ok", f"{told.name}, {told.total_memory / 1e9:.1f} GB"))
    else:
        built = torch.version.cuda is not None
        remedy = (
            "check the driver with nvidia-smi"
            if built
            else "with an NVIDIA card, install torch for CUDA: https://pytorch.org/get-started"
        )
        findings.append(Finding("cuda", "missing", "no NVIDIA card that torch can use; the CPU is used", remedy))
    if sys.platform == "darwin":
        there = torch.backends.mps.is_available()
        findings.append(
            Finding("mps", "ok" if there else "missing", "Apple GPU" if there else "no Apple GPU that torch can use")
        )
    return findings


def _look_at_memory() -> list[Finding]:
    import psutil

    memory = psutil.virtual_memory()
    findings = [Finding("memory", "ok", f"{memory.available / 1e9:.1f} GB free of {memory.total / 1e9:.1f} GB")]
    places = (
        ("disk here", Path.cwd()),
        ("disk of data", user_folder()),
    )
    for name, place in places:
        nearest = next(each for each in (place, *place.parents) if each.exists())
        free = shutil.disk_usage(nearest).free
        state, remedy = ("ok", "") if free > 1e9 else ("missing", "free some space: a result takes 4 bytes a voxel")
        findings.append(Finding(name, state, f"{free / 1e9:.1f} GB free at {nearest}", remedy))
    return findings


def _look_at_engine() -> list[Finding]:
    import numpy as np

    from .image import Image
    from .restore import restored

    point = np.zeros((8, 16, 16), np.float32)
    point[4, 8, 8] = 1000
    recipe = {
        "psf": {"kind": "gaussian", "sigma": 0.2},
        "background": 0,
        "method": {"kind": "richardson-lucy", "iterations": 2},
    }
    result = restored(Image(point, "ZYX", voxel=(0.2, 0.1, 0.1)), recipe)
    right = int(result.numpy().argmax()) == int(point.argmax())
    remedy = "" if right else "install torch again: pip install --force-reinstall torch"
    told = (
        f"a point was restored at its place on {result.history[-1]['device']}"
        if right
        else "a point was not restored at its place"
    )
    return [Finding("engine", "ok" if right else "broken", told, remedy)]


def _look_at_window() -> list[Finding]:
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        remedy = "log in with a screen, or use the command line; for tests use xvfb-run"
        return [_qt_binding(), Finding("display", "missing", "neither DISPLAY nor WAYLAND_DISPLAY is set", remedy)]
    binding = _qt_binding()
    if binding.state != "ok":
        return [binding]
    run = _probe("-m", f"{__package__}.gui.probe")
    if run.returncode != 0:
        remedy = f"on Debian or Ubuntu: apt install {' '.join(QT_NEEDS)}"
        return [binding, Finding("display", "missing", f"Qt does not start: {_last_line(run.stderr)}", remedy)]
    told, where, opengl = run.stdout.strip().splitlines()[-1].split("|")
    drawn = Finding("opengl", "ok", f"OpenGL {opengl}") if opengl else Finding(
        "opengl", "missing", "no OpenGL: napari cannot draw", "install the graphics driver, or Mesa: apt install libgl1-mesa-dri"
    )  # fmt: skip
    return [Finding("qt", "ok", told), Finding("display", "ok", where), drawn]


def _qt_binding() -> Finding:
    """Find which Qt there is without loading it."""
    for name in ("PyQt6", "PySide6"):
        if importlib.util.find_spec(name) is not None:
            return Finding("qt", "ok", f"{name} {_version(name) or ''}".strip())
    return Finding("qt", "missing", "no Qt binding: no windows", "pip install 'napari[all]'")


def _look_at_napari() -> list[Finding]:
    found = _version("napari")
    if found is None:
        return [Finding("napari", "missing", "not installed: no windows", "pip install 'napari[all]'")]
    findings = [Finding("napari", "ok", found)]
    run = _probe("-c", PLUGIN_PROBE)
    if run.returncode != 0:
        remedy = "install the package again: pip install napari-deconv"
        return [*findings, Finding("plugin", "missing", f"napari does not find it: {_last_line(run.stderr)}", remedy)]
    return [*findings, Finding("plugin", "ok", f"napari finds it, with {run.stdout.split()[-1]} widgets")]


def _probe(*code: str) -> subprocess.CompletedProcess[str]:
    """Run a module or a few lines in a process of their own, since Qt ends the process when it cannot start."""
    command = [sys.executable, *code]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", "no answer within a minute")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"
