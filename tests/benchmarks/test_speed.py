"""The speed benchmark measures what it says, on a small case."""

from __future__ import annotations

import json
import sys

import pytest

from benchmarks import report, speed

SMALL = {"small": ((8, 32, 32), (5, 5, 5))}


def test_every_contestant_gets_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "CASES", SMALL)
    rows = speed.measure_iterations("small", 3, "cpu")
    names = [row["name"] for row in rows]
    assert names[0].startswith(speed.FLOOR)
    assert names[1 : 1 + len(speed.METHODS)] == list(speed.METHODS)
    assert len(names) == len(speed.METHODS) + len(speed.libraries("cpu"))
    assert rows[0]["times_floor"] == 1
    for row in rows:
        assert 0 < row["minimum"] <= row["lower_quartile"] <= row["median"] <= row["upper_quartile"]


def test_the_report_is_printed_as_json_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(speed, "CASES", SMALL)
    monkeypatch.setattr(speed, "measure_memory", lambda case, name, threads: 1.5)
    monkeypatch.setattr(speed, "measure_start_up", lambda rounds: [])
    monkeypatch.setattr(speed, "measure_growth", lambda rounds, most: [{"voxels": 1e6, "nanoseconds_a_voxel": 9.0}])
    before = sorted(report.RESULTS.iterdir())
    assert speed.main(["--json", "--no-save", "--rounds", "3", "--case", "small"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["padded"] == {"small": "12×36×36"}
    assert set(speed.METHODS) < {row["name"] for row in told["iterations"]["small"]}
    assert sorted(report.RESULTS.iterdir()) == before


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_peak_memory_is_that_of_a_problem_not_of_the_program() -> None:
    volumes = speed.measure_memory("1×1024×1024, PSF 1×65×65", "Richardson-Lucy, plain", 1)
    assert 3 < volumes < 8


def test_help_answers_at_once() -> None:
    (row,) = speed.measure_start_up(5, ["napari-deconv --help"])
    assert row["minimum"] < 0.5
