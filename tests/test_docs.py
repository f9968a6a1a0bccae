"""What the documentation says is so: its code runs, its links lead somewhere, its tables fit the program."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import napari_deconv as nd
from napari_deconv.psf.base import Grid
from napari_deconv.psf.gaussian import Gaussian

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md"), *ROOT.glob("benchmarks/*.md")]
)
SCRIPTS = sorted(ROOT.glob("examples/*.py"))
RECIPES = sorted(ROOT.glob("examples/recipes/*.yaml"))
BLOCK = re.compile(r"(?P<before><!--[^\n]*-->\n)?```(?P<language>python|console)\n(?P<code>.*?)```", re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]+)(#[^)\s]*)?\)")
OWN_TEST = "<!-- file:"
MOST_LINES = 40
WIDE = {"kind": "gaussian", "sigma": (0.4, 0.15, 0.15)}
OPTICS = nd.Optics(modality="widefield", numerical_aperture=1.2, immersion_index=1.33, sample_index=1.33)
ARGUMENTS = {
    "restore_a_file": ["cells.tif", "psf.tif", "restored.ome.tif"],
    "many_files": [".", "recipe.yaml", "results"],
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, code) of every block that runs here."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [(each["language"], each["code"]) for each in found if not (each["before"] or "").startswith(OWN_TEST)]


@pytest.fixture(scope="session")
def small_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files that the documentation speaks of, small: cells.tif with its optics, and psf.tif."""
    folder = tmp_path_factory.mktemp("documented")
    voxel = {"Z": 0.3, "Y": 0.1, "X": 0.1}
    truth = np.zeros((8, 48, 48), np.float32)
    truth[2:6, 12:36:4, 10:38] = 400
    blurred = nd.restored(
        nd.Image(truth, voxel=voxel), {"psf": WIDE, "background": 0, "method": "adjoint"}, device="cpu"
    )
    counts = np.random.default_rng(1).poisson(blurred.numpy() + 100).astype(np.uint16)
    told = {"channels": (nd.Channel(name="GFP", emission=0.51),), "optics": OPTICS}
    for name in ("cells.tif", "more.tif"):
        nd.write(folder / name, nd.Image(counts, voxel=voxel, **told))
    psf = Gaussian(sigma=WIDE["sigma"]).compute(Grid((17, 48, 48), (0.3, 0.1, 0.1)))
    nd.write(folder / "psf.tif", nd.Image(psf, voxel=voxel))
    nd.Recipe(psf="psf.tif", method={"kind": "richardson-lucy", "iterations": 3}).save(folder / "recipe.yaml")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def desk(small_files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own with those files, which is where one is."""
    for name, content in small_files.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_console(code: str) -> None:
    """Run the lines that start with ``$ napari-deconv``, in this process; a line ending in a backslash goes on."""
    from napari_deconv.cli import main

    for line in code.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            words = shlex.split(line[2:], comments=True)
            assert words[0] == "napari-deconv", f"a console block may only call napari-deconv: {line}"
            assert main(words[1:]) == 0, line


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=name_of)
def test_code_blocks_run_one_after_the_other(page: Path, desk: Path) -> None:
    names = {"__name__": "__main__"}
    for language, code in blocks(page):
        if language == "python":
            exec(compile(code, name_of(page), "exec"), names)
        else:
            run_console(code)


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_example_runs(script: Path, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(script), *ARGUMENTS.get(script.stem, [])])
    if script.stem == "add_a_method":  # what it defines would stay in this process
        subprocess.run([sys.executable, "-W", "error", str(script)], check=True, env=os.environ, capture_output=True)
    else:
        runpy.run_path(str(script), run_name="__main__")


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_example_is_short_and_says_what_it_shows(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_LINES
    assert lines[0].startswith('"""')


@pytest.mark.parametrize("recipe", RECIPES, ids=name_of)
def test_recipe_is_valid_and_says_what_it_is_for(recipe: Path) -> None:
    assert recipe.read_text(encoding="utf-8").startswith("# ")
    loaded = nd.Recipe.load(recipe)
    assert nd.Recipe.parse(loaded.dump()).digest == loaded.digest


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    lost = [link for link, _ in LINK.findall(text) if not (page.parent / link).exists()]
    assert not lost, f"{name_of(page)} links to {lost}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_targets_that_are_named_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", page.read_text(encoding="utf-8")))
    assert named <= targets, f"{name_of(page)} speaks of make {named - targets}"


def test_methods_page_fits_the_registry() -> None:
    ran = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "write_methods_page.py"), "--check"], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr


def test_changelog_knows_this_version() -> None:
    import tomllib

    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_every_example_is_listed() -> None:
    assert RECIPES
    assert SCRIPTS
    listing = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert not [script.name for script in SCRIPTS if script.name not in listing]
