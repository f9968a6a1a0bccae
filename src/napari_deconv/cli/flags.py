"""The flags, in groups that several commands share; each group is a frozen dataclass whose fields are options."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from typer import Argument, Option

__all__ = [
    "AsJson",
    "ImageFlags",
    "Input",
    "Method",
    "OPTICAL",
    "Output",
    "Overwrite",
    "PsfFlags",
    "RunFlags",
    "TrainFlags",
    "grouped",
]

OPTICAL = (
    "modality", "numerical_aperture", "emission", "excitation", "immersion_index", "sample_index", "coverslip_thickness",
    "depth", "pinhole",
)  # fmt: skip
"""The flags that say what the microscope was, by their names everywhere."""

AsJson = Annotated[bool, Option("--json", help="Print one JSON object instead of text.")]
Input = Annotated[Path, Argument(metavar="INPUT", help="The image: a TIFF or OME-TIFF file.")]
Output = Annotated[Path, Argument(metavar="OUTPUT", help="The file to write: .ome.tif (OME-TIFF) or .tif (ImageJ).")]
Overwrite = Annotated[bool, Option("--overwrite", help="Replace OUTPUT when it exists.")]
Method = Annotated[str | None, Option("--method", metavar="KIND", help="The method; see 'napari-deconv methods'.")]


@dataclass(frozen=True)
class PsfFlags:
    """What is to be done, beside the method."""

    recipe: Annotated[Path | None, Option("--recipe", metavar="FILE", help="A recipe (YAML); flags override it.")] = (
        None
    )
    psf: Annotated[
        str | None,
        Option(
            "--psf",
            metavar="KIND|FILE",
            help="The PSF: a model (see 'napari-deconv methods --psf') or a file that holds one.",
        ),
    ] = None
    prepare: Annotated[
        list[str] | None,
        Option(
            "--prepare",
            metavar="KIND",
            help="Add a step before the method, see 'napari-deconv steps'; may be repeated.",
        ),
    ] = None
    finish: Annotated[
        list[str] | None, Option("--finish", metavar="KIND", help="Add a step after the method; may be repeated.")
    ] = None
    changes: Annotated[
        list[str] | None,
        Option(
            "--set", metavar="KEY=VALUE", help="Set a key of the recipe, such as method.iterations=50; may be repeated."
        ),
    ] = None


@dataclass(frozen=True)
class ImageFlags:
    """What the image is, over what its file says."""

    axes: Annotated[
        str | None, Option("--axes", metavar="LETTERS", help="The image's axes as stored, out of TCZYX, such as ZYX.")
    ] = None
    voxel: Annotated[
        str | None,
        Option("--voxel", metavar="Z,Y,X", help="Voxel size in µm, such as 0.2,0.065,0.065 (Y,X for a flat image)."),
    ] = None
    series: Annotated[
        int | None, Option("--series", metavar="N", help="Which image of a file that holds several, from 0.")
    ] = None
    channel: Annotated[int | None, Option("--channel", metavar="N", help="Take only this channel, from 0.")] = None
    time: Annotated[int | None, Option("--time", metavar="N", help="Take only this time point, from 0.")] = None
    modality: Annotated[
        str | None,
        Option(metavar="NAME", help="widefield, confocal, spinning-disk, light-sheet or two-photon."),
    ] = None
    numerical_aperture: Annotated[
        float | None, Option(metavar="NUMBER", help="The objective's numerical aperture.")
    ] = None
    emission: Annotated[
        str | None,
        Option(metavar="NUMBER", help="Emission wavelength in µm; one for each channel with commas between."),
    ] = None
    excitation: Annotated[
        str | None,
        Option(metavar="NUMBER", help="Excitation wavelength in µm; one for each channel with commas between."),
    ] = None
    immersion_index: Annotated[
        float | None,
        Option(metavar="NUMBER", help="Refractive index of the immersion: air 1.0, water 1.33, oil 1.515."),
    ] = None
    sample_index: Annotated[float | None, Option(metavar="NUMBER", help="Refractive index of the sample's medium.")] = (
        None
    )
    coverslip_thickness: Annotated[float | None, Option(metavar="NUMBER", help="Thickness of the coverslip in µm.")] = (
        None
    )
    depth: Annotated[float | None, Option(metavar="NUMBER", help="Depth of the focus below the coverslip in µm.")] = (
        None
    )
    pinhole: Annotated[float | None, Option(metavar="NUMBER", help="Diameter of the pinhole in Airy units.")] = None


@dataclass(frozen=True)
class RunFlags:
    """With which means it runs."""

    device: Annotated[str, Option("--device", metavar="NAME", help="auto, cpu, cuda or mps.")] = "auto"
    memory: Annotated[
        str,
        Option(
            "--memory", metavar="SIZE", help="What the run may take, such as 4GB or 512MiB; auto: most of what is free."
        ),
    ] = "auto"


@dataclass(frozen=True)
class TrainFlags:
    """What a network learns from."""

    source: Annotated[
        str, Option("--from", metavar="NAME", help="simulation, pairs, or image (that image alone, no truth).")
    ] = "simulation"
    image_file: Annotated[
        Path | None,
        Option("--image", metavar="FILE", help="The image to learn from; for simulation, whose microscope it is."),
    ] = None
    low: Annotated[Path | None, Option("--low", metavar="DIR", help="Images of low quality, for pairs.")] = None
    high: Annotated[
        Path | None, Option("--high", metavar="DIR", help="The same images of high quality, under the same names.")
    ] = None
    stacks: Annotated[bool, Option("--stacks", help="Simulate stacks where no --image says so.")] = False
    resume: Annotated[bool, Option("--resume", help="Go on with the training that OUT holds.")] = False


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with each parameter that is a group of flags spread into the group's options.

    Typer reads a command's signature; the one made here holds the fields of the groups in the place of the groups.
    """
    hints = get_type_hints(command, include_extras=True)
    own = inspect.signature(command).parameters
    groups = {name: hints[name] for name in own if is_dataclass(hints[name])}

    def spread(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        command(**given)

    parameters = []
    for name, parameter in own.items():
        if name in groups:
            parameters += _options_of(groups[name])
        else:
            parameters.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
    spread.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    spread.__annotations__ = {each.name: each.annotation for each in parameters}
    spread.__name__, spread.__doc__ = command.__name__, command.__doc__
    return spread


def _options_of(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]
