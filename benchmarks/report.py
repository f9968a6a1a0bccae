"""What every benchmark writes: its figures as JSON, the same as a Markdown table, and how they came about."""

from __future__ import annotations

import json
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
    return {
        "command": " ".join(["python -m", f"benchmarks.{module}", *sys.argv[1:]]),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": {name: found for name in packages if (found := installed(name))},
    }


def installed(package: str) -> str | None:
    """Return a package's version, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def as_markdown(title: str, told: dict[str, Any], heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a title, the circumstances and a table."""
    named = ", ".join(f"{name} {number}" for name, number in told["versions"].items())
    lines = [f"# {title}", "", f"`{told['command']}` on {told['machine']}, Python {told['python']}; {named}.", ""]
    lines += [f"| {' | '.join(heads)} |", f"| {' | '.join('---' for _ in heads)} |"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def write_results(name: str, values: dict[str, Any], markdown: str, folder: Path = RESULTS) -> None:
    """Write ``name``.json and ``name``.md."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    (folder / f"{name}.md").write_text(markdown, encoding="utf-8")


def print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table to the terminal, or 200 columns wide into a file."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*heads, title=title)
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 200).print(table)
