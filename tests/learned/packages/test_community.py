"""Community models: a package of the bioimage.io format goes through the one path, and what does not fit is refused in a sentence."""

from __future__ import annotations

import shutil
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tests.test_every_method as claims
import yaml
from tests.learned.packages.written import (
    axes,
    checksum,
    followed,
    make_network,
    save_torchscript,
    write_package,
    write_sharpening,
)
from tests.scenes import Array, blobs, gaussian_psf, nrmse, photographed, saved_psf

import napari_deconv as nd
from napari_deconv.learned.packages import foreign
from napari_deconv.learned.packages.community import CommunityModel
from napari_deconv.learned.packages.package import Package
from napari_deconv.learned.packages.windows import mirrored, plan_windows

PSF = gaussian_psf((1, 7, 7))
PLANE = photographed(blobs((1, 40, 44), margin=(0, 7, 7)), PSF, 10.0)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here may ask anything of another computer."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="module")
def flat_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sharpening(tmp_path_factory.mktemp("flat"))


@pytest.fixture(scope="module")
def deep_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    before = [{"id": "scale_range", "kwargs": {"min_percentile": 1.0, "max_percentile": 99.8, "eps": 1e-12}}]
    return write_sharpening(tmp_path_factory.mktemp("deep"), names="bczyx", before=before)


def run(path: Path, image: Any, tmp_path: Path, **fields: Any) -> nd.Image:
    method = {"kind": "community", "path": str(path), **fields}
    return nd.restored(
        nd.Image(image), {"psf": saved_psf(tmp_path, PSF), "method": method, "background": 10.0}, device="cpu"
    )


def as_given(path: Path, image: Any, tmp_path: Path, **fields: Any) -> Array:
    """The output in the model's own units."""
    return run(path, image, tmp_path, gain=1.0, offset=0.0, **fields).numpy()


def sharpened(plane: Array) -> Array:
    import torch

    beyond = np.pad(plane, ((0, 0), (2, 2), (2, 2)), mode="reflect")
    with torch.no_grad():
        return make_network()(torch.from_numpy(beyond)[None]).numpy()[0][:, 2:-2, 2:-2]


def standardised(image: Array) -> Array:
    return (image - image.mean()) / image.std()


@pytest.mark.parametrize("form", ["torchscript", "onnx", "pytorch_state_dict"])
def test_gives_what_the_network_gives_whatever_its_weights_are(form: str, tmp_path: Path) -> None:
    package = write_sharpening(tmp_path / "package", form)
    if form == "pytorch_state_dict":
        foreign.allow(foreign.Recipe.of(Package.open(package)).digest)
    result = as_given(package, PLANE, tmp_path)
    np.testing.assert_allclose(result[0], sharpened(standardised(PLANE))[0], atol=1e-5)


def test_a_zip_file_is_as_good_as_a_folder(flat_package: Path, tmp_path: Path) -> None:
    packed = Path(shutil.make_archive(str(tmp_path / "model"), "zip", flat_package))
    np.testing.assert_array_equal(as_given(packed, PLANE, tmp_path), as_given(flat_package, PLANE, tmp_path))
    np.testing.assert_array_equal(
        as_given(flat_package / "rdf.yaml", PLANE, tmp_path), as_given(flat_package, PLANE, tmp_path)
    )


def test_an_older_description_gives_the_same(flat_package: Path, tmp_path: Path) -> None:
    old = Path(shutil.copytree(flat_package, tmp_path / "old"))
    told = yaml.safe_load((old / "rdf.yaml").read_text(encoding="utf-8"))
    tensor = {"axes": "bcyx", "data_type": "float32"}
    told |= {
        "format_version": "0.4.10", "covers": [], "tags": [], "test_inputs": ["in.npy"], "test_outputs": ["out.npy"],
        "inputs": [{
            **tensor, "name": "raw", "shape": {"min": [1, 1, 12, 12], "step": [0, 0, 4, 4]},
            "preprocessing": [{"name": "zero_mean_unit_variance", "kwargs": {"mode": "per_sample", "axes": "cyx", "eps": 1e-12}}],
        }],
        "outputs": [{
            **tensor, "name": "out", "halo": [0, 0, 4, 4],
            "shape": {"reference_tensor": "raw", "scale": [1, 1, 1, 1], "offset": [0, 0, 0, 0]},
        }],
    }  # fmt: skip
    (old / "rdf.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    np.testing.assert_allclose(
        as_given(old, PLANE, tmp_path), as_given(flat_package, PLANE, tmp_path), rtol=1e-5, atol=1e-6
    )


