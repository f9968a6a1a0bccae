"""The house keeps its shape: imports go down, files and functions stay small, settings describe themselves."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel

from napari_deconv import Recipe, methods, psf, steps
from napari_deconv.settings import Described, describe

PACKAGE = Path(__file__).parents[1] / "src" / "napari_deconv"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.stat().st_size)
MOST_LINES = 300
LONGEST_BODY = 60
WINDOW_LIBRARIES = {"qtpy", "PyQt6", "PySide6", "napari", "magicgui", "superqt", "vispy"}
HEAVY = ("torch", "qtpy", "napari", "scipy", "tifffile", "dask", "zarr", "matplotlib", "skimage", "ome_types", "numpy")
VAGUE_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|misc|managers?|core|tools|v\d+|torch|2d|3d)$")


def name_of(module: Path) -> str:
    return str(module.relative_to(PACKAGE))


each_module = pytest.mark.parametrize("module", MODULES, ids=name_of)


@cache
def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def imported_roots(tree: ast.AST) -> set[str]:
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module and not node.level
    }
    return {name.split(".")[0] for name in names}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a body without its docstring."""
    body = function.body
    if (
        isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    ):
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def functions(module: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree_of(module)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def test_imports_only_go_down(root: Path) -> None:
    lint = "from importlinter.cli import lint_imports_command as lint; lint()"
    ran = subprocess.run([sys.executable, "-c", lint, "--no-cache"], cwd=root, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 broken" in ran.stdout


@each_module
def test_file_is_one_noun_of_bounded_length(module: Path) -> None:
    lines = len(module.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{name_of(module)} has {lines} lines: split it into two nouns"


@each_module
def test_function_bodies_are_short(module: Path) -> None:
    long = {each.name: body_lines(each) for each in functions(module) if body_lines(each) > LONGEST_BODY}
    assert not long, f"{name_of(module)}: bodies beyond {LONGEST_BODY} lines: {long}"


def test_the_typical_body_is_very_short() -> None:
    lengths = sorted(body_lines(each) for module in MODULES for each in functions(module))
    assert lengths[len(lengths) // 2] <= 8
    assert lengths[int(0.9 * len(lengths))] <= 25


@each_module
def test_names_say_what_is_inside(module: Path) -> None:
    parts = [part.removesuffix(".py") for part in module.relative_to(PACKAGE).parts]
    vague = [part for part in parts if VAGUE_NAMES.search(part)]
    assert not vague, f"{name_of(module)}: '{vague[0]}' does not say what is inside"


@each_module
def test_module_has_docstring_and_public_names(module: Path) -> None:
    tree = tree_of(module)
    assert ast.get_docstring(tree), f"{name_of(module)} has no docstring"
    defines = any(
        isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_") for node in tree.body
    )
    assigned = [node.targets[0] for node in tree.body if isinstance(node, ast.Assign)]
    assigned += [node.target for node in tree.body if isinstance(node, ast.AnnAssign)]
    listed = any(isinstance(target, ast.Name) and target.id == "__all__" for target in assigned)
    assert listed or not defines, f"{name_of(module)} does not say in __all__ what others may use"


@pytest.mark.parametrize("module", [path for path in MODULES if "gui" not in path.parts], ids=name_of)
def test_only_gui_knows_of_windows(module: Path) -> None:
    windows = imported_roots(tree_of(module)) & WINDOW_LIBRARIES
    assert not windows, f"{name_of(module)} imports {windows}: only gui/ may"


@each_module
def test_nothing_unfinished(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    found = re.findall(r"\b(TODO|FIXME|XXX|HACK)\b", text)
    assert not found, f"{name_of(module)} holds {found}"


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has after a statement."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(ran.stdout.splitlines()[-1]))


def test_importing_the_package_is_light() -> None:
    assert not loaded_by("import napari_deconv") & set(HEAVY)


def test_choosing_a_method_needs_neither_torch_nor_windows() -> None:
    loaded = loaded_by(
        "import napari_deconv as nd; nd.Recipe(method='richardson-lucy'); nd.methods.names(); nd.psf.names()"
    )
    assert not loaded & {"torch", "qtpy", "napari", "matplotlib", "skimage"}


def settings_fields() -> dict[str, Described]:
    members: dict[str, type[BaseModel]] = {f"method {kind}": cls for kind, cls in methods.family.members().items()}
    members |= {f"psf {kind}": cls for kind, cls in psf.family.members().items()}
    members |= {f"step {kind}": cls for kind, cls in steps.family.members().items()}
    members["recipe"] = Recipe
    return {f"{name}: {each.name}": each for name, cls in members.items() for each in describe(cls)}


FIELDS = settings_fields()
NAMED = {
    name: field for name, field in FIELDS.items() if name not in ("recipe: version", "recipe: psf", "recipe: method")
}
NUMBERS = {name: field for name, field in NAMED.items() if field.type in ("int", "float") and field.unit != "counts"}
SLIDERS = {name: field for name, field in NAMED.items() if field.slider}


@pytest.mark.parametrize("name", NAMED)
def test_field_is_titled_and_described(name: str) -> None:
    assert NAMED[name].title
    assert NAMED[name].description.endswith("."), f"{name}: its description must be a sentence"


@pytest.mark.parametrize("name", NUMBERS)
def test_number_is_bounded(name: str) -> None:
    """So that a form, the command line and YAML refuse what cannot be; only counts may be any number."""
    field = NUMBERS[name]
    assert field.low is not None or field.high is not None, f"{name} takes any number: give it ge, gt, le or lt"


@pytest.mark.parametrize("name", SLIDERS)
def test_slider_has_a_range_inside_the_bounds(name: str) -> None:
    field = SLIDERS[name]
    assert field.slider in ("linear", "log")
    assert field.shown, f"{name} has a slider without shown_min and shown_max"
    low, high = field.shown
    assert low < high
    assert field.low is None or low >= field.low
    assert field.high is None or high <= field.high
    assert field.slider == "linear" or low > 0


def test_root_manifest_is_a_link(root: Path) -> None:
    link = root / "napari.yaml"
    assert link.is_symlink(), "napari.yaml at the root must stay a link: an editor may have replaced it by a copy"
    assert link.readlink() == Path("src/napari_deconv/napari.yaml")
    assert link.exists()
