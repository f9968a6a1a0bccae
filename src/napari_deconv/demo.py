"""The main job on the embedded sample, without a window: restore it, keep it, show it beside the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .progress import Progress

__all__ = ["Demo", "run_demo"]

NAME = "widefield-cells"


@dataclass(frozen=True)
class Demo:
    """What the demo did: its files by role (input, psf, truth, restored, recipe, picture), and its figures.

    before, after : figures of `quality.compare.compare_to_truth` for the input and for the restored image.
    """

    title: str
    shape: tuple[int, ...]
    method: str
    paths: Mapping[str, Path]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    seconds: float
    device: str
    iterations: int

    def lines(self) -> list[str]:
        """Return the text to print."""
        size = " × ".join(map(str, self.shape))
        told = [
            f"Sample: {self.title} ({NAME}, {size} voxels, simulated with its truth).",
            f"Restored with {self.method}, {self.iterations} iterations, PSF from the image's own metadata: "
            f"{self.seconds:.1f} s on {self.device}.",
            "How near the truth, after fitting scale and offset (before -> after):",
        ]
        for name, unit, word in (("psnr", " dB", "PSNR"), ("ssim", "", "SSIM"), ("nrmse", "", "NRMSE")):
            told.append(f"  {word:<6}{self.before[name]:.3f} -> {self.after[name]:.3f}{unit}")
        told.append("Written:")
        told += [f"  {role:<9} {path}" for role, path in self.paths.items()]
        return told

    def as_values(self) -> dict[str, Any]:
        """Return everything as plain values for JSON."""
        return {
            "sample": NAME, "shape": list(self.shape), "method": self.method, "seconds": self.seconds, "device": self.device,
            "iterations": self.iterations, "before": dict(self.before), "after": dict(self.after),
            "files": {role: str(path) for role, path in self.paths.items()},
        }  # fmt: skip


def run_demo(out: Path, *, device: str = "auto", on_progress: Callable[[Progress], None] | None = None) -> Demo:
    """Restore the default sample with the default recipe and write input, PSF, truth, result, recipe and a picture.

    Parameters
    ----------
    out : the folder to write into, made where it is missing; files of an earlier demo in it are replaced.
    device : ``auto``, ``cpu``, ``cuda`` or ``mps``.
    on_progress : called with every step.
    """
    from .quality.compare import compare_to_truth
    from .recipe import Recipe
    from .restore import restore
    from .sample import sample

    made, recipe = sample(NAME), Recipe()
    for progress in restore(made.image, recipe, device=device):
        if on_progress is not None:
            on_progress(progress)
    result = progress.estimate.replace(name=f"{NAME} [{recipe.method.called}]")
    done = result.history[-1]
    return Demo(
        title=made.title,
        shape=made.image.shape,
        method=recipe.method.called,
        paths=_write(Path(out), made, result, recipe),
        before=compare_to_truth(made.image, made.truth),
        after=compare_to_truth(result, made.truth),
        seconds=float(done["seconds"]),
        device=str(done["device"]),
        iterations=int(done["iterations"]),
    )


def _write(out: Path, made: Any, result: Any, recipe: Any) -> dict[str, Path]:
    """Write the files and return where each lies."""
    from .files import write
    from .quality.picture import write_side_by_side

    out.mkdir(parents=True, exist_ok=True)
    paths: dict[str, Path] = {}
    for role, image in (("input", made.image), ("psf", made.psf), ("truth", made.truth), ("restored", result)):
        paths[role] = out / f"{NAME}{'' if role == 'input' else '-' + role}.ome.tif"
        write(paths[role], image, overwrite=True)
    paths["recipe"] = out / "recipe.yaml"
    recipe.save(paths["recipe"])
    paths["picture"] = out / "before-after.png"
    shown = {"input": made.image, "restored": result, "truth": made.truth}
    write_side_by_side(paths["picture"], shown, share=("restored", "truth"))
    return paths
