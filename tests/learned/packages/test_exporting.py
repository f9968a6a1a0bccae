"""A network of this package as a package of the bioimage.io format: valid, and the same pixels after export and import."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.scenes import blobs, gaussian_psf, photographed, saved_psf

import napari_deconv as nd
from napari_deconv.cli import main
from napari_deconv.learned import shelf
from napari_deconv.learned.packages.exporting import export_model
from napari_deconv.learned.packages.package import Package

PSF = gaussian_psf((1, 7, 7))
PLANE = photographed(blobs((1, 50, 58), margin=(0, 7, 7)), PSF, 10.0)
STACK = photographed(blobs((5, 22, 26), margin=(1, 6, 6)), PSF, 10.0)


def write_network(file: Path, dims: int = 2, kind: str = "u-net", members: int = 1, **training: Any) -> Path:
    """Write small networks whose last layers are not nothing, as if they had been trained."""
    import torch

    from napari_deconv.learned.networks import Architecture
    from napari_deconv.learned.restorer import Restorer
    from napari_deconv.learned.training import Training
    from napari_deconv.learned.weights import Card, Weights, save_weights
    from napari_deconv.methods.features import ESTIMATES

    torch.manual_seed(1)
    architecture = Architecture(kind=kind, dims=dims, width=8, fine=4, levels=2)
    made = [Restorer(architecture, len(ESTIMATES)) for _ in range(members)]
    for member in made:
        for values in member.body.head.last.parameters():
            torch.nn.init.normal_(values, std=0.2)
    told = Training(**training)
    card = Card(architecture=architecture, members=members, estimates=ESTIMATES, data="nothing", training=told)
    save_weights(file, Weights(card, made))
    return file


def restored(image: Any, tmp_path: Path, **method: Any) -> Any:
    recipe = {"psf": saved_psf(tmp_path, PSF), "method": method, "background": 10.0}
    return nd.restored(nd.Image(image), recipe, device="cpu")


@pytest.mark.parametrize(
    ("dims", "kind", "members"), [(2, "u-net", 2), (2, "autoencoder", 1), (2, "deconvnet", 1), (3, "u-net", 1)]
)
def test_export_and_import_give_the_same_pixels(dims: int, kind: str, members: int, tmp_path: Path) -> None:
    weights = write_network(tmp_path / "own.safetensors", dims, kind, members)
    package = export_model(weights, tmp_path / "own.zip")
    image = PLANE[0] if dims == 2 else STACK
    ours = restored(image, tmp_path, kind="network", weights=str(weights), fallback="never").numpy()
    again = restored(image, tmp_path, kind="community", path=str(package))
    np.testing.assert_allclose(again.numpy(), ours, atol=1e-5 * ours.max())
    assert "usually look like" in " ".join(again.history[-1]["notices"])


def test_the_package_can_be_the_weights_of_a_network(tmp_path: Path) -> None:
    package = export_model(write_network(tmp_path / "own.safetensors", kind="autoencoder"), tmp_path / "own.zip")
    as_model = restored(PLANE[0], tmp_path, kind="community", path=str(package)).numpy()
    as_weights = restored(PLANE[0], tmp_path, kind="network", weights=str(package), fallback="never").numpy()
    np.testing.assert_array_equal(as_weights, as_model)


def test_a_decoder_that_draws_a_finer_grid_gives_the_same_pixels_after_export(tmp_path: Path) -> None:
    weights = write_network(tmp_path / "own.safetensors", lateral=2)
    package = export_model(weights, tmp_path / "own.zip")
    image = nd.Image(PLANE[:, :28, :32], voxel=(0.2, 0.16, 0.16))
    fine = {**saved_psf(tmp_path, gaussian_psf((1, 9, 9), sigma=1.8)), "voxel": (0.2, 0.08, 0.08)}
    recipe = {"psf": fine, "background": 10.0, "prepare": [{"kind": "super-sampling", "lateral": 2}]}
    ours, again = (
        nd.restored(image, {**recipe, "method": method}, device="cpu").numpy()
        for method in (
            {"kind": "network", "weights": str(weights), "fallback": "never"},
            {"kind": "network", "weights": str(package), "fallback": "never"},
        )
    )
    assert ours.shape == (1, 56, 64)
    np.testing.assert_allclose(again, ours, atol=1e-5 * ours.max())


def test_the_package_is_valid_and_says_what_its_channels_are(tmp_path: Path) -> None:
    from bioimageio.spec import ValidationContext, build_description

    package = export_model(write_network(tmp_path / "own.safetensors"), tmp_path / "own.zip", name="A good name")
    described, values = Package.open(package).described()
    with zipfile.ZipFile(package) as archive:
        context = ValidationContext(root=archive, perform_io_checks=True, log_warnings=False, disable_cache=True)
        assert build_description(values, context=context).validation_summary.status in ("valid-format", "passed")
        readme = archive.read("README.md").decode()
        given, answer = (np.load(archive.open(f"test-{name}.npy")) for name in ("input", "output"))
    channels = described.inputs[0].axes[1].channel_names
    assert (channels[0], channels[-4:]) == ("image", ["residual", "noise", "dark", "width"])
    assert given.shape[1] == len(channels)
    assert all(f"`{channel}`" in readme for channel in channels)
    from napari_deconv.learned.packages.runners import make_runner

    runner = make_runner(Package.open(package), "torchscript", "cpu")
    import torch

    np.testing.assert_allclose(runner(torch.from_numpy(given))[0].numpy(), answer, atol=1e-5)


def test_refuses_what_cannot_be(tmp_path: Path) -> None:
    weights = write_network(tmp_path / "own.safetensors")
    with pytest.raises(ValueError, match=r"must end in \.zip"):
        export_model(weights, tmp_path / "own.tif")
    (tmp_path / "own.zip").write_bytes(b"")
    with pytest.raises(FileExistsError, match="--overwrite"):
        export_model(weights, tmp_path / "own.zip")
    with pytest.raises(FileNotFoundError, match="check the path"):
        export_model(tmp_path / "gone.safetensors", tmp_path / "new.zip")


def test_the_command_line_exports_a_model_of_the_user(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shelf.keep(write_network(tmp_path / "own.safetensors"), "mine")
    assert main(["models", "export", "mine", str(tmp_path / "out.zip"), "--name", "My network"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "out.zip")
    card = json.loads(zipfile.ZipFile(tmp_path / "out.zip").read("card.json"))
    assert card["data"] == "nothing"
