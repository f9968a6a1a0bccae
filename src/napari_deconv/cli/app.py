"""The commands and their flags; what a command does lives beside, and is imported when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from .flags import AsJson, ImageFlags, Input, Method, Output, Overwrite, PsfFlags, RunFlags, TrainFlags, grouped
from .modelling import models

__all__ = ["app"]

app = typer.Typer(
    name="napari-deconv",
    help="Restore microscope images: deconvolution that is honest about what the data support.",
    epilog="Exit status: 0 done, 1 a fault of napari-deconv, 2 the input or the words are wrong, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

app.add_typer(models)

Result = Annotated[Path, Argument(metavar="RESULT", help="A file that 'restore' wrote.")]


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("napari-deconv"))
        raise typer.Exit


@app.callback()
def _every_command(
    version: Annotated[
        bool, Option("--version", callback=_say_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    out: Annotated[Path, Option("--out", metavar="DIR", help="The folder for what it writes.")] = Path("demo-output"),
    no_window: Annotated[bool, Option("--no-window", help="Do not open napari.")] = False,
    device: Annotated[str, Option("--device", metavar="NAME", help="auto, cpu, cuda or mps.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Do the main job on an embedded sample, and show the result in napari if there is a screen.

    It writes the image, its PSF, its truth, the restored image, the recipe and a before/after picture.
    """
    from .demoing import show_demo

    show_demo(out, device, not no_window, as_json)


