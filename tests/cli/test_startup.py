"""Whole processes: how fast help answers, what it imports, Ctrl-C, a reader that goes, standard output and error."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_deconv.cli.app import app
from napari_deconv.cli.flags import OPTICAL, ImageFlags
from napari_deconv.image import Channel, Optics

from .conftest import GAUSSIAN

COMMAND = [sys.executable, "-m", "napari_deconv"]
COMMANDS = [each.name or each.callback.__name__ for each in app.registered_commands]
HEAVY = {"torch", "qtpy", "napari", "tifffile", "scipy", "numpy", "dask", "yaml", "zarr", "skimage"}
HELP = """
import sys
from napari_deconv.cli import main
status = main(sys.argv[1:])
print("LOADED", sorted({name.split(".")[0] for name in sys.modules} & set(%r)))
sys.exit(status)
"""


def _said(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", HELP % HEAVY, *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_loads_nothing_heavy(name: str) -> None:
    answer = _said([*([name] if name else []), "--help"])
    assert answer.returncode == 0
    assert "Usage: napari-deconv" in answer.stdout
    assert answer.stdout.splitlines()[-1] == "LOADED []"
    assert answer.stderr == ""


def test_help_answers_within_half_a_second() -> None:
    seconds = {}
    for name in ["", *COMMANDS]:
        spent = []
        for _ in range(2):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([*COMMAND, *([name] if name else []), "--help"], capture_output=True, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        seconds[name] = min(spent)
    assert max(seconds.values()) < 0.5, seconds


def test_the_version() -> None:
    from importlib.metadata import version

    answer = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == version("napari-deconv")


def test_optical_flags_are_the_fields_of_the_image() -> None:
    known = {**Optics.model_fields, **Channel.model_fields}
    assert set(OPTICAL) <= set(known)
    assert set(OPTICAL) <= set(ImageFlags.__dataclass_fields__)
    left_out = set(known) - set(OPTICAL)
    assert left_out == {"magnification", "objective", "name", "color"}


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "large.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, np.random.default_rng(0).poisson(30, (24, 160, 160)).astype(np.uint16))
    return path


def _begun(words: list[str], **more: object) -> subprocess.Popen[str]:
    """Begin a command that can be interrupted, even where whoever runs the tests ignores interruptions (a job in the background)."""
    return subprocess.Popen(  # type: ignore[call-overload]
        [*COMMAND, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **more,
    )


LONG = ("--set", "method.iterations=10000", "--voxel", "0.2,0.1,0.1")
WATCHED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
import napari_deconv.running.job as job
from napari_deconv.cli import main
restore = job.restore
def watched(*words, **more):
    for number, progress in enumerate(restore(*words, **more)):
        if number == 3:
            os.kill(os.getpid(), signal.%s)
        yield progress
job.restore = watched
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_interruption_in_the_middle_leaves_nothing(name: str, status: int, large: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    words = ["restore", str(large), str(out / "result.ome.tif"), *GAUSSIAN, *LONG]
    begin = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, "-c", WATCHED % name, *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert time.perf_counter() - begin < 40
    assert answer.returncode == status, answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""
    assert list(out.iterdir()) == []
    assert [each.name for each in large.parent.iterdir()] == ["large.tif"]


def test_an_interruption_while_writing_leaves_nothing(large: Path, tmp_path: Path) -> None:
    code = """
import sys
import tifffile
from napari_deconv.cli import main
def interrupted(self, *words, **more):
    self._fh.write(b"x" * 1000)
    raise KeyboardInterrupt
tifffile.TiffWriter.write = interrupted
sys.exit(main(sys.argv[1:]))
"""
    out = tmp_path / "out"
    out.mkdir()
    (out / "old.ome.tif").write_bytes(b"precious")
    words = [
        "restore",
        str(large),
        str(out / "old.ome.tif"),
        "--overwrite",
        *GAUSSIAN,
        *LONG[2:],
        "--set",
        "method.iterations=1",
    ]
    answer = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.returncode == 130, answer.stderr
    assert [each.name for each in out.iterdir()] == ["old.ome.tif"]
    assert (out / "old.ome.tif").read_bytes() == b"precious"


def test_a_batch_of_processes_stops_when_interrupted(large: Path, tmp_path: Path) -> None:
    for number in range(3):
        large.with_name(f"copy{number}.tif").write_bytes(large.read_bytes())
    large.with_name("a-first.tif").write_text("not an image, told at once when the workers are up")
    out = tmp_path / "out"
    words = ["batch", str(large.parent), "--out", str(out), "--workers", "2", *GAUSSIAN, *LONG]
    with _begun(words, start_new_session=True) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        assert "a-first.tif: failed" in process.stderr.readline()
        assert process.poll() is None
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(60) == 130, process.stderr.read()
        assert process.stdout.read() == ""
    assert list(out.iterdir()) == []


def test_json_is_alone_on_standard_output(large: Path, tmp_path: Path) -> None:
    words = [
        "restore",
        str(large),
        str(tmp_path / "out.tif"),
        *GAUSSIAN,
        *LONG[2:],
        "--set",
        "method.iterations=1",
        "--json",
    ]
    answer = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout)["iterations"] == 1
    assert all(line.startswith("note: ") for line in answer.stderr.splitlines())


def test_a_reader_that_stops_reading_is_no_error() -> None:
    with _begun(["methods", "--json"]) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 0


def _read_all(terminal: int, shown: list[bytes]) -> None:
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            return
        if not piece:
            return
        shown.append(piece)


def test_progress_shows_on_a_terminal_only(large: Path, tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    mine, theirs = pty.openpty()
    words = ["restore", str(large), str(tmp_path / "out.tif"), *GAUSSIAN, *LONG[2:], "--set", "method.iterations=5"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    shown: list[bytes] = []
    reader = threading.Thread(target=_read_all, args=(mine, shown))
    reader.start()
    answer = subprocess.run(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment, timeout=120, check=True
    )
    os.close(theirs)
    reader.join()
    os.close(mine)
    assert b"iteration" in b"".join(shown)
    assert b"of 5" in b"".join(shown)
    assert "Richardson-Lucy" in answer.stdout
