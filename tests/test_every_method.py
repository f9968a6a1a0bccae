"""One table: every method there is, at its defaults and at small variations, against every claim that it makes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.scenes import Array, blobs, blurred, centre_of_mass, gaussian_psf, nrmse, photographed, saved_psf

import napari_deconv as nd
from napari_deconv.methods.blur import Blur
from napari_deconv.piece import Piece, plan_pieces
from napari_deconv.restore import resolve_psf
from napari_deconv.settings import Described, describe

PSF = gaussian_psf((5, 7, 7), lean=0.3)
SHAPE = (12, 26, 28)
OBJECT = blobs(SHAPE, margin=(4, 6, 6))
CLEAN = blurred(OBJECT, PSF).astype(np.float32)
NOISY = photographed(OBJECT, PSF, background=20.0)
FLAT_OBJECT = blobs((1, 40, 44), margin=(0, 7, 7))
FLAT_PSF = gaussian_psf((1, 7, 7), lean=0.3)

Case = dict[str, Any]
Claim = Callable[[Case, Path], None]


def other_values(field: Described) -> Iterator[Any]:
    """Yield values of a field that are valid, cheap and not its default."""
    if field.type == "choice":
        yield from (choice for choice in field.choices if choice != field.default)
    elif field.type == "bool":
        yield not field.default
    elif field.type in ("int", "float"):
        low, high = field.shown or (field.low, field.high)
        if low is not None and high is not None:
            middle = (low * high) ** 0.5 if low > 0 else (low + high) / 2
            yield int(middle) if field.type == "int" else middle
        if field.auto and field.default != "auto":
            yield "auto"


OF_NETWORKS = ("fallback", "shows", "compared", "views", "precision")
"""Fields of the network that do nothing where Richardson-Lucy restores instead, or show no restored image: `test_network.py` has them."""


def cases() -> list[Any]:
    """Return every method at its defaults and with one field changed at a time."""
    table = []
    for kind, method in nd.methods.family.members().items():
        if any(info.is_required() for name, info in method.model_fields.items() if name != "kind"):
            continue
        table.append(pytest.param({"kind": kind}, id=kind))
        few = {"iterations": 12} if "iterations" in method.model_fields else {}
        for field in describe(method):
            if kind == "network" and field.name in OF_NETWORKS:
                continue
            for value in other_values(field):
                name = (
                    f"{kind}-{field.name}-{value:.3g}" if isinstance(value, float) else f"{kind}-{field.name}-{value}"
                )
                table.append(pytest.param({"kind": kind, **few, field.name: value}, id=name))
    return table


def shortened(case: Case, iterations: int = 6) -> Case:
    """Return the case with a few iterations where their number is left open, for claims that do not hang on it."""
    fields = nd.methods.family[case["kind"]].model_fields
    return {"iterations": iterations, **case} if "iterations" in fields else case


CASES = cases()
PLAIN = [each for each in CASES if set(each.values[0]) == {"kind"}]
SHORT = [pytest.param(shortened(each.values[0]), id=each.id) for each in PLAIN]


def run(image: Any, case: Case, psf: Case, background: Any = 0.0, **options: Any) -> Array:
    image = image if isinstance(image, nd.Image) else nd.Image(image)
    options = {"device": "cpu", **options}
    return nd.restored(image, {"psf": psf, "method": case, "background": background}, **options).numpy()


def method_of(case: Case) -> Any:
    return nd.methods.family.parse(case)


@pytest.mark.parametrize("case", CASES)
def test_gives_finite_float32_of_the_same_shape_and_no_negative_light_where_it_says_so(
    case: Case, tmp_path: Path
) -> None:
    result = run(NOISY, case, saved_psf(tmp_path, PSF), "auto")
    assert result.shape == NOISY.shape
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    assert result.max() > 0
    if method_of(case).non_negative:
        assert result.min() >= 0


@pytest.mark.parametrize("case", [each for each in CASES if method_of(each.values[0]).keeps_flux])
@pytest.mark.parametrize("flat", [False, True], ids=["3d", "2d"])
def test_keeps_the_flux_where_it_says_so(case: Case, flat: bool, tmp_path: Path) -> None:
    image, psf = (blurred(FLAT_OBJECT, FLAT_PSF)[0], FLAT_PSF[0]) if flat else (CLEAN, PSF)
    result = run(image.astype(np.float32), case, saved_psf(tmp_path, psf))
    assert result.sum(dtype=np.float64) == pytest.approx(image.sum(dtype=np.float64), rel=1e-3)


@pytest.fixture(scope="session")
def plainly(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Array]:
    """Return a function that restores NOISY by a case, each case once."""
    psf, known = saved_psf(tmp_path_factory.mktemp("psf"), PSF), {}

    def restored(case: Case) -> Array:
        key = json.dumps(case, sort_keys=True)
        if key not in known:
            known[key] = run(NOISY, case, psf, 20.0)
        return known[key]

    return restored


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("factor", [3.0, 2.0**-10, 2.0**20])
def test_scales_with_the_image(case: Case, factor: float, tmp_path: Path, plainly: Callable[[Case], Array]) -> None:
    """A power of two changes no digit of a float, so it must change none of the result; 3 changes the last digits."""
    scaled = run(NOISY * np.float32(factor), case, saved_psf(tmp_path, PSF), 20.0 * factor)
    assert nrmse(scaled / factor, plainly(case)) < (1e-2 if factor == 3 else 1e-5)


WITHOUT_EFFECT = {
    "richardson-lucy-acceleration-none": "with so few iterations the automatic choice is none",
    "blind-psf_update-width": "the given PSF is the right one, and is kept; test_blind.py has others",
}


@pytest.mark.parametrize("case", [each for each in CASES if each not in PLAIN and each.id not in WITHOUT_EFFECT])
def test_no_field_is_ignored(case: Case, plainly: Callable[[Case], Array]) -> None:
    without = dict(list(case.items())[:-1])
    assert not np.array_equal(plainly(case), plainly(without))


@pytest.mark.parametrize("case", SHORT)
def test_restores_a_flat_image_as_it_would_a_volume_of_one_plane(case: Case, tmp_path: Path) -> None:
    image = photographed(FLAT_OBJECT, FLAT_PSF, 10.0)
    flat = run(image[0], case, saved_psf(tmp_path, FLAT_PSF[0], "flat.tif"), 10.0)
    thin = run(image, case, saved_psf(tmp_path, FLAT_PSF), 10.0)
    assert flat.shape == image.shape[1:]
    np.testing.assert_allclose(flat, thin[0], atol=1e-4 * thin.max())


PSFS = {
    "odd-symmetric": gaussian_psf((5, 7, 7)),
    "even-symmetric": gaussian_psf((6, 8, 8)),
    "odd-lopsided": gaussian_psf((5, 7, 9), lean=0.4),
    "even-lopsided": gaussian_psf((6, 8, 10), lean=0.4),
    "flat-odd": gaussian_psf((1, 9, 7), lean=0.4),
    "flat-even": gaussian_psf((1, 8, 10), lean=0.4),
}


POINTS = [
    pytest.param(shortened(each.values[0], 30), name, id=f"{each.id}-{name}") for name in PSFS for each in PLAIN
] + [
    pytest.param(each.values[0], "even-lopsided", id=f"{each.id}-even-lopsided") for each in CASES if each not in PLAIN
]


@pytest.mark.parametrize(("case", "name"), POINTS)
def test_restores_a_point_at_its_place(case: Case, name: str, tmp_path: Path) -> None:
    psf = PSFS[name]
    shape = (1, 36, 37) if psf.shape[0] == 1 else (19, 30, 33)
    place = (0, 17, 19) if psf.shape[0] == 1 else (9, 14, 17)
    point = np.zeros(shape)
    point[place] = 1000.0
    result = run(blurred(point, psf).astype(np.float32), case, saved_psf(tmp_path, psf))
    assert np.unravel_index(result.argmax(), shape) == place
    np.testing.assert_allclose(centre_of_mass(result, place), place, atol=0.05)


@pytest.mark.parametrize("case", [each for each in PLAIN if not method_of(each.values[0]).teaching])
@pytest.mark.parametrize("flat", [False, True], ids=["3d", "2d"])
def test_comes_nearer_the_truth_than_the_blurred_image(case: Case, flat: bool, tmp_path: Path) -> None:
    thing, psf = (FLAT_OBJECT, FLAT_PSF) if flat else (OBJECT, PSF)
    image = photographed(thing, psf, 20.0)
    result = run(image, case, saved_psf(tmp_path, psf), 20.0)
    assert nrmse(result, thing) < 0.95 * nrmse(image - 20.0, thing)


EXACT = ("richardson-lucy", "landweber", "wiener", "tikhonov", "adjoint")
"""Whose tiles differ from the whole by less than a thousandth of the maximum anywhere, unless a penalty or a pace of the tile's own is added,
as conjugate gradients add where they restore the light beyond the frame."""
LOOSE = {"gradient-consensus": 0.02, "tikhonov-miller": 0.1, "biggs-andrews": 0.06}
"""By how much of the root mean square the others' tiles may differ: 1 %, and more where a method takes its pace, its dice or its end from its
own tile."""
CHOOSING = ("richardson-lucy", "wiener", "tikhonov", "network")
"""Whose automatic values are chosen, for the whole and again for the tiles; the others make thirty iterations of what needs no choice."""


@pytest.mark.parametrize("case", CASES)
def test_tiles_give_what_the_whole_gives(case: Case, tmp_path: Path) -> None:
    kind, pace = case["kind"], case.get("acceleration", case["kind"])
    image = nd.Image(photographed(blobs((10, 60, 90), margin=(2, 2, 2), count=40), PSF, 20.0))
    method = method_of(case if kind in CHOOSING else shortened(case, 30))
    method = method.provisional(30) if method.is_automatic and kind not in CHOOSING else method
    recipe = nd.Recipe(psf=saved_psf(tmp_path, PSF), method=method, background=20.0)
    whole = nd.restored(image, recipe, device="cpu")
    settled = recipe.with_values({"method": whole.history[-1]["recipe"]["method"]}).method
    piece = plan_pieces(image, nd.Region({}), {0: resolve_psf(image, recipe)}, settled)[0]
    memory = budget_of_few_tiles(piece, recipe.volumes) + 4 * image.data.size
    tiled = nd.restored(image, recipe, device="cpu", memory=memory)
    assert tiled.history[-1]["tiles"] >= 2
    result, expected = tiled.numpy(), whole.numpy()
    by_rounds = kind in ("wiener", "tikhonov") and case.get("border") != "mirrored"
    if kind in EXACT and pace != "biggs-andrews" and not {"tv", "roughness"} & set(case) and not by_rounds:
        assert np.abs(result - expected).max() < 1e-3 * np.abs(expected).max()
    assert nrmse(result, expected) < LOOSE.get(pace, 0.01)


def budget_of_few_tiles(piece: Piece, volumes: float) -> int:
    """Return the most memory (bytes) in which a piece is cut into at least four tiles with their whole halo, or two where four do not fit."""
    whole = 4 * volumes * piece.padded(piece.outer_shape)
    shares = np.arange(0.95, 0.1, -0.05)
    fitting = [share for least in (4, 2) for share in shares if fits(piece, int(share * whole), volumes, least)]
    return int(fitting[0] * whole)


def fits(piece: Piece, budget: int, volumes: float, least: int) -> bool:
    try:
        tiles = piece.tiles(budget, volumes)
        return len(tiles) >= least and tiles[0].halo == piece.halo
    except MemoryError:
        return False


@pytest.mark.parametrize("case", SHORT)
def test_stops_and_frees_its_memory_when_closed(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gc
    import weakref

    import torch

    born: list[Any] = []
    calls: list[str] = []
    make, transform = Blur.__init__, torch.fft.rfft

    def counted_make(self: Blur, *given: Any, **named: Any) -> None:
        born.append(weakref.ref(self))
        make(self, *given, **named)

    def counted_transform(*given: Any, **named: Any) -> Any:
        calls.append("transform")
        return transform(*given, **named)

    monkeypatch.setattr(Blur, "__init__", counted_make)
    monkeypatch.setattr(torch.fft, "rfft", counted_transform)
    stream = nd.restore(nd.Image(NOISY), {"psf": saved_psf(tmp_path, PSF), "method": case}, device="cpu")
    first = next(stream)
    assert first.step == 1
    stream.close()
    done = len(calls)
    assert done
    del first
    gc.collect()
    with pytest.raises(StopIteration):
        next(stream)
    assert len(calls) == done
    assert born
    assert all(each() is None for each in born)


@pytest.mark.parametrize("case", CASES)
def test_yaml_and_json_bring_back_the_same_recipe(case: Case, tmp_path: Path) -> None:
    recipe = nd.Recipe.parse({"psf": saved_psf(tmp_path, PSF), "method": case, "background": 3.5})
    recipe.save(tmp_path / "recipe.yaml")
    assert nd.Recipe.load(tmp_path / "recipe.yaml") == recipe
    assert nd.Recipe.load(tmp_path / "recipe.yaml").digest == recipe.digest
    assert nd.Recipe.model_validate(json.loads(json.dumps(recipe.dump()))).digest == recipe.digest


@pytest.mark.parametrize("case", PLAIN)
def test_the_recipe_in_the_history_gives_the_same_pixels_again(case: Case, tmp_path: Path) -> None:
    image = nd.Image(NOISY)
    once = nd.restored(image, {"psf": saved_psf(tmp_path, PSF), "method": case}, device="cpu")
    again = nd.restored(image, once.history[-1]["recipe"], device="cpu")
    np.testing.assert_array_equal(again.numpy(), once.numpy())
    assert again.history[-1]["digest"] == once.history[-1]["digest"]


@pytest.mark.gpu
@pytest.mark.parametrize("case", CASES)
def test_the_gpu_gives_what_the_cpu_gives(case: Case, tmp_path: Path) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("this machine has no CUDA device")
    psf = saved_psf(tmp_path, PSF)
    host, card = run(NOISY, case, psf, 20.0), run(NOISY, case, psf, 20.0, device="cuda")
    assert nrmse(card, host) < 2e-3


@pytest.mark.parametrize("case", SHORT)
def test_never_writes_to_the_image(case: Case, tmp_path: Path) -> None:
    image = NOISY.copy()
    image.flags.writeable = False
    run(image, case, saved_psf(tmp_path, PSF), "auto")
    open_to_writing = NOISY.copy()
    run(open_to_writing, case, saved_psf(tmp_path, PSF), "auto")
    np.testing.assert_array_equal(open_to_writing, NOISY)


@pytest.mark.parametrize("case", SHORT)
def test_a_lazy_image_gives_the_same_pixels(case: Case, tmp_path: Path) -> None:
    import dask.array

    psf = saved_psf(tmp_path, PSF)
    lazy = nd.Image(dask.array.from_array(NOISY, chunks=(5, 9, 11)))
    assert lazy.is_lazy
    np.testing.assert_array_equal(run(lazy, case, psf, "auto"), run(NOISY, case, psf, "auto"))


@pytest.mark.parametrize("case", [each for each in CASES if method_of(each.values[0]).is_automatic is False])
def test_each_channel_and_time_point_is_restored_as_if_alone(case: Case, tmp_path: Path) -> None:
    psf = saved_psf(tmp_path, FLAT_PSF[0])
    planes = [photographed(blobs((1, 24, 26), (0, 4, 4), seed=seed), FLAT_PSF, 10.0 * seed)[0] for seed in range(1, 5)]
    together = run(nd.Image(np.reshape(planes, (2, 2, 24, 26)), "TCYX"), case, psf, "auto")
    for number, plane in enumerate(planes):
        np.testing.assert_array_equal(together.reshape(4, 24, 26)[number], run(plane, case, psf, "auto"))


@pytest.mark.parametrize("case", SHORT)
@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f8", ">u2", "bool"])
def test_takes_numbers_of_every_type(case: Case, dtype: str, tmp_path: Path) -> None:
    psf = saved_psf(tmp_path, FLAT_PSF[0])
    whole = np.rint(100 * blurred(FLAT_OBJECT, FLAT_PSF)[0] / OBJECT.max())
    typed = (whole > 20).astype(bool) if dtype == "bool" else whole.astype(dtype)
    np.testing.assert_array_equal(run(typed, case, psf), run(typed.astype(np.float32), case, psf))


@pytest.mark.parametrize("case", SHORT)
def test_gives_the_same_pixels_twice(case: Case, tmp_path: Path) -> None:
    psf = saved_psf(tmp_path, PSF)
    np.testing.assert_array_equal(run(NOISY, case, psf), run(NOISY, case, psf))
