"""Draw docs/images/speed.svg from benchmarks/results/speed*.json: ``python -m benchmarks.plot_speed``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .report import RESULTS

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "speed.svg"
REPORTS = ("speed", "speed-awkward", "speed-large")
SHOWN = "Richardson-Lucy"
LIMITS = {1.0: "black", 1.15: "#CC3311", 1.3: "#EE7733", 1.6: "#BBBBBB"}
"""The floor, and what is aimed at: plain, accelerated, with total variation."""


def draw(reports: list[dict[str, Any]], picture: Path) -> None:
    """Write the picture: what an iteration costs in floors, by size and method, with what is aimed at; and a voxel's time by volume."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "napari-deconv"
    from matplotlib import pyplot as plt

    cases = [(case, report) for report in reports for case in report["iterations"]]
    growth = next((report["growth"] for report in reports if report["growth"]), [])
    figure, places = plt.subplots(1, len(cases) + 1, figsize=(3.2 * (len(cases) + 1) + 2, 3.4), squeeze=False)
    for number, (case, report) in enumerate(cases):
        _draw_case(places[0][number], case, report, is_first=number == 0)
    place = places[0][-1]
    place.plot(
        [row["voxels"] / 1e6 for row in growth], [row["nanoseconds_a_voxel"] for row in growth], "o-", color="#4477AA"
    )
    place.set(xscale="log", ylim=(0, None), xlabel="million voxels", ylabel="ns a voxel")
    place.set_title("plain, one iteration", fontsize=9)
    place.tick_params(labelsize=8)
    figure.tight_layout()
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, metadata={"Date": None})
    plt.close(figure)


def _draw_case(place: Any, case: str, report: dict[str, Any], *, is_first: bool) -> None:
    rows = [row for row in report["iterations"][case] if row["name"].startswith(SHOWN)]
    names = [row["name"].removeprefix(f"{SHOWN}, ") for row in rows]
    place.barh(names, [row["times_floor"] for row in rows], color="#4477AA")
    for limit, colour in LIMITS.items():
        place.axvline(limit, color=colour, linewidth=1, linestyle="-" if limit == 1 else "--")
    place.set_title(f"{case.split(',')[0]}, {report['threads']} thread{'s' * (report['threads'] > 1)}", fontsize=9)
    place.set_xlabel("minimum / floor")
    place.tick_params(labelsize=8, labelleft=is_first)
    place.set_xlim(0, 2)
    place.invert_yaxis()


if __name__ == "__main__":
    draw([json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")) for name in REPORTS], PICTURE)
