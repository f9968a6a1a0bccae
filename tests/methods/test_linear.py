"""Wiener and Tikhonov equal their closed forms where the light is far from the frame, so that the grid is periodic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.scenes import Array, blobs, blurred, gaussian_psf, photographed

from napari_deconv.methods.base import Problem
from napari_deconv.methods.blur import Blur
from napari_deconv.methods.choice import Choice
from napari_deconv.methods.linear import Adjoint, Tikhonov, Wiener
from napari_deconv.methods.object_spectrum import ObjectSpectrum
from napari_deconv.methods.quadratic import Quadratic

SHAPE = (1, 45, 45)
PSF = gaussian_psf((1, 5, 5), 1.2, lean=0.3)


def toy() -> tuple[Problem, Array]:
    """Return a problem whose light is far from the frame, and its image on the whole periodic object grid."""
    image = blurred(blobs(SHAPE, (0, 14, 14)), PSF)
    blur = Blur(PSF, SHAPE, dtype=torch.float64)
    periodic = blur.new_object()
    blur.crop(periodic).copy_(torch.from_numpy(image))
    return Problem(torch.from_numpy(image), 0.0, blur, float(image.max()), 0.0), periodic.numpy()


def transfer(problem: Problem) -> Array:
    """Return the PSF's full transform on the object grid."""
    kernel = np.zeros(problem.blur.object_shape)
    kernel[:, :5, :5] = PSF
    found: Array = np.fft.fftn(np.roll(kernel, (-2, -2), axis=(1, 2)))
    return found


def chosen_by(method: Wiener | Tikhonov, problem: Problem) -> Choice:
    """Return what a method chooses, after all its trials."""
    trials = method.choose(problem)
    while True:
        try:
            next(trials)
        except StopIteration as finished:
            return finished.value


@pytest.mark.parametrize("noise", [1e-3, 0.1])
def test_wiener_equals_its_closed_form(noise: float) -> None:
    problem, periodic = toy()
    h = transfer(problem)
    expected = np.fft.ifftn(np.fft.fftn(periodic) * h.conj() / (abs(h) ** 2 + noise)).real
    (estimate,) = Wiener(noise=noise, fall=0, length=1, border="mirrored").iterate(problem)
    np.testing.assert_allclose(estimate.object.numpy(), expected, atol=1e-9 * expected.max())


@pytest.mark.parametrize(("penalty", "order"), [("size", 0), ("gradient", 1), ("laplacian", 2)])
def test_tikhonov_equals_its_closed_form(penalty: str, order: int) -> None:
    problem, periodic = toy()
    h = transfer(problem)
    bends = [np.sin(np.pi * np.fft.fftfreq(size)) ** 2 for size in periodic.shape]
    rough = np.maximum((bends[1][:, None] + bends[2]) ** order, 1e-6)
    expected = np.fft.ifftn(np.fft.fftn(periodic) * h.conj() / (abs(h) ** 2 + 0.01 * rough)).real
    (estimate,) = Tikhonov(weight=0.01, penalty=penalty, border="mirrored").iterate(problem)
    np.testing.assert_allclose(estimate.object.numpy(), expected, atol=1e-9 * expected.max())


def test_wiener_of_a_signal_that_falls_equals_its_closed_form() -> None:
    problem, periodic = toy()
    h = transfer(problem)
    squared = sum(each**2 for each in np.meshgrid(*(np.fft.fftfreq(n) for n in periodic.shape), indexing="ij"))
    ratio = 0.01 * ((1 + squared * 20.0**2) / (1 + 0.01 * 20.0**2)) ** 1.5
    expected = np.fft.ifftn(np.fft.fftn(periodic) * h.conj() / (abs(h) ** 2 + ratio)).real
    (estimate,) = Wiener(noise=0.01, fall=1.5, length=20, border="mirrored").iterate(problem)
    np.testing.assert_allclose(estimate.object.numpy(), expected, atol=1e-9 * expected.max())


@pytest.mark.parametrize("is_masked", [False, True], ids=["frame", "frame-and-mask"])
def test_light_from_beyond_the_frame_is_restored_as_a_dense_solver_does(is_masked: bool) -> None:
    """On a tiny problem every matrix can be written out: (H'M H + w L'L) x = H'M y."""
    shape, random = (1, 9, 10), np.random.default_rng(3)
    image = random.uniform(5, 50, shape)
    blur = Blur(PSF, shape, dtype=torch.float64)
    if is_masked:
        blur = blur.masked(torch.from_numpy((random.random(shape) > 0.2).astype(float)))
    problem = Problem(torch.from_numpy(image), 2.0, blur, 48.0, 25.0)
    sizes = blur.object_shape
    units = torch.eye(int(np.prod(sizes)), dtype=torch.float64).reshape(-1, *sizes)
    forward = np.stack([blur.forward(each).numpy().ravel().copy() for each in units], axis=1)
    bends = [np.sin(np.pi * np.fft.fftfreq(size)) ** 2 for size in sizes]
    rough = np.maximum(bends[1][:, None] + bends[2], 1e-6)[None]
    stiffness = np.stack(
        [np.fft.ifftn(np.fft.fftn(each) * 0.05 * rough).real.ravel() for each in units.numpy()], axis=1
    )
    expected = np.linalg.solve(forward.T @ forward + stiffness, forward.T @ (image - 2).ravel())
    quadratic = Quadratic(problem, Tikhonov(weight=0.05).stiffness(problem))
    guess = np.linalg.norm(quadratic.object.numpy().ravel() - expected)
    *_, found = (each.numpy().ravel().copy() for each in quadratic.rounds(200))
    np.testing.assert_allclose(found, expected, atol=2e-3 * expected.max())
    *_, estimate = Tikhonov(weight=0.05).iterate(problem)
    assert np.linalg.norm(estimate.object.numpy().ravel() - expected) < 0.3 * guess


