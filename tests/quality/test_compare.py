"""Figures against a truth."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from napari_deconv import Image
from napari_deconv.quality.compare import compare_to_truth

TRUTH = gaussian_filter(np.random.default_rng(3).random((12, 40, 44)) ** 8, 1.5) * 100


def test_scale_and_offset_do_not_count():
    found = compare_to_truth(Image(3 * TRUTH + 50), Image(TRUTH))
    assert found["nrmse"] < 1e-9
    assert found["ssim"] == pytest.approx(1)
    assert found["plain_nrmse"] > 1
    assert compare_to_truth(Image(2 * TRUTH), Image(TRUTH))["flux_ratio"] == pytest.approx(2)


def test_figures_by_hand():
    noisy = TRUTH + np.random.default_rng(1).normal(size=TRUTH.shape)
    found = compare_to_truth(Image(noisy), Image(TRUTH))
    error = np.sqrt(np.mean((noisy - TRUTH) ** 2))
    assert found["plain_psnr"] == pytest.approx(20 * np.log10(np.ptp(TRUTH) / error))
    assert found["plain_nrmse"] == pytest.approx(error / np.sqrt(np.mean(TRUTH**2)))
    assert found["psnr"] >= found["plain_psnr"]
    assert found["rim_ratio"] == pytest.approx(1, abs=0.05)


def test_a_shift_is_found_with_its_sign():
    found = compare_to_truth(Image(shift(TRUTH, (0.5, -0.25, 1.0), mode="grid-wrap")), Image(TRUTH))
    assert found["shift"] == pytest.approx([0.5, -0.25, 1.0], abs=0.06)


def test_a_bad_rim_is_seen():
    bad = TRUTH.copy()
    bad[:, :4] += 5
    assert compare_to_truth(Image(bad), Image(TRUTH))["rim_ratio"] > 2


def test_channels_are_fitted_each_and_averaged():
    two = Image(np.stack([TRUTH, 5 * TRUTH + 3]), "CZYX")
    found = compare_to_truth(two, Image(np.stack([TRUTH, TRUTH]), "CZYX"))
    assert found["nrmse"] < 1e-9


def test_flat_images_have_no_z_shift():
    found = compare_to_truth(Image(shift(TRUTH[5], (1, 0), mode="grid-wrap")), Image(TRUTH[5]))
    assert found["shift"] == pytest.approx([0, 1, 0], abs=0.05)


@pytest.mark.parametrize(
    ("result", "truth", "words"),
    [
        (TRUTH[:4], TRUTH, "crop or reorder"),
        (np.where(TRUTH > 9, np.nan, TRUTH), TRUTH, "NaN or infinite"),
        (TRUTH, np.ones_like(TRUTH), "1 everywhere"),
    ],
)
def test_what_cannot_be_compared_says_why(result, truth, words):
    with pytest.raises(ValueError, match=words):
        compare_to_truth(Image(result), Image(truth))
