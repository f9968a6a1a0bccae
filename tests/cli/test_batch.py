"""``batch``: many files, one recipe; what fails is told, what is done is not done again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_deconv import Image, read, write

from .conftest import GAUSSIAN, VOXEL, Run, make_scene

FEW = ("--set", "method.iterations=3")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three stacks and a file that is none."""
    place = tmp_path / "in"
    place.mkdir()
    for number in range(3):
        write(place / f"cells{number}.ome.tif", Image(make_scene(number, (5, 20, 20)), "ZYX", voxel=VOXEL))
    (place / "letter.tif").write_text("not an image")
    return place


def _states(report: Any) -> dict[str, str]:
    return {Path(each["source"]).name: each["state"] for each in report["files"]}


def _check_report(report: Any, folder: Path, out: Path, run: Run) -> None:
    assert _states(report) == {f"cells{number}.ome.tif": "done" for number in range(3)} | {"letter.tif": "failed"}
    assert (report["done"], report["skipped"], report["failed"]) == (3, 0, 1)
    [failed] = [each for each in report["files"] if each["state"] == "failed"]
    assert "letter.tif" in failed["error"]
    assert not failed["is_ours"]
    assert sorted(each.name for each in out.glob("*.tif")) == [f"cells{number}.ome.tif" for number in range(3)]
    one = out.parent / "one.ome.tif"
    assert run("restore", folder / "cells1.ome.tif", one, *GAUSSIAN, *FEW, "--overwrite").status == 0
    np.testing.assert_allclose(read(out / "cells1.ome.tif").numpy(), read(one).numpy(), rtol=1e-4, atol=0.1)


def test_a_folder_of_files_and_one_that_fails(folder: Path, run: Run) -> None:
    out = folder.parent / "out"
    answer = run("batch", folder, "--out", out, *GAUSSIAN, *FEW, "--json")
    assert answer.status == 2
    assert "letter.tif: failed: " in answer.err
    _check_report(answer.json, folder, out, run)
    written = json.loads((out / "batch-report.json").read_text())
    assert written == answer.json


def test_resuming_skips_what_this_recipe_made(folder: Path, run: Run) -> None:
    (folder / "letter.tif").unlink()
    out = folder.parent / "out"
    words = ("batch", folder, "--out", out, *GAUSSIAN, "--resume", "--json")
    assert _states(run(*words, *FEW).json) == dict.fromkeys(
        ["cells0.ome.tif", "cells1.ome.tif", "cells2.ome.tif"], "done"
    )
    (out / "cells0.ome.tif").unlink()
    later = (out / "cells2.ome.tif").stat().st_mtime + 5
    os.utime(folder / "cells2.ome.tif", (later, later))
    again = run(*words, *FEW, "--overwrite")
    assert again.status == 0
    assert _states(again.json) == {"cells0.ome.tif": "done", "cells1.ome.tif": "skipped", "cells2.ome.tif": "done"}
    os.utime(folder / "cells2.ome.tif", (0, 0))
    other = run(*words, "--set", "method.iterations=2")
    assert other.status == 2
    assert {each["state"] for each in other.json["files"]} == {"failed"}
    assert "exists" in other.json["files"][0]["error"]
    assert {each["state"] for each in run(*words, "--set", "method.iterations=2", "--overwrite").json["files"]} == {
        "done"
    }
    assert {each["state"] for each in run(*words, "--set", "method.iterations=2").json["files"]} == {"skipped"}


def test_resuming_looks_at_the_measured_psf(folder: Path, run: Run) -> None:
    psf = folder.parent / "psf.ome.tif"
    source = folder / "cells0.ome.tif"
    words = ("batch", source, "--out", folder.parent / "out", "--psf", psf, "--resume", "--json", "--overwrite", *FEW)
    peak = np.zeros((3, 5, 5), np.float32)
    peak[1, 2, 2] = 1
    write(psf, Image(peak, "ZYX", voxel=VOXEL))
    assert [_states(run(*words).json)[source.name] for _ in range(2)] == ["done", "skipped"]
    peak[1, 2, 1:4] = 1
    write(psf, Image(peak, "ZYX", voxel=VOXEL), overwrite=True)
    assert _states(run(*words).json)[source.name] == "done"


def test_two_files_of_one_name_are_refused(folder: Path, run: Run) -> None:
    other = folder.parent / "more"
    other.mkdir()
    write(other / "cells0.tif", Image(make_scene(), "ZYX"))
    answer = run("batch", folder / "cells0.ome.tif", other / "cells0.tif", "--out", folder.parent / "out", *GAUSSIAN)
    assert answer.status == 2
    assert "both be written" in answer.err
    assert not (folder.parent / "out").exists()


def test_several_processes(folder: Path, run: Run) -> None:
    out = folder.parent / "out"
    answer = run("batch", folder, "--out", out, "--workers", 2, *GAUSSIAN, *FEW, "--json")
    assert answer.status == 2
    _check_report(answer.json, folder, out, run)


@pytest.fixture
def scheduler() -> Iterator[str]:
    """The address of a dask scheduler with one worker, in threads of this process."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp"
    ) as cluster:
        yield cluster.scheduler_address


def test_a_dask_scheduler(folder: Path, run: Run, scheduler: str) -> None:
    out = folder.parent / "out"
    answer = run("batch", folder, "--out", out, "--scheduler", scheduler, *GAUSSIAN, *FEW, "--json")
    assert answer.status == 2
    _check_report(answer.json, folder, out, run)


def test_a_scheduler_that_is_not_there(folder: Path, run: Run) -> None:
    pytest.importorskip("distributed")
    import dask

    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        answer = run("batch", folder, "--out", folder.parent / "out", "--scheduler", "tcp://127.0.0.1:9", *GAUSSIAN)
    assert answer.status == 2
    assert "no dask scheduler answers" in answer.err
