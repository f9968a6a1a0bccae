"""What every benchmark writes: its figures as JSON, the same as a Markdown table, and how they came about."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def circumstances(packages: Sequence[str]) -> dict[str, Any]:
    """Return the command, the machine and the versions of a run."""
    module = Path(sys.argv[0]).stem
    words = [f"'{word}'" if " " in word else word for word in sys.argv[1:] if word != "--json"]
    return {
        "command": " ".join(["python -m", f"benchmarks.{module}", *words]),
        "python": platform.python_version(),
        "machine": describe_machine(),
        "versions": {name: found for name in packages if (found := installed(name))},
    }


def describe_machine() -> str:
    """Return processor, cores, memory and system, without the machine's name."""
    import psutil

    names = [line for line in _processor_lines() if line.startswith("model name")]
    processor = names[0].split(":", 1)[1].strip() if names else platform.processor() or platform.machine()
    memory = psutil.virtual_memory().total / 2**30
    return f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}"


def _processor_lines() -> list[str]:
    told = Path("/proc/cpuinfo")
    return told.read_text(encoding="utf-8").splitlines() if told.exists() else []


def installed(package: str) -> str | None:
    """Return a package's version, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def heading(title: str, told: dict[str, Any]) -> str:
    """Return a page's title and the circumstances of its run."""
    named = ", ".join(f"{name} {number}" for name, number in told["versions"].items())
    return f"# {title}\n\n`{told['command']}` on {told['machine']}; Python {told['python']}, {named}.\n"


def as_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a benchmark's command line what all of them have."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the tables")
    parser.add_argument("--no-save", action="store_true", help="do not write into benchmarks/results")


def finish(name: str, values: dict[str, Any], markdown: str, asked: argparse.Namespace, folder: Path = RESULTS) -> None:
    """Print the figures as JSON or as the Markdown page, and write both as ``name``.json and ``name``.md."""
    text = json.dumps(values, indent=1, ensure_ascii=False)
    if not asked.no_save:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        (folder / f"{name}.md").write_text(markdown, encoding="utf-8")
    print(text if asked.json else markdown)
