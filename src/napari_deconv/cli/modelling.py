"""``models``: the user's own models, listed, added, shared and removed; and a community model's code, read and allowed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from .flags import AsJson

__all__ = ["models"]

models = typer.Typer(
    name="models",
    help="Your own models: list, add, share, remove; and the code of community models.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[str, Argument(metavar="NAME", help="The model's name, as 'models list' tells it.")]


@models.command(name="list")
def list_models(as_json: AsJson = False) -> None:
    """List the models in your data folder."""
    from ..learned.shelf import kept_models, shelf
    from .telling import print_json, print_table

    kept = kept_models()
    if as_json:
        print_json([{"name": each.name, "path": str(each.path), "card": dict(each.card)} for each in kept])
    elif kept:
        print_table(("name", "what it is", "file"), [(each.name, each.words, str(each.path)) for each in kept])
    else:
        print(f"no models in {shelf()} yet: train one (napari-deconv train, or the Train panel), or add a file")


@models.command()
def add(
    file: Annotated[Path, Argument(metavar="FILE", help="Weights, such as a colleague shared (.safetensors).")],
    name: Annotated[str, Option("--name", metavar="NAME", help="What to call it; the file's name by default.")] = "",
) -> None:
    """Put a file of weights among your models."""
    from ..learned.shelf import keep

    kept = keep(file, name)
    print(f"{kept.name}: {kept.words}")


@models.command()
def share(
    name: Name,
    output: Annotated[Path, Argument(metavar="OUTPUT", help="The file to write (.safetensors).")],
    overwrite: Annotated[bool, Option("--overwrite", help="Replace OUTPUT when it exists.")] = False,
) -> None:
    """Write one of your models as one file that others can add."""
    import shutil

    from ..learned.shelf import model_named

    if output.exists() and not overwrite:
        raise FileExistsError(f"{output} exists: give another name or --overwrite")
    beside = output.with_name(output.name + ".new")
    shutil.copyfile(model_named(name).path, beside)
    beside.replace(output)
    print(output)


@models.command()
def export(
    model: Annotated[str, Argument(metavar="MODEL", help="One of your models, a file of weights, or bundled.")],
    output: Annotated[Path, Argument(metavar="OUTPUT", help="The package to write (.zip).")],
    stacks: Annotated[bool, Option("--stacks", help="Of the bundled weights, those for stacks.")] = False,
    name: Annotated[str, Option("--name", metavar="NAME", help="What the package calls the model.")] = "",
    overwrite: Annotated[bool, Option("--overwrite", help="Replace OUTPUT when it exists.")] = False,
) -> None:
    """Write a model as a package of the bioimage.io format, for other programs and for this one."""
    from ..learned.packages.exporting import export_model
    from ..learned.shelf import SUFFIX, model_named

    weights = model if model == "bundled" or model.endswith(SUFFIX) else str(model_named(model).path)
    print(export_model(weights, output, dims=3 if stacks else 2, name=name, overwrite=overwrite))


@models.command()
def remove(name: Name) -> None:
    """Delete one of your models."""
    from ..learned.shelf import remove as remove_kept

    remove_kept(name)
    print(f"removed {name}")


@models.command()
def allow(
    package: Annotated[Path, Argument(metavar="PACKAGE", help="A community model: a folder or zip file.")],
    yes: Annotated[bool, Option("--yes", help="Allow it without being asked; read it first.")] = False,
) -> None:
    """Show the Python code that a community model brings along, and allow it to run.

    Only this very code is allowed, on this computer, for you; changed code is asked about again.
    """
    from ..learned.packages.foreign import Recipe, allow as allow_code, is_allowed
    from ..learned.packages.package import Package

    opened = Package.open(package)
    described, _ = opened.described()
    if described.weights.pytorch_state_dict is None:
        raise ValueError(f"the model '{described.name}' brings no code along: there is nothing to allow")
    recipe = Recipe.of(opened)
    print(recipe.text)
    if is_allowed(recipe.digest):
        print("\nThis code is allowed already.", file=sys.stderr)
        return
    if not yes:
        if not sys.stdin.isatty():
            raise ValueError("nobody can be asked here: read the code above, then give --yes to allow it")
        if not typer.confirm("\nThis code can do anything that you can. Have you read it, and may it run?", err=True):
            raise ValueError(
                "the code was not allowed: the model cannot be used, unless it has torchscript or onnx weights"
            )
    allow_code(recipe.digest)
    print(f"\nAllowed: the model '{described.name}' may run its code in a process of its own.", file=sys.stderr)