@pytest.mark.parametrize(("fall", "length"), [(0.7, 8.0), (1.6, 25.0)])
def test_the_course_of_the_signal_is_read_from_the_image(fall: float, length: float) -> None:
    shape = (1, 160, 160)
    squared = sum(each**2 for each in np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij"))
    random = np.random.default_rng(7)
    thing = np.fft.ifftn(np.fft.fftn(random.normal(size=shape)) * (1 + squared * length**2) ** (-fall / 2)).real
    thing = 1000 * (1 + 0.15 * thing / thing.std())
    image = photographed(thing, PSF)[:, 5:-5, 5:-5].astype(np.float64)
    problem = Problem(torch.from_numpy(image), 0.0, Blur(PSF, (1, 150, 150), dtype=torch.float64), 1500.0, 1000.0)
    found = ObjectSpectrum.of(problem)
    frequencies = np.array([0.05, 0.1, 0.2]) ** 2
    true = np.log((1 + frequencies * length**2) ** fall)
    ours = np.log((1 + frequencies / found.corner) ** found.fall)
    np.testing.assert_allclose(np.diff(ours), np.diff(true), atol=0.3)
    assert found.noise == pytest.approx(1000, rel=0.1)


def test_the_adjoint_is_the_correlation_with_the_psf() -> None:
    problem, periodic = toy()
    expected = np.fft.ifftn(np.fft.fftn(periodic) * transfer(problem).conj()).real
    (estimate,) = Adjoint().iterate(problem)
    theirs = problem.blur.crop(torch.from_numpy(expected)).numpy()[:, 6:-6, 6:-6]
    np.testing.assert_allclose(problem.blur.crop(estimate.object).numpy()[:, 6:-6, 6:-6], theirs, atol=1e-9)


@pytest.mark.parametrize("method", [Wiener(), Tikhonov(), Tikhonov(penalty="laplacian")], ids=["w", "t", "t-laplacian"])
def test_the_automatic_weight_grows_with_the_noise(method: Wiener | Tikhonov) -> None:
    chosen = []
    for light in (1e4, 1e2, 1.0):
        image = photographed(light / 100 * blobs(SHAPE, (0, 4, 4)), PSF, 0.5 * light).astype(np.float64)
        blur = Blur(PSF, SHAPE, dtype=torch.float64)
        problem = Problem(torch.from_numpy(image), 0.5 * light, blur, float(image.max()), float(image.mean()))
        chosen.append(chosen_by(method, problem).value)
    assert chosen[0] < chosen[1] < chosen[2]


@pytest.mark.parametrize(("method", "name"), [(Wiener(), "noise"), (Tikhonov(), "weight")])
def test_the_automatic_weight_is_near_the_best_where_light_crosses_the_frame(
    method: Wiener | Tikhonov, name: str
) -> None:
    """What continues the frame is a guess; a weight for noise alone would amplify the guess's errors."""
    shape = (12, 24, 24)
    psf = sum(gaussian_psf((11, 11, 11), 0.8 + 0.9 * depth) * (depth + 1) for depth in range(3)) / 6
    truth = blobs(shape, (0, 0, 0), count=25)
    image = photographed(truth, psf, 5.0).astype(np.float64)
    problem = Problem(torch.from_numpy(image), 5.0, Blur(psf, shape, dtype=torch.float64), image.max(), image.mean())

    def correlation(candidate: Wiener | Tikhonov) -> float:
        *_, estimate = candidate.iterate(problem)
        return float(np.corrcoef(problem.blur.crop(estimate.object).numpy().ravel(), truth.ravel())[0, 1])

    chosen = method.settled_by(chosen_by(method, problem))
    best = max(correlation(chosen.replace(**{name: weight})) for weight in 10.0 ** np.arange(-6, 3))
    assert correlation(chosen) > 0.95 * best
    assert correlation(chosen) > correlation(chosen.replace(border="mirrored"))
    with pytest.raises(ValueError, match="settle it first"):
        next(method.iterate(problem))


def test_a_ratio_that_is_given_stays_and_the_course_is_the_images() -> None:
    problem, _ = toy()
    choice = chosen_by(Wiener(noise=0.02), problem)
    assert choice.value == 0.02
    assert choice.others["fall"] == pytest.approx(ObjectSpectrum.of(problem).fall)
    estimates = list(Wiener(noise=0.02).settled_by(choice).iterate(problem))
    assert estimates[-1].step == estimates[-1].steps, "the last estimate says that it is the last"