@app.command()
@grouped
def restore(
    source: Input,
    output: Output,
    psf: PsfFlags,
    image: ImageFlags,
    run: RunFlags,
    method: Method = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Restore INPUT into OUTPUT.

    The PSF comes from the image's own metadata where neither --psf nor a recipe names one.
    """
    from .restoring import restore_file

    restore_file(source, output, psf, method, image, run, overwrite, as_json)


@app.command()
@grouped
def replay(
    result: Result,
    source: Input,
    output: Output,
    run: RunFlags,
    psf: Annotated[
        Path | None, Option("--psf", metavar="FILE", help="Where the measured PSF lies now, when it has moved.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Run the recipe stored in RESULT again, on INPUT into OUTPUT.

    What was said of the image then (--voxel, --numerical-aperture, ...) is said again; the PSF must still be the same.
    """
    from .restoring import replay_file

    replay_file(result, source, output, run, psf, overwrite, as_json)


@app.command()
@grouped
def psf(
    output: Output,
    psf: PsfFlags,
    image: ImageFlags,
    like: Annotated[
        Path | None, Option("--like", metavar="IMAGE", help="Compute it for this image: its voxel, optics and size.")
    ] = None,
    shape: Annotated[
        str | None, Option("--shape", metavar="Z,Y,X", help="Exactly this many voxels; needs --voxel.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Compute a PSF and save it in OUTPUT.

    The file, given to 'restore --psf', restores as the model itself does.
    """
    from .psfs import save_psf

    save_psf(output, psf, image, like, shape, overwrite, as_json)


@app.command()
@grouped
def beads(
    sources: Annotated[list[Path], Argument(metavar="IMAGE...", help="One or several images of beads.")],
    output: Output,
    image: ImageFlags,
    bead_diameter: Annotated[
        float | None, Option("--bead-diameter", metavar="NUMBER", help="The beads' diameter in µm; its blur is undone.")
    ] = None,
    radius: Annotated[
        str | None,
        Option("--radius", metavar="NUMBER|Z,Y,X", help="Half size of the box around a bead in µm; chosen by itself."),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Distil a PSF from images of beads and save it in OUTPUT.

    Tells how many beads were used and why the others were not, the widths with their spread, tilt, and theory beside them.
    """
    from .beads import distil_files

    distil_files(sources, output, bead_diameter, radius, image, overwrite, as_json)


@app.command(name="check-psf")
@grouped
def check_psf(
    file: Annotated[Path, Argument(metavar="FILE", help="A file that holds a PSF.")],
    image: ImageFlags,
    like: Annotated[
        Path | None,
        Option("--like", metavar="IMAGE", help="The image that it will be used for: its voxel, size, optics."),
    ] = None,
    psf_voxel: Annotated[
        str | None, Option("--psf-voxel", metavar="Z,Y,X", help="The PSF's own voxel in µm, over what its file says.")
    ] = None,
    mend: Annotated[
        Path | None, Option("--mend", metavar="OUT", help="Write a mended PSF here; FILE itself is never changed.")
    ] = None,
    faults: Annotated[
        list[str] | None,
        Option("--fault", metavar="NAME", help="Mend only this, such as off-centre; may be repeated."),
    ] = None,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace OUT when it exists.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with a PSF before it is used, what it would do, and mend it.

    Without --fault everything that is certainly wrong and can be mended is mended.
    """
    from .checking import check_psf_file

    check_psf_file(file, like, image, psf_voxel, mend, faults, overwrite, as_json)


@app.command()
@grouped
def fit(
    source: Annotated[Path, Argument(metavar="IMAGE", help="The image that the PSF is to fit.")],
    output: Annotated[Path, Argument(metavar="RECIPE", help="The recipe (YAML) to write, with the fitted PSF in it.")],
    psf: PsfFlags,
    image: ImageFlags,
    parameters: Annotated[
        str,
        Option(
            "--fit", metavar="NAMES", help="depth, sample_index, immersion_index, coverslip_thickness, spherical, ..."
        ),
    ] = "spherical",
    device: Annotated[str, Option("--device", metavar="NAME", help="auto, cpu, cuda or mps.")] = "auto",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Let IMAGE correct what nobody knows of a theoretical PSF, and write the RECIPE to restore it with.

    Photons held back from a restoration judge the PSF. Exit status 2, and no recipe, when the image does not support the fit.
    --set fit.KEY=VALUE sets blocks, side, planes, rounds, iterations or seed.
    """
    from .fitting import fit_file

    fit_file(source, output, psf, image, parameters, device, overwrite, as_json)


@app.command()
def inspect(
    file: Annotated[Path, Argument(metavar="FILE", help="A TIFF or OME-TIFF file.")], as_json: AsJson = False
) -> None:
    """Tell what a file says of itself: axes, shape, voxel, channels, optics, history."""
    from .telling import tell_file

    tell_file(file, as_json)


@app.command()
@grouped
def batch(
    sources: Annotated[list[Path], Argument(metavar="INPUT...", help="The images.")],
    out: Annotated[Path, Option("--out", metavar="DIR", help="The folder for the results; made when it is missing.")],
    psf: PsfFlags,
    image: ImageFlags,
    run: RunFlags,
    method: Method = None,
    workers: Annotated[
        int, Option("--workers", metavar="N", min=1, help="How many files at once, each in a process of its own.")
    ] = 1,
    scheduler: Annotated[
        str | None, Option("--scheduler", metavar="ADDRESS", help="A dask scheduler, such as tcp://host:8786.")
    ] = None,
    resume: Annotated[
        bool, Option("--resume", help="Skip the results that this very recipe has already made.")
    ] = False,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace results that exist.")] = False,
    as_json: AsJson = False,
) -> None:
    """Restore many images with one recipe; a file that fails is told, and the rest goes on.

    A result is named as its input and lies in --out as .ome.tif. Exit status 2 when a file failed.
    """
    from .batching import restore_many

    restore_many(sources, out, psf, method, image, run, workers, scheduler, resume, overwrite, as_json)


@app.command()
@grouped
def train(
    output: Annotated[Path, Argument(metavar="OUT", help="The folder for examples, state and the trained weights.")],
    psf: PsfFlags,
    image: ImageFlags,
    train: TrainFlags,
    device: Annotated[str, Option("--device", metavar="NAME", help="auto, cpu, cuda or mps.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Train a network for the method 'network', or go on from the bundled weights.
    --set train.KEY=VALUE sets steps, images, start, members and more. Interrupt it, and go on with --resume.
    """
    from .training import train_network

    train_network(output, train, psf, image, device, as_json)


@app.command()
def methods(
    kind: Annotated[str | None, Argument(metavar="[KIND]", help="Only this one, with its fields.")] = None,
    psf: Annotated[bool, Option("--psf", help="The PSF models instead of the methods.")] = False,
    as_json: AsJson = False,
) -> None:
    """List every method with its fields, bounds, defaults and reference."""
    from .telling import tell_methods

    tell_methods(kind, psf, as_json)


@app.command()
def steps(
    kind: Annotated[str | None, Argument(metavar="[KIND]", help="Only this one, with its fields.")] = None,
    as_json: AsJson = False,
) -> None:
    """List every step of preparation and finishing, where it may stand, and its fields."""
    from .telling import tell_steps

    tell_steps(kind, as_json)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check versions, devices, memory, Qt and what is missing, and say how to mend it."""
    from .telling import tell_health

    tell_health(as_json)