STEPS: list[tuple[dict[str, Any], Callable[[Array], Array]]] = [
    ({"id": "scale_linear", "kwargs": {"gain": 2.0, "offset": -3.0}}, lambda x: 2 * x - 3),
    ({"id": "scale_linear", "kwargs": {"axis": "channel", "gain": [2.0], "offset": [1.0]}}, lambda x: 2 * x + 1),
    ({"id": "fixed_zero_mean_unit_variance", "kwargs": {"mean": 20.0, "std": 4.0}}, lambda x: (x - 20) / 4),
    (
        {"id": "fixed_zero_mean_unit_variance", "kwargs": {"mean": [20.0], "std": [4.0], "axis": "channel"}},
        lambda x: (x - 20) / 4,
    ),
    ({"id": "zero_mean_unit_variance", "kwargs": {}}, lambda x: (x - x.mean()) / (x.std() + 1e-6)),
    (
        {"id": "scale_range", "kwargs": {"min_percentile": 2.0, "max_percentile": 99.0}},
        lambda x: (x - np.percentile(x, 2)) / (np.percentile(x, 99) - np.percentile(x, 2) + 1e-6),
    ),
    ({"id": "clip", "kwargs": {"min": 15.0, "max": 30.0}}, lambda x: x.clip(15, 30)),
    (
        {"id": "clip", "kwargs": {"min_percentile": 5.0, "max_percentile": 95.0}},
        lambda x: x.clip(np.percentile(x, 5), np.percentile(x, 95)),
    ),
    ({"id": "binarize", "kwargs": {"threshold": 20.0}}, lambda x: (x > 20).astype(np.float32)),
    ({"id": "sigmoid"}, lambda x: 1 / (1 + np.exp(-x))),
    ({"id": "softmax", "kwargs": {"axis": "channel"}}, np.ones_like),
    ({"id": "ensure_dtype", "kwargs": {"dtype": "uint8"}}, lambda x: np.trunc(x.clip(0, 255))),
]


@pytest.mark.parametrize(("step", "formula"), STEPS, ids=[f"{step['id']}-{n}" for n, (step, _) in enumerate(STEPS)])
@pytest.mark.parametrize("place", ["before", "after"])
def test_processing_is_that_of_the_format(
    step: dict[str, Any], formula: Callable[[Array], Array], place: str, tmp_path: Path
) -> None:
    package = write_sharpening(tmp_path / "package", **{"before": [], "after": [], place: [step]})
    result = as_given(package, PLANE, tmp_path)[0]
    expected = sharpened(formula(PLANE)) if place == "before" else formula(sharpened(PLANE))
    np.testing.assert_allclose(result, expected[0], rtol=2e-5, atol=2e-5 * np.abs(expected).max())


def test_the_output_can_be_given_the_mean_and_spread_of_the_input(tmp_path: Path) -> None:
    after = [{"id": "scale_mean_variance", "kwargs": {"reference_tensor": "raw"}}]
    result = as_given(write_sharpening(tmp_path / "package", after=after), PLANE, tmp_path)
    assert result.mean() == pytest.approx(PLANE.mean(), rel=1e-4)
    assert result.std() == pytest.approx(PLANE.std(), rel=1e-4)


def test_steps_follow_one_another(tmp_path: Path) -> None:
    before = [STEPS[6][0], {"id": "scale_range", "kwargs": {"eps": 1e-12}}, STEPS[0][0]]
    package = write_sharpening(tmp_path / "package", before=before)
    clipped = PLANE.clip(15, 30)
    ranged = 2 * (clipped - clipped.min()) / np.ptp(clipped) - 3
    np.testing.assert_allclose(as_given(package, PLANE, tmp_path)[0], sharpened(ranged)[0], atol=1e-4)


