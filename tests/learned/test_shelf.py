"""The user's own models: kept, listed, shared and removed, in Python and by the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.learned.packages.written import write_sharpening

from napari_deconv.cli import main
from napari_deconv.learned import shelf
from napari_deconv.learned.packages import foreign

CARD = {"architecture": {"kind": "u-net", "dims": 3}, "steps": 40, "data": "this image"}


def write_weights(path: Path, card: Any = CARD) -> Path:
    """Write a safetensors file with a card and one number."""
    header = {
        "__metadata__": {"napari-deconv": json.dumps(card)},
        "0.x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
    }
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    return path


def test_keeps_lists_and_removes(tmp_path: Path) -> None:
    assert shelf.kept_models() == ()
    kept = shelf.keep(write_weights(tmp_path / "mine.safetensors"), "cells 2")
    assert kept.path.parent == shelf.shelf()
    assert [each.name for each in shelf.kept_models()] == ["cells 2"]
    assert kept.words.startswith("u-net for stacks, 40 steps on this image")
    assert shelf.model_named("cells 2") == kept
    with pytest.raises(FileExistsError, match="already"):
        shelf.keep(tmp_path / "mine.safetensors", "cells 2")
    shelf.remove("cells 2")
    with pytest.raises(FileNotFoundError, match="there is none yet"):
        shelf.remove("cells 2")


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 99, "dot."])
def test_refuses_names_that_are_no_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be the name"):
        shelf.checked_name(name)


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04pickle", bytes(8), (2**40).to_bytes(8, "little"), b"\x02" + bytes(7) + b"{}"]
)
def test_refuses_what_holds_no_weights(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="holds no weights"):
        shelf.keep(file)
    with pytest.raises(FileNotFoundError, match="check the path"):
        shelf.keep(tmp_path / "gone.safetensors")
    shelf.shelf().mkdir(parents=True)
    (shelf.shelf() / "broken.safetensors").write_bytes(content)
    assert shelf.kept_models() == ()


def test_the_command_line_does_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, shared = write_weights(tmp_path / "mine.safetensors"), tmp_path / "shared.safetensors"
    assert main(["models", "list"]) == 0
    assert "no models" in capsys.readouterr().out
    assert main(["models", "add", str(file), "--name", "cells"]) == 0
    assert main(["models", "add", str(file), "--name", "cells"]) == 2
    capsys.readouterr()
    assert main(["models", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["card"] == CARD
    assert main(["models", "list"]) == 0
    assert "u-net for stacks" in capsys.readouterr().out
    assert main(["models", "share", "cells", str(shared)]) == 0
    assert shared.read_bytes() == file.read_bytes()
    assert main(["models", "share", "cells", str(shared)]) == 2
    assert main(["models", "remove", "cells"]) == 0
    assert main(["models", "remove", "cells"]) == 2


def test_code_is_shown_before_it_is_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    package = write_sharpening(tmp_path / "package", "pytorch_state_dict")
    digest = foreign.Recipe.of(shelf_package(package)).digest
    assert main(["models", "allow", str(package)]) == 2
    told = capsys.readouterr()
    assert "class Sharpen" in told.out
    assert "--yes" in told.err
    assert not foreign.is_allowed(digest)
    assert main(["models", "allow", str(package), "--yes"]) == 0
    assert foreign.is_allowed(digest)
    assert main(["models", "allow", str(package)]) == 0
    assert "allowed already" in capsys.readouterr().err
    harmless = write_sharpening(tmp_path / "harmless")
    assert main(["models", "allow", str(harmless)]) == 2
    assert "nothing to allow" in capsys.readouterr().err


def shelf_package(path: Path) -> Any:
    from napari_deconv.learned.packages.package import Package

    return Package.open(path)
