"""A PSF fitted to an image: right on known optics, silent where the image does not say."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_deconv import Image, Recipe, fit_psf, fitted_psf, read, restored
from napari_deconv.fitting import Fitted
from napari_deconv.learned.simulate import FAMILIES, Camera, blur_scene, cut_frame
from napari_deconv.psf import Grid
from napari_deconv.psf.theoretical import GibsonLanni, Vectorial

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


def seen_scene(family: str, model: Any, photons: float, seed: int = 3) -> Image:
    """Return an image of one of the simulator's scenes (12, 40, 40), at 0.25 × 0.1 × 0.1 µm."""
    rng, shape, frame, voxel = np.random.default_rng(seed), (28, 72, 72), (12, 40, 40), (0.25, 0.1, 0.1)
    light = blur_scene(FAMILIES[family](shape, voxel, rng), model.compute(Grid(shape, voxel)))
    light = cut_frame(light, frame)
    return Image(Camera().expose(light * np.float32(photons / light.max()), rng), "ZYX", voxel)


OPEN = {"numerical_aperture": 1.3, "immersion_index": 1.515, "sample_index": 1.38, "emission": 0.52}
CONFOCAL = {"modality": "confocal", "excitation": 0.488, "pinhole": 1.0}
BRIEF = {"blocks": 1, "side": 28, "planes": 12, "iterations": 50}


@pytest.mark.parametrize(("kind", "more"), [(Vectorial, {}), (Vectorial, CONFOCAL)])
def test_other_models_and_modalities_are_fitted(kind: Any, more: dict[str, Any]) -> None:
    image = seen_scene("filaments", kind(**OPEN, **more, aberrations=((11, 0.07),)), 200)
    fitted = fitted_psf(image, {"psf": kind(**OPEN, **more)}, {"parameters": "spherical", **BRIEF})
    (found,) = fitted.estimated
    assert fitted.verdict == "fitted", fitted.sentence
    assert found.value == pytest.approx(0.07, abs=max(0.012, 2.5 * found.uncertainty))
    assert fitted.psf.kind == kind.model_fields["kind"].default


def test_membranes_without_aberration_are_not_fitted() -> None:
    """Sheets leave much to the object: whatever is said, the right PSF is not changed."""
    fitted = fitted_psf(
        seen_scene("membranes", GibsonLanni(**OPEN), 200),
        {"psf": GibsonLanni(**OPEN)},
        {"parameters": "spherical", **BRIEF},
    )
    assert fitted.verdict != "fitted", fitted.sentence
    assert fitted.psf == fitted.start


def test_a_given_background_is_taken_as_it_is(bent: Seen) -> None:
    fitted = fitted_psf(
        bent.image, {"psf": "gibson-lanni", "background": 101}, {"parameters": "spherical", **QUICK, "rounds": 2}
    )
    assert fitted.background == 101


@pytest.mark.data
def test_a_real_image_gives_a_sensible_answer(data_folder: Path) -> None:
    """DAPI nuclei, widefield NA 1.45: whether fitted, confirmed or refused, the value stays within a wavelength of path."""
    image = read(next((data_folder / "dapi").glob("image*")), axes="ZYX", voxel={"Z": 0.3, "Y": 0.13, "X": 0.13})
    psf = GibsonLanni(modality="widefield", numerical_aperture=1.45, immersion_index=1.512, emission=0.461)
    fitted = fitted_psf(image, {"psf": psf}, {"parameters": "spherical", **BRIEF, "rounds": 4})
    (found,) = fitted.estimated
    assert abs(found.value) < 0.461
    assert found.uncertainty > 0
    assert fitted.verdict == "fitted" or fitted.psf == fitted.start


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
