"""A PSF fitted to an image: right on known optics, silent where the image does not say."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest

from napari_deconv import Image, Recipe, fit_psf, fitted_psf, restored
from napari_deconv.fitting import Fitted

from .conftest import OPTICS, QUICK, VOXEL, Seen, see


@pytest.fixture(scope="module")
def spherical(bent: Seen) -> Fitted:
    return fitted_psf(bent.image, None, {"parameters": "spherical", **QUICK})


def test_spherical_aberration_is_recovered(bent: Seen, spherical: Fitted) -> None:
    (found,) = spherical.estimated
    assert spherical.verdict == "fitted", spherical.sentence
    assert found.value == pytest.approx(-0.06, abs=0.012)
    assert found.uncertainty < 0.01
    assert spherical.gain > 5 * spherical.gain_error > 0
    assert dict(spherical.psf.aberrations)[11] == found.value
    assert spherical.psf.kind == "gibson-lanni"
    assert spherical.psf.numerical_aperture == OPTICS["numerical_aperture"]


def test_it_restores_nearer_the_truth(bent: Seen, spherical: Fitted) -> None:
    def error(psf: Any) -> float:
        method = {"kind": "richardson-lucy", "iterations": 80, "acceleration": "heavy-ball"}
        found = restored(bent.image, {"psf": psf, "background": 100, "method": method}).numpy()
        return float(np.linalg.norm(found - bent.truth))

    assert error(spherical.psf) < 0.95 * error(spherical.start)


def test_the_recipe_and_the_report_are_plain_values(spherical: Fitted) -> None:
    assert Recipe.parse(spherical.recipe.dump()).digest == spherical.recipe.digest
    report = json.loads(json.dumps(spherical.report()))
    assert report["verdict"] == "fitted"
    assert report["parameters"]["spherical"]["start"] == 0
    assert report["fwhm"]["before"]["z"] != report["fwhm"]["after"]["z"]
    before, after = spherical.before(), spherical.after()
    assert before.sum() == pytest.approx(1, abs=1e-3)
    assert np.abs(before.max() - after.max()) > 0.02 * before.max()


def test_depth_is_recovered_and_progress_is_shown() -> None:
    seen = see(400, seed=5, depth=5.0)
    kept = seen.image.data.copy()
    steps = list(fit_psf(seen.image, {"psf": "gibson-lanni"}, {"parameters": ("depth",), **QUICK}))
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert len({step.values["depth"] for step in steps}) > 2
    fitted = steps[-1].fitted
    assert fitted is not None
    assert fitted.verdict == "fitted", fitted.sentence
    (found,) = fitted.estimated
    assert found.value == pytest.approx(5.0, abs=max(0.6, 3 * found.uncertainty))
    np.testing.assert_array_equal(seen.image.data, kept)


def test_a_psf_that_is_right_is_confirmed() -> None:
    fitted = fitted_psf(see(300, seed=6).image, None, {"parameters": "spherical", **QUICK})
    assert fitted.verdict == "confirmed", fitted.sentence
    assert fitted.psf == fitted.start
    assert abs(fitted.estimated[0].value) < 0.02


def test_too_few_photons_are_refused() -> None:
    fitted = fitted_psf(see(1.0, seed=7, depth=5.0).image, None, {"parameters": "depth", **QUICK})
    assert fitted.verdict == "refused", fitted.sentence
    assert fitted.psf == fitted.start
    assert "±" in fitted.sentence
    assert "depth" in fitted.sentence


def test_closing_it_cancels_at_once(bent: Seen) -> None:
    fitting = fit_psf(bent.image, None, {"parameters": "depth,spherical"})
    next(fitting)
    started = time.perf_counter()
    fitting.close()
    assert time.perf_counter() - started < 1
    with pytest.raises(StopIteration):
        next(fitting)


def test_what_cannot_be_fitted_is_said(bent: Seen) -> None:
    def asked(parameters: str, image: Image = bent.image, **psf: Any) -> str:
        with pytest.raises(ValueError, match=r"\w") as caught:
            fitted_psf(image, {"psf": {"kind": "gibson-lanni", **psf}}, {"parameters": parameters, **QUICK})
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "sample_index" in asked("depth", sample_index=1.515)
    assert "psf.depth" in asked("sample_index")
    assert "did you mean 'spherical'" in asked("sperical")
    assert "shifts" in asked("zernike-4")
    assert "twice" in asked("spherical,zernike-11")
    flat = Image(
        np.full((8, 40, 40), 7, np.uint16), "ZYX", VOXEL, channels=bent.image.channels, optics=bent.image.optics
    )
    assert "flat (7 everywhere)" in asked("spherical", flat)
    clipped = bent.image.replace(data=np.minimum(4 * bent.image.data, 640))
    assert "saturated (640)" in asked("spherical", clipped)
    holed = bent.image.data.astype(np.float32)
    holed[3, 20, 20] = np.nan
    assert "NaN" in asked("spherical", bent.image.replace(data=holed))
    assert "--voxel" in asked("spherical", bent.image.replace(voxel={}))
    with pytest.raises(ValueError, match="gaussian psf has no optics to fit"):
        fitted_psf(bent.image, {"psf": {"kind": "gaussian", "sigma": 0.2}})
