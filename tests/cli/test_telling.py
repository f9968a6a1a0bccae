"""``inspect``, ``methods`` and ``doctor``: what is printed, as text and as JSON."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from napari_deconv import Channel, Image, Optics, doctor, methods, psf, write

from .conftest import GAUSSIAN, VOXEL, Run, make_scene


def test_inspect_tells_what_the_file_says(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "cells.ome.tif"
    channels = (Channel(name="DAPI", emission=0.461, color="#0000FF"), Channel(name="GFP"))
    optics = Optics(numerical_aperture=1.4, immersion_index=1.515)
    pixels = np.stack([make_scene(), make_scene(1)])
    write(path, Image(pixels, "CZYX", voxel=VOXEL, channels=channels, optics=optics))
    told = run("inspect", path, "--json").json
    assert told["axes"] == "CZYX"
    assert told["shape"] == list(pixels.shape)
    assert told["dtype"] == "uint16"
    assert told["voxel"] == pytest.approx(dict(zip("ZYX", VOXEL, strict=True)))
    assert [each["name"] for each in told["channels"]] == ["DAPI", "GFP"]
    assert told["channels"][0]["emission"] == pytest.approx(0.461)
    assert told["optics"]["numerical_aperture"] == 1.4
    assert told["history"] == []
    text = run("inspect", path).out
    for word in ("CZYX", "2 × 9 × 32 × 30", "Y 0.1 µm", "DAPI", "emission 0.461", "numerical_aperture 1.4"):
        assert word in text


def test_inspect_tells_the_history(tmp_path: Path, stack: Path, run: Run) -> None:
    output = tmp_path / "out.ome.tif"
    digest = run("restore", stack, output, *GAUSSIAN, "--set", "method.iterations=2", "--json").json["recipe_digest"]
    [record] = run("inspect", output, "--json").json["history"]
    assert record["digest"] == digest
    assert record["recipe"]["method"]["iterations"] == 2
    text = run("inspect", output).out
    assert digest in text
    assert "Richardson-Lucy, 2 iterations" in text


def test_every_method_is_listed_with_its_fields(run: Run) -> None:
    told = run("methods", "--json").json
    assert [each["kind"] for each in told] == list(methods.names())
    for each in told:
        assert each["title"]
        assert each["summary"]
        assert each["reference"]
        for field in each["fields"]:
            assert field["description"], (each["kind"], field["name"])
    text = run("methods").out
    assert all(each["title"] in text for each in told)


def test_one_method_with_bounds_and_defaults(run: Run) -> None:
    told = run("methods", "wiener", "--json").json
    noise, *others = told["fields"]
    assert [each["name"] for each in others] == ["fall", "length", "border"]
    assert (noise["name"], noise["default"], noise["auto"], noise["low"], noise["low_open"]) == (
        "noise",
        "auto",
        True,
        0,
        True,
    )
    lines = [line.split("\t") for line in run("methods", "wiener").out.splitlines()]
    assert ["noise", "float | auto", "auto", "> 0, ≤ 1e+06"] in [line[:4] for line in lines]


def test_the_psf_models(run: Run) -> None:
    assert [each["kind"] for each in run("methods", "--psf", "--json").json] == list(psf.names())
    assert "µm" in run("methods", "gaussian", "--psf").out


def test_the_doctor_finds_the_engine_well(run: Run) -> None:
    answer = run("doctor", "--json")
    assert answer.status == 0, answer
    assert answer.json["works"]
    found = {each["name"]: each for each in answer.json["findings"]}
    for name in ("python", "torch", "cpu", "memory", "disk here", "engine", "qt", "display", "napari"):
        assert name in found
    assert found["engine"]["state"] == "ok"
    assert all(each["remedy"] for each in found.values() if each["state"] != "ok")


def test_the_doctor_says_what_is_missing_and_how_to_mend_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    known = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name in ("napari", "ome-types") else known(name))
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    answer = run("doctor")
    assert answer.status == 0
    assert "Traceback" not in answer.out + answer.err
    for remedy in ("pip install ome-types", "pip install 'napari[all]'", "no Qt binding", "neither DISPLAY nor"):
        assert remedy in answer.out


def test_the_doctor_names_a_broken_engine(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("libtorch.so: cannot open shared object file")

    monkeypatch.setattr(sys.modules["napari_deconv.restore"], "choose_device", broken)
    monkeypatch.setattr(doctor, "_look_at_window", list)
    monkeypatch.setattr(doctor, "_look_at_napari", list)
    answer = run("doctor", "--json")
    assert answer.status == 1
    assert not answer.json["works"]
    [engine] = [each for each in answer.json["findings"] if each["state"] == "broken"]
    assert "libtorch.so" in engine["told"]
