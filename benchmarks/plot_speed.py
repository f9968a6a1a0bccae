"""Draw docs/images/speed.svg from benchmarks/results/speed.json: ``python -m benchmarks.plot_speed``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .report import RESULTS

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "speed.svg"


def draw(report: dict[str, Any], picture: Path) -> None:
    """Write the picture: what an iteration costs in floors, by size and method, and the limits that are aimed at."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "napari-deconv"
    from matplotlib import pyplot as plt

    cases = report["iterations"]
    figure, places = plt.subplots(1, len(cases), figsize=(4.6 * len(cases), 3.6), sharey=True, squeeze=False)
    for place, (case, rows) in zip(places[0], cases.items(), strict=True):
        names = [row["name"] for row in rows]
        place.barh(names, [row["times_floor"] for row in rows], color="#4477AA")
        place.axvline(1, color="black", linewidth=1)
        place.axvline(1.15, color="#CC3311", linewidth=1, linestyle="--")
        place.set_title(case, fontsize=9)
        place.set_xlabel("minimum / floor")
        place.tick_params(labelsize=8)
        place.invert_yaxis()
    figure.tight_layout()
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    draw(json.loads((RESULTS / "speed.json").read_text(encoding="utf-8")), PICTURE)
