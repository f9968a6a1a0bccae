r"""`export_model`: a network of this package as a package of the bioimage.io format, and back.

What is exported is the network itself, as torchscript, and what it is given and answers is written beside it: it takes the image and
its classical estimates, each in units of the image's scale, and answers, for each of its members, with a proposal, how far the photons
are to correct it, and its choice among the estimates:

    (1 + K + 1 + 3) channels  -->  members x (estimate, trust, K shares)

Another program that feeds it the same channels gets the same answer. Only a program that knows the PSF can make these channels: that is
what the network was trained on, and an export that hid it would be another network. Here the package is opened as a model like any
other (``community``), the channels are made and the answer is finished by the engine, to the same pixels as before the export.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import warnings
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...methods.features import ABOUT
from ..shelf import read_card
from ..sources import Simulation
from ..weights import Card, load_weights
from .package import KEY

__all__ = ["export_model"]

HALOS = {2: {"y": 48, "x": 48}, 3: {"z": 12, "y": 48, "x": 48}}
EQUAL = 1e-5
"""By how much the exported network may differ from ours, of its largest answer."""


class Answers(nn.Module):
    """Members of an ensemble as one network (1, 1 + K + 1 + 3, [Z,] Y, X) -> (1, members * (2 + K), [Z,] Y, X)."""

    def __init__(self, members: list[Any]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, features: Tensor) -> Tensor:
        """Return what each member says: estimate, trust, choice."""
        parts = []
        for member in self.members:
            said = member(features)
            parts += [said.estimate, said.trust, said.choice]
        return torch.cat(parts, dim=1)


def export_model(
    weights: str | Path, output: str | Path, *, dims: int = 2, name: str = "", overwrite: bool = False
) -> Path:
    """Write weights as a package of the bioimage.io format (0.5), a zip file; return its path.

    Parameters
    ----------
    weights : a file, or ``bundled`` for those that come with the package.
    dims : of the bundled ones, 2 for flat images, 3 for stacks; a file tells its own.
    name : of the model; by default what its card tells.

    Raises
    ------
    FileExistsError
        when the output exists and ``overwrite`` was not asked for.
    FileNotFoundError, ValueError
        when there are no such weights, or the network cannot be written as torchscript or is recurrent.
    """
    target = Path(output)
    if target.suffix != ".zip":
        raise ValueError(f"{target} must end in .zip: that is how packages of models are shared")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists: give another name or --overwrite")
    if str(weights) != "bundled":
        dims = int(read_card(Path(weights).expanduser())["architecture"]["dims"])
    found = load_weights(weights, dims)
    card = found.card
    if card.architecture.kind == "recurrent":
        raise ValueError(
            "a recurrent network keeps a state from one time point to the next, for which packages have no place: "
            "share its file of weights as it is (napari-deconv models share)"
        )
    features = _sample(card)
    script, answer = _scripted(found.members, features, card)
    files = {
        "weights.pt": script,
        "test-input.npy": _as_npy(features.numpy()),
        "test-output.npy": _as_npy(answer.numpy()),
        "README.md": _readme(card, name).encode(),
        "card.json": json.dumps(card.model_dump(mode="json"), indent=1).encode(),
    }
    files["rdf.yaml"] = _description(card, name or _title(card), files).encode()
    beside = target.with_name(target.name + ".new")
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files.items():
            archive.writestr(file, content)
    beside.replace(target)
    return target


def _least(card: Card) -> dict[str, int]:
    """Return the smallest size of each axis of which the halo leaves something, a multiple of the network's stride."""
    halos = HALOS[card.architecture.dims]
    strides = zip(halos.items(), card.architecture.total_stride, strict=True)
    return {axis: (2 * halo // stride + 1) * stride for (axis, halo), stride in strides}


def _sample(card: Card) -> Tensor:
    """Return the features of a simulated image, mirrored to a size that packages allow, (1, 1 + K + 1 + 3, [Z,] Y, X)."""
    example = Simulation(seed=1).make(0, (1, 64, 64) if card.architecture.dims == 2 else (8, 64, 64))
    sizes = list(_least(card).values())
    given = example.features
    pads = [(0, 0), *((0, size - length) for size, length in zip(sizes, given.shape[1:], strict=True))]
    return torch.from_numpy(np.pad(given, pads, mode="symmetric"))[None]


def _scripted(members: list[Any], features: Tensor, card: Card) -> tuple[bytes, Tensor]:
    """Return the network as torchscript, and its answer to the features.

    Raises
    ------
    ValueError
        when the script does not give what the network gives at another size.
    """
    network = Answers(members).eval()
    half = features[..., : 4 * card.architecture.total_stride[-2], :]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        answer, wanted = network(features), network(half)
        try:
            traced = torch.jit.trace(network, features)  # type: ignore[no-untyped-call]
            differ = float((traced(half) - wanted).abs().max())
        except (RuntimeError, TypeError):
            differ = math.inf
        if differ > EQUAL * float(wanted.abs().max()):
            kind = card.architecture.kind
            raise ValueError(
                f"a {kind} cannot be written as torchscript for images of any size: export a u-net or autoencoder"
            )
        stream = io.BytesIO()
        torch.jit.save(traced, stream)  # type: ignore[no-untyped-call]
    return stream.getvalue(), answer


def _title(card: Card) -> str:
    return f"napari-deconv {card.architecture.kind} for {'stacks' if card.architecture.dims == 3 else 'flat images'}"


def _as_npy(values: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values.astype(np.float32))
    return stream.getvalue()


def _description(card: Card, name: str, files: Mapping[str, bytes]) -> str:
    """Return the YAML text."""
    import yaml

    axes = "yx" if card.architecture.dims == 2 else "zyx"
    steps = dict(zip(axes, card.architecture.total_stride, strict=True))
    dims, least = card.architecture.dims, _least(card)
    sums = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
    taken = [{"type": "space", "id": axis, "size": {"min": least[axis], "step": steps[axis]}} for axis in axes]
    given = [
        {"type": "space", "id": axis, "size": {"tensor_id": "features", "axis_id": axis}, "halo": HALOS[dims][axis]}
        for axis in axes
    ]
    said = [f"{what}-{number}" for number in range(card.members) for what in ("estimate", "trust", *_shares(card))]
    told = {
        "format_version": "0.5.4", "type": "model", "name": name, "license": card.licence,
        "description": "Restoration by a network over classical estimates that know the PSF; see the README for its channels.",
        "authors": [{"name": "napari-deconv contributors"}],
        "cite": [{"text": "Ronneberger et al., U-Net (2015)", "doi": "10.1007/978-3-319-24574-4_28"}],
        "documentation": "README.md", "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "tags": ["restoration", "deconvolution", "napari"],
        "inputs": [{
            "id": "features", "description": "Image, classical estimates and residual, in units of the image's scale; noise and PSF.",
            "axes": [{"type": "batch"}, {"type": "channel", "channel_names": _channels(card)}, *taken],
            "data": {"type": "float32"}, "test_tensor": {"source": "test-input.npy", "sha256": sums["test-input.npy"]},
        }],
        "outputs": [{
            "id": "answer", "description": "Of each member: the proposal, how far the photons are to correct it, its choice.",
            "axes": [{"type": "batch"}, {"type": "channel", "channel_names": said}, *given],
            "data": {"type": "float32"}, "test_tensor": {"source": "test-output.npy", "sha256": sums["test-output.npy"]},
        }],
        "weights": {"torchscript": {
            "source": "weights.pt", "sha256": sums["weights.pt"], "pytorch_version": torch.__version__.split("+")[0],
        }},
        "config": {KEY: card.model_dump(mode="json")},
    }  # fmt: skip
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True)


def _channels(card: Card) -> list[str]:
    return ["image", *card.estimates, "residual", *ABOUT]


def _shares(card: Card) -> list[str]:
    return [f"share-{each}" for each in card.estimates]


def _readme(card: Card, name: str) -> str:
    """Return what a person who opens the package has to know."""
    channels = "\n".join(f"{number}. `{each}`" for number, each in enumerate(_channels(card)))
    return f"""# {name or _title(card)}

A network that was trained by napari-deconv ({card.steps} steps on {card.data or "unknown data"}). It restores microscope images **whose PSF is
known**: it is not given the image alone, but what classical deconvolution makes of it, and chooses among that, pixel by pixel.

## What it takes

Channels, each in units of the image's scale s (a robust maximum of image minus background):

{channels}

`image` is (counts - background) / s. `rl-n` is Richardson-Lucy with heavy-ball momentum after n iterations, `tv-w-n` the same with a
total variation of weight w, `wiener-r` the Wiener filter of noise-to-signal ratio r; `residual` is H'(y - b - H x) / s over the adjoint of
ones, of Richardson-Lucy after 12 iterations. The last three are even: where noise has the variance a v + c at light v (in units of s),
`noise` is log10 sqrt a, `dark` is log10 c / a, and `width` is the natural logarithm of (1 / sum h^2)^(1 / dimensions) of the PSF h in voxels.

## What it answers

For each member: `estimate` x1, `trust` t, and its share of each estimate. The result is s (x1 + t (x2 - x1)), where x2 is one step of
Richardson-Lucy from x1, and then, where wide and narrow neighbourhoods show more or less light than the image over its background, that
ratio is multiplied in; members are averaged.

In napari-deconv all of this is done by itself: choose the method Community model and this file.

## What it cannot know

What it adds beyond the photons is what such images usually look like. Compare with a classical result before measuring.

## Validation

The card (`card.json`) holds the figures of its training: {card.judged:.4g} on frames that it did not learn from.
"""