@pytest.mark.parametrize("names", ["bcyx", "byxc", "cyx", "yx", "byx"])
def test_axes_may_come_in_any_order(names: str, tmp_path: Path) -> None:
    import torch

    class Arranged(torch.nn.Module):
        def __init__(self, names: str) -> None:
            super().__init__()
            self.names, self.inner = names, make_network()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.names == "byxc":
                return self.inner(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
            return self.inner(x.reshape(1, 1, x.shape[-2], x.shape[-1])).reshape(x.shape)

    folder = tmp_path / "package"
    folder.mkdir()
    weights = {"torchscript": save_torchscript(Arranged(names), folder / "weights.pt")}
    package = write_package(folder, weights, names)
    np.testing.assert_allclose(as_given(package, PLANE, tmp_path)[0], sharpened(PLANE)[0], rtol=1e-5, atol=1e-4)


def test_a_flat_model_takes_each_plane_and_keeps_their_brightness(flat_package: Path, tmp_path: Path) -> None:
    stack = np.concatenate([PLANE, 3 * PLANE])
    result = as_given(flat_package, stack, tmp_path)
    for plane, given in zip(standardised(stack), result, strict=True):
        np.testing.assert_allclose(given, sharpened(plane[None])[0], atol=1e-5)


@pytest.mark.parametrize("step", [0, 4, 16])
def test_windows_see_what_the_whole_would(step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import napari_deconv.learned.packages.layout as layouts

    monkeypatch.setattr(layouts, "TARGET", {2: {"y": 24, "x": 24}, 3: {"z": 8, "y": 24, "x": 24}})
    inputs = axes("bcyx", least=16, step=step)
    package = write_sharpening(tmp_path / "package", before=[], inputs=inputs, outputs=followed(inputs, halo=3))
    wide = photographed(blobs((1, 100, 130), margin=(0, 7, 7)), PSF, 10.0)
    result = as_given(package, wide, tmp_path)[0]
    inside = (slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(result[inside], sharpened(wide)[0][inside], rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("length", [5, 16, 17, 40, 200])
@pytest.mark.parametrize("place", [0, 3, 64])
def test_windows_cover_every_pixel_once(length: int, place: int, flat_package: Path) -> None:
    layout = CommunityModel.open(str(flat_package)).layout
    seen = np.zeros((2, length, 30), dtype=int)
    for window in plan_windows(layout, seen.shape, (0, place, 0), (2, place + length, 30)):
        seen[window.kept] += 1
        (y, size, _, _) = window.spans[1]
        assert (y + place) % 4 == 0
        assert (size - 12) % 4 == 0
    assert (seen == 1).all()


def test_mirrors_without_doubling_the_end() -> None:
    assert mirrored(-2, 8, 4).tolist() == [2, 1, 0, 1, 2, 3, 2, 1]
    assert mirrored(0, 3, 1).tolist() == [0, 0, 0]


# What every method claims, as far as it can hold for any network (see tests/test_every_method.py).


@pytest.fixture(params=["flat", "deep"])
def case(request: pytest.FixtureRequest, flat_package: Path, deep_package: Path) -> dict[str, Any]:
    return {"kind": "community", "path": str(flat_package if request.param == "flat" else deep_package)}


CLAIMS = [
    claims.test_gives_finite_float32_of_the_same_shape_and_no_negative_light_where_it_says_so,
    claims.test_tiles_give_what_the_whole_gives,
    claims.test_yaml_and_json_bring_back_the_same_recipe,
    claims.test_the_recipe_in_the_history_gives_the_same_pixels_again,
    claims.test_never_writes_to_the_image,
    claims.test_a_lazy_image_gives_the_same_pixels,
    claims.test_gives_the_same_pixels_twice,
]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_claims_of_every_method(claim: claims.Claim, case: dict[str, Any], tmp_path: Path) -> None:
    claim(case, tmp_path)


@pytest.mark.parametrize("factor", [3.0, 2.0**-10, 2.0**20])
def test_scales_with_the_image(factor: float, case: dict[str, Any], tmp_path: Path) -> None:
    psf = saved_psf(tmp_path, claims.PSF)
    claims.test_scales_with_the_image(case, factor, tmp_path, lambda asked: claims.run(claims.NOISY, asked, psf, 20.0))


def test_stops_when_closed(case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claims.test_stops_and_frees_its_memory_when_closed(case, tmp_path, monkeypatch)


def test_a_flat_image_is_a_volume_of_one_plane(flat_package: Path, tmp_path: Path) -> None:
    case = {"kind": "community", "path": str(flat_package)}
    claims.test_restores_a_flat_image_as_it_would_a_volume_of_one_plane(case, tmp_path)
    claims.test_comes_nearer_the_truth_than_the_blurred_image(case, True, tmp_path)
    claims.test_restores_a_point_at_its_place(case, "odd-symmetric", tmp_path)
    claims.test_takes_numbers_of_every_type(case, "u2", tmp_path)


def test_its_output_is_brought_to_counts_through_the_psf(flat_package: Path, tmp_path: Path) -> None:
    result = run(flat_package, PLANE, tmp_path)
    (choice,) = result.history[-1]["choices"]
    assert choice["name"] == "gain"
    assert result.numpy().sum() == pytest.approx((PLANE - 10).sum(), rel=0.1)
    own = run(flat_package, PLANE, tmp_path, gain=2.0, offset=0.5).numpy()
    np.testing.assert_allclose(own, 2 * as_given(flat_package, PLANE, tmp_path) + 0.5, atol=1e-5)


def test_history_says_which_model_it_was_and_what_it_cannot_know(flat_package: Path, tmp_path: Path) -> None:
    record = run(flat_package, PLANE, tmp_path).history[-1]
    assert record["model"]["name"] == "Sharpening planes"
    assert record["model"]["weights"] == "torchscript"
    assert any("invent detail" in notice for notice in record["notices"])
    digest = record["model"]["sha256"]
    run(flat_package, PLANE, tmp_path, sha256=digest)
    with pytest.raises(ValueError, match="not the one recorded"):
        run(flat_package, PLANE, tmp_path, sha256="0" * 16)


def test_replay_on_the_command_line_wants_the_same_model(
    flat_package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from napari_deconv.cli import main

    package = Path(shutil.copytree(flat_package, tmp_path / "package"))
    image, psf, result = tmp_path / "image.tif", saved_psf(tmp_path, PSF)["path"], tmp_path / "result.ome.tif"
    nd.write(image, nd.Image(PLANE))
    words = [
        "restore",
        str(image),
        str(result),
        "--psf",
        psf,
        "--method",
        "community",
        "--set",
        f"method.path={package}",
    ]
    assert main(words) == 0
    assert main(["replay", str(result), str(image), str(tmp_path / "again.ome.tif")]) == 0
    np.testing.assert_array_equal(nd.read(tmp_path / "again.ome.tif").numpy(), nd.read(result).numpy())
    told = yaml.safe_load((package / "rdf.yaml").read_text(encoding="utf-8"))
    (package / "rdf.yaml").write_text(yaml.safe_dump({**told, "name": "Another model"}), encoding="utf-8")
    capsys.readouterr()
    assert main(["replay", str(result), str(image), str(tmp_path / "third.ome.tif")]) == 2
    assert "not the one recorded" in capsys.readouterr().err


# What does not fit is refused in one sentence.


def refused(path: Any, tmp_path: Path, words: str, image: Any = PLANE, **fields: Any) -> None:
    with pytest.raises((ValueError, OSError), match=words) as caught:
        run(path, image, tmp_path, **fields)
    assert "\n" not in str(caught.value)


def test_refuses_what_is_no_package(tmp_path: Path) -> None:
    refused(tmp_path / "nothing", tmp_path, "there is no model package")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", tmp_path, "no rdf.yaml")
    (tmp_path / "text.txt").write_text("hello", encoding="utf-8")
    refused(tmp_path / "text.txt", tmp_path, "no model package")
    (tmp_path / "empty" / "rdf.yaml").write_text("[1, 2", encoding="utf-8")
    refused(tmp_path / "empty", tmp_path, "not readable as YAML")
    (tmp_path / "empty" / "rdf.yaml").write_text("type: model\nformat_version: 0.5.4\n", encoding="utf-8")
    refused(tmp_path / "empty", tmp_path, "is not valid")
    (tmp_path / "empty" / "rdf.yaml").write_text("type: dataset\n", encoding="utf-8")
    refused(tmp_path / "empty", tmp_path, "does not describe a model")
    refused("https://example.org/model.zip", tmp_path, "nothing is downloaded")


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"inputs": axes("bcyx", channels=3)}, "takes 3 channels at once"),
        ({"outputs": [*followed(axes("bcyx"))[:2], {"type": "space", "id": "y", "size": 16}, followed(axes("bcyx"))[3]]}, "another size"),
        ({"before": [{"id": "custom", "kwargs": {}, "source": "x.py", "callable": "f"}]}, "custom|not valid"),
    ],
)  # fmt: skip
def test_refuses_what_is_no_restoration(described: dict[str, Any], words: str, tmp_path: Path) -> None:
    refused(write_sharpening(tmp_path / "package", **described), tmp_path, words)


def test_refuses_a_flat_image_for_a_deep_model_and_what_is_not_there(
    flat_package: Path, deep_package: Path, tmp_path: Path
) -> None:
    refused(deep_package, tmp_path, "for stacks, but the image is flat")
    refused(flat_package, tmp_path, "no onnx weights: it has torchscript", weights="onnx")
    refused(flat_package, tmp_path, "1 outputs: method.output 3", output=3)
    refused(flat_package, tmp_path, "1 channels: method.channel 2", channel=2)


def test_refuses_a_model_whose_output_is_not_as_described(tmp_path: Path) -> None:
    import torch

    class Halved(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, :, ::2]

    folder = tmp_path / "package"
    folder.mkdir()
    package = write_package(folder, {"torchscript": save_torchscript(Halved(), folder / "weights.pt")})
    refused(package, tmp_path, "its description is wrong")


def test_says_what_is_missing_where_the_library_is(
    flat_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    copy = shutil.copytree(flat_package, tmp_path / "copy")
    monkeypatch.setitem(sys.modules, "bioimageio.spec", None)
    refused(copy, tmp_path, r"pip install 'napari-deconv\[community\]'")
    onnx = write_sharpening(tmp_path / "onnx", "onnx")
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    refused(onnx, tmp_path, "needs onnxruntime")


# Files that mean harm.


def rewritten(package: Path, **weights: Any) -> Path:
    """Change the description of the package's weights."""
    told = yaml.safe_load((package / "rdf.yaml").read_text(encoding="utf-8"))
    for form, changes in weights.items():
        told["weights"][form] |= changes
    (package / "rdf.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    return package


def test_refuses_changed_weights_and_files_from_elsewhere(flat_package: Path, tmp_path: Path) -> None:
    package = Path(shutil.copytree(flat_package, tmp_path / "package"))
    file = package / "weights.torchscript"
    file.write_bytes(file.read_bytes() + b"more")
    refused(package, tmp_path, "another checksum")
    outside = tmp_path / "outside.pt"
    shutil.copy(flat_package / "weights.torchscript", outside)
    for source, words in (
        ("../outside.pt", "outside"),
        (str(outside), "outside"),
        ("https://example.org/weights.pt", "not in the package"),
        ("gone.pt", "lacks its file"),
    ):
        rewritten(package, torchscript={"source": source, "sha256": checksum(outside)})
        refused(package, tmp_path, f"{words}|not valid")
    (package / "link.pt").symlink_to(outside)
    rewritten(package, torchscript={"source": "link.pt", "sha256": checksum(outside)})
    refused(package, tmp_path, "leads outside")


def test_refuses_a_zip_file_with_names_that_lead_outside(flat_package: Path, tmp_path: Path) -> None:
    package = Path(shutil.copytree(flat_package, tmp_path / "package"))
    rewritten(package, torchscript={"source": "../weights.torchscript"})
    packed = tmp_path / "model.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in package.iterdir():
            archive.write(file, f"../{file.name}" if file.suffix == ".torchscript" else file.name)
    refused(packed, tmp_path, "outside|not valid")


def test_refuses_torchscript_that_would_touch_files(tmp_path: Path) -> None:
    import torch

    class Writing(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch.save(x, "stolen.bin")
            return x

    folder = tmp_path / "package"
    folder.mkdir()
    save_torchscript(Writing(), folder / "weights.pt")
    package = write_package(folder, {"torchscript": folder / "weights.pt"})
    refused(package, tmp_path, "torch.save.*refused")
    assert not Path("stolen.bin").exists()


class Harm:
    """Unpickled, it writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("form", ["torchscript", "pytorch_state_dict"])
def test_never_unpickles(form: str, tmp_path: Path) -> None:
    import torch

    package = write_sharpening(tmp_path / "package", form)
    file = package / f"weights.{form}"
    torch.save({"conv.weight": Harm(tmp_path / "harmed")}, file)
    rewritten(package, **{form: {"sha256": checksum(file)}})
    if form == "pytorch_state_dict":
        foreign.allow(foreign.Recipe.of(Package.open(package)).digest)
    refused(package, tmp_path, "pickles are never opened|failed")
    assert not (tmp_path / "harmed").exists()


def test_foreign_code_waits_for_a_yes_to_that_very_code(tmp_path: Path) -> None:
    package = write_sharpening(tmp_path / "package", "pytorch_state_dict")
    refused(package, tmp_path, "Python code of its own.*napari-deconv models allow")
    recipe = foreign.Recipe.of(Package.open(package))
    assert "class Sharpen" in recipe.text
    foreign.allow(recipe.digest)
    as_given(package, PLANE, tmp_path)
    source = package / "architecture.py"
    source.write_text(source.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    told = yaml.safe_load((package / "rdf.yaml").read_text(encoding="utf-8"))
    told["weights"]["pytorch_state_dict"]["architecture"]["sha256"] = checksum(source)
    (package / "rdf.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    refused(package, tmp_path, "Python code of its own")


def test_a_call_into_an_installed_library_is_foreign_code_too(tmp_path: Path) -> None:
    package = write_sharpening(tmp_path / "package", "pytorch_state_dict")
    call = {"import_from": "os", "callable": "system", "kwargs": {"command": f"touch {tmp_path / 'harmed'}"}}
    rewritten(package, pytorch_state_dict={"architecture": call})
    refused(package, tmp_path, "Python code of its own")
    assert not (tmp_path / "harmed").exists()


def test_foreign_code_runs_in_a_process_of_its_own_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    package = write_sharpening(tmp_path / "package", "pytorch_state_dict")
    source = package / "architecture.py"
    told = f"import os\nprint('noise')\nopen({str(tmp_path / 'seen')!r}, 'w').write(str(os.getpid()) + str(dict(os.environ)))\n"
    source.write_text(told + source.read_text(encoding="utf-8"), encoding="utf-8")
    text = yaml.safe_load((package / "rdf.yaml").read_text(encoding="utf-8"))
    text["weights"]["pytorch_state_dict"]["architecture"]["sha256"] = checksum(source)
    (package / "rdf.yaml").write_text(yaml.safe_dump(text), encoding="utf-8")
    foreign.allow(foreign.Recipe.of(Package.open(package)).digest)
    as_given(package, PLANE, tmp_path)
    seen = (tmp_path / "seen").read_text(encoding="utf-8")
    assert "hush" not in seen
    import os

    assert not seen.startswith(str(os.getpid()))


def test_code_that_fails_is_told(tmp_path: Path) -> None:
    package = write_sharpening(tmp_path / "package", "pytorch_state_dict")
    text = yaml.safe_load((package / "rdf.yaml").read_text(encoding="utf-8"))
    text["weights"]["pytorch_state_dict"]["architecture"]["kwargs"] = {"dims": 3}
    (package / "rdf.yaml").write_text(yaml.safe_dump(text), encoding="utf-8")
    foreign.allow(foreign.Recipe.of(Package.open(package)).digest)
    refused(package, tmp_path, "code of the model 'Sharpening planes' failed: RuntimeError")


def test_reads_no_package_of_another_shape_as_the_truth(flat_package: Path, tmp_path: Path) -> None:
    """The result does not depend on what was restored before: statistics belong to the image, not to the model."""
    bright = as_given(flat_package, 5 * PLANE + 2, tmp_path)
    np.testing.assert_allclose(bright, as_given(flat_package, PLANE, tmp_path), atol=1e-4)
    assert nrmse(bright, sharpened(standardised(PLANE))) < 1e-4
