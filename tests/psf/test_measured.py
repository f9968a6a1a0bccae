"""A measured PSF: each pitfall of real files, what is done about it, and that it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_deconv as nd
from napari_deconv.psf.base import Grid
from napari_deconv.psf.measured import Measured
from napari_deconv.psf.width import find_peak, measure_widths

VOXEL = (0.2, 0.1, 0.1)
GRID = Grid((32, 64, 64), VOXEL)


def gaussian(
    shape: tuple[int, int, int], centre: Any, sigma: tuple[float, float, float] = (2.0, 1.5, 1.5)
) -> np.ndarray:
    index = np.indices(shape, sparse=True)
    blob = np.exp(-sum((i - c) ** 2 / (2 * s**2) for i, c, s in zip(index, centre, sigma, strict=True)))
    return blob.astype(np.float32)


def lopsided(shape: tuple[int, int, int] = (17, 21, 21)) -> np.ndarray:
    """A comet: its peak lies two pixels before the place that its light comes from."""
    z, y, x = (size // 2 for size in shape)
    return gaussian(shape, (z - 2, y, x - 1)) + 0.6 * gaussian(shape, (z + 2, y + 2, x + 2))


def prepared(psf: Any, grid: Grid = GRID, **fields: Any) -> tuple[np.ndarray, dict[str, Any]]:
    source = psf if isinstance(psf, nd.Image) else nd.Image(psf, voxel=VOXEL[-psf.ndim :])
    model = Measured.of(source, **fields)
    return model.compute(grid), dict(model.report(grid))


def image_like(grid: Grid) -> nd.Image:
    return nd.Image(np.ones(grid.shape, np.float32), "ZYX", grid.voxel)


def test_it_is_unit_sum_float32_and_centred() -> None:
    psf, report = prepared(1000 * gaussian((17, 21, 21), (8, 10, 10)) + 100)
    assert psf.dtype == np.float32
    assert psf.sum() == pytest.approx(1, abs=1e-5)
    assert np.unravel_index(psf.argmax(), psf.shape) == tuple(size // 2 for size in psf.shape)
    assert report["offset"] == pytest.approx(100, abs=0.5)
    assert measure_widths(psf, VOXEL)[1] == pytest.approx(2.3548 * 0.15, rel=0.01)
    assert report["notices"] == []


def test_a_given_offset_is_taken_instead() -> None:
    _, report = prepared(1000 * gaussian((17, 21, 21), (8, 10, 10)) + 100, offset=90)
    assert report["offset"] == 90


@pytest.mark.parametrize("peak", [8, 7])
def test_an_even_axis_is_centred_on_the_middle_at_the_peak(peak: int) -> None:
    psf, report = prepared(gaussian((16, 16, 16), (peak, 8, peak)))
    assert find_peak(psf) == pytest.approx([size // 2 for size in psf.shape], abs=0.01)
    assert all(size % 2 for size in psf.shape)
    assert report["notices"] == []


def test_a_lopsided_psf_is_not_moved_but_said() -> None:
    source = lopsided()
    psf, report = prepared(source, keep=1, clean=False, offset=0)
    assert report["moved"] == [0, 0, 0]
    np.testing.assert_allclose(psf, source / source.sum(), atol=1e-6)
    assert any("psf.centre to peak" in notice for notice in report["notices"])


@pytest.mark.parametrize("shape", [(16, 20, 20), (17, 20, 21)])
def test_centred_on_request_to_sub_pixel(shape: tuple[int, int, int]) -> None:
    where = [size // 2 + shift for size, shift in zip(shape, (1.3, -2.4, 0.35), strict=True)]
    source = gaussian(shape, where)
    left, report = prepared(source)
    assert report["off_centre"] == pytest.approx([1.3, -2.4, 0.35], abs=0.6)
    assert "off its centre" in report["notices"][0]
    assert max(abs(p - s // 2) for p, s in zip(find_peak(left), left.shape, strict=True)) > 1
    for centre in ("peak", "centroid"):
        psf, report = prepared(source, centre=centre)
        assert find_peak(psf) == pytest.approx([size // 2 for size in psf.shape], abs=0.06)
        assert report["notices"] == []
        assert measure_widths(psf)[1] == pytest.approx(measure_widths(source)[1], rel=0.03)


def test_an_off_centre_psf_moves_the_result_and_the_remedy_mends_it() -> None:
    truth = np.zeros((1, 41, 41), np.float32)
    truth[0, 20, 20] = 1e4
    image = nd.Image(
        1e4 * gaussian((1, 41, 41), (0, 20, 20), (1, 2, 2)) / gaussian((1, 41, 41), (0, 20, 20), (1, 2, 2)).sum()
    )
    source = nd.Image(gaussian((1, 21, 21), (0, 10, 12), (1, 2, 2))[0])
    for centre, place in (("auto", 18), ("peak", 20)):
        model = Measured.of(source, centre=centre)
        result = nd.restored(image, nd.Recipe(psf=model, background=0), device="cpu")
        assert find_peak(result.numpy())[2] == pytest.approx(place, abs=0.05)
        told = result.history[-1]["notices"]
        assert any("off its centre" in each for each in told) == (centre == "auto")


def test_disagreeing_voxels_are_resampled_and_said() -> None:
    source = nd.Image(gaussian((33, 41, 41), (16, 20, 20), (4, 3, 3)), "ZYX", (0.1, 0.05, 0.05))
    psf, report = prepared(source)
    widths = measure_widths(psf, VOXEL)
    assert widths[0] == pytest.approx(2.3548 * np.hypot(0.4, 0.2 / 12**0.5), rel=0.02)
    assert widths[1] == pytest.approx(2.3548 * np.hypot(0.15, 0.1 / 12**0.5), rel=0.02)
    assert find_peak(psf) == pytest.approx([size // 2 for size in psf.shape], abs=0.01)
    assert sum("resampled" in notice for notice in report["notices"]) == 3


def test_finer_voxels_keep_the_width() -> None:
    source = nd.Image(gaussian((17, 21, 21), (8, 10, 10)), "ZYX", (0.4, 0.2, 0.2))
    psf, _ = prepared(source)
    assert measure_widths(psf, VOXEL)[2] == pytest.approx(2.3548 * 0.3, rel=0.02)


def test_a_lopsided_psf_keeps_its_centre_when_resampled() -> None:
    source = nd.Image(lopsided((33, 41, 41)), "ZYX", (0.1, 0.05, 0.05))
    psf, _ = prepared(source, keep=1, offset=0, clean=False)

    def centroid(values: np.ndarray, voxel: tuple[float, ...]) -> list[float]:
        index = np.indices(values.shape)
        middle = [size // 2 for size in values.shape]
        return [
            float(((i - m) * values).sum() / values.sum() * v) for i, m, v in zip(index, middle, voxel, strict=True)
        ]

    assert centroid(psf, VOXEL) == pytest.approx(centroid(source.numpy(), (0.1, 0.05, 0.05)), abs=0.003)


def test_an_unknown_voxel_is_taken_as_the_images_and_said() -> None:
    source = gaussian((17, 21, 21), (8, 10, 10))
    psf, report = prepared(nd.Image(source), keep=1, offset=0, clean=False)
    np.testing.assert_allclose(psf, source / source.sum(), atol=1e-7)
    assert [notice.split(":")[0] for notice in report["notices"]] == [
        f"the PSF does not say its voxel along {a}" for a in "ZYX"
    ]
    _, given = prepared(nd.Image(source), voxel=(0.4, 0.1, 0.1))
    assert ["along Z" in notice for notice in given["notices"]] == [True]


def test_an_image_without_voxel_takes_the_psf_as_it_is() -> None:
    source = gaussian((17, 21, 21), (8, 10, 10))
    psf, report = prepared(source, Grid((32, 64, 64), (None, None, None)), keep=1, offset=0, clean=False)
    np.testing.assert_allclose(psf, source / source.sum(), atol=1e-7)
    assert "the image does not say its voxel" in report["notices"][0]


def test_a_psf_with_depth_on_a_flat_image_gives_its_focal_plane() -> None:
    source = gaussian((17, 21, 21), (8, 10, 10))
    source[0] *= 100
    psf, report = prepared(source, Grid((1, 64, 64), (None, 0.1, 0.1)), offset=0)
    assert psf.shape[0] == 1
    assert measure_widths(psf)[1] == pytest.approx(2.3548 * 1.5, rel=0.01)
    assert any("focal plane" in notice for notice in report["notices"])


def test_a_flat_psf_on_a_stack_restores_each_plane() -> None:
    psf, report = prepared(gaussian((1, 21, 21), (0, 10, 10))[0])
    assert psf.shape[0] == 1
    assert any("each plane is restored by itself" in notice for notice in report["notices"])
    stack = nd.Image(np.random.default_rng(1).poisson(50, (5, 24, 24)).astype(np.float32), "ZYX", VOXEL)
    model = Measured.of(nd.Image(gaussian((1, 21, 21), (0, 10, 10))[0], "YX", VOXEL))
    whole = nd.restored(stack, nd.Recipe(psf=model, background=0), device="cpu").numpy()
    assert whole.shape == stack.shape


def test_each_channel_takes_its_own_psf() -> None:
    planes = np.stack([gaussian((1, 21, 21), (0, 10, 10), (1, s, s))[0] for s in (1.0, 2.0)])
    model = Measured.of(nd.Image(planes, "CYX"))
    image = nd.Image(np.ones((2, 32, 32), np.float32), "CYX")
    widths = [measure_widths(model.resolved(image, c).compute(Grid.of(image)))[1] for c in (0, 1)]
    assert widths == pytest.approx([2.3548, 4.7096], rel=0.05)
    assert any("2 channels: channel 0" in notice for notice in model.report(Grid.of(image))["notices"])
    with pytest.raises(ValueError, match=r"psf\.channel 5 is not among them"):
        model.replace(channel=5).compute(GRID)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda p: np.where(p == p.max(), np.nan, p), r"NaN or infinite \(1 found\)"),
        (np.zeros_like, "zero everywhere"),
    ],
)
def test_a_psf_that_is_none_is_refused(spoil: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        prepared(spoil(gaussian((9, 9, 9), (4, 4, 4))))


def test_a_missing_or_changed_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no PSF file nowhere\.tif: check psf\.path"):
        Measured(path="nowhere.tif").compute(GRID)
    file = tmp_path / "psf.tif"
    nd.write(file, nd.Image(gaussian((9, 9, 9), (4, 4, 4))))
    resolved = Measured(path=str(file)).resolved(image_like(GRID))
    first = resolved.compute(GRID)
    nd.write(file, nd.Image(gaussian((9, 9, 9), (4, 4, 4), (1, 1, 1))), overwrite=True)
    assert Measured(path=str(file)).compute(GRID).max() > first.max()
    with pytest.raises(ValueError, match="is not the one recorded"):
        resolved.resolved(image_like(GRID))


def test_what_was_done_is_in_the_history() -> None:
    image = image_like(GRID)
    psf = nd.Image(50 * gaussian((16, 20, 20), (7, 10, 10)) + 5, "ZYX", (0.2, 0.05, 0.05))
    record = nd.restored(image, {"psf": psf, "method": {"kind": "adjoint"}}, device="cpu").history[-1]
    assert record["psf_report"][0]["offset"] == pytest.approx(5, abs=0.05)
    assert record["psf_report"][0]["moved"] == [1, 0, 0]
    assert any("resampled" in notice for notice in record["notices"])


def test_the_same_array_is_kept_once_and_another_beside_it() -> None:
    source = gaussian((9, 9, 9), (4, 4, 4))
    assert Measured.of(source).path == Measured.of(source.copy()).path
    assert Measured.of(source).path != Measured.of(nd.Image(source, voxel=VOXEL)).path


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "centre", "offset"),
    [("microglia", (4, 4, 4), 5), ("spheres", (30, 15, 15), 0), ("pollen", (16, 128, 128), 0)],
)
def test_real_psfs_are_prepared(data_folder: Path, name: str, centre: tuple[int, ...], offset: float) -> None:
    file = data_folder / name / "psf.tif"
    model = Measured(path=str(file))
    psf = model.compute(Grid((32, 256, 256), (None, None, None)))
    report = model.report(Grid((32, 256, 256), (None, None, None)))
    assert report["offset"] == pytest.approx(offset, abs=1)
    size = nd.read(file).spatial_shape
    assert [s // 2 - m for s, m in zip(size, report["moved"], strict=True)] == list(centre)
    assert psf.sum() == pytest.approx(1, abs=1e-5)
    if name == "pollen":
        assert max(psf.shape) < 20
