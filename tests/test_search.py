"""Parameter search: what it tries, how it judges, and that it finds what the truth would."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_deconv as nd
from napari_deconv.search import Search, Span, Tried, suggest

PSF = {"kind": "gaussian", "sigma": (0.3, 0.16, 0.16)}
VOXEL = {"Z": 0.3, "Y": 0.1, "X": 0.1}


@pytest.fixture(scope="module")
def truth() -> np.ndarray[Any, Any]:
    random = np.random.default_rng(4)
    thing = np.zeros((4, 48, 48))
    for _ in range(25):
        z, y, x = (int(random.integers(0, size)) for size in thing.shape)
        thing[z, y : y + 6, x : x + 3] += random.uniform(50, 250)
    return thing


@pytest.fixture(scope="module")
def image(truth: np.ndarray[Any, Any]) -> nd.Image:
    seen = np.random.default_rng(1).poisson(gaussian_filter(truth, (1, 1.6, 1.6)) + 5)
    return nd.Image(seen.astype(np.float32), voxel=VOXEL)


@pytest.fixture(scope="module")
def recipe() -> nd.Recipe:
    return nd.Recipe(
        psf=PSF, background=5, method={"kind": "wiener", "noise": 0.01, "fall": 0, "length": 1, "border": "mirrored"}
    )


def error(tried: Tried, truth: np.ndarray[Any, Any]) -> float:
    return float(np.sqrt(np.mean((tried.estimate.numpy() - truth) ** 2)))


def test_a_grid_tries_every_combination_in_order(image: nd.Image, recipe: nd.Recipe) -> None:
    search = Search(image, recipe, {"method.kind": ["wiener"], "method.noise": [1.0, 0.1, 0.01]})
    tried = list(search.run())
    assert [each.settings["method.noise"] for each in tried] == [1.0, 0.1, 0.01]
    assert [(each.number, each.count) for each in tried] == [(1, 3), (2, 3), (3, 3)]
    assert tried[1].recipe.method.noise == 0.1  # type: ignore[attr-defined]
    assert [each for each in tried if each.is_best][-1].score == min(each.score for each in tried)
    assert tried[0].estimate.shape == image.shape


def test_the_estimate_is_what_a_run_of_that_recipe_gives(image: nd.Image, recipe: nd.Recipe) -> None:
    part = nd.Region({"Y": (10, 40), "X": (4, 44)})
    recipe = recipe.with_values({"method.border": "restored"})
    (tried,) = Search(image, recipe, {"method.noise": [0.05]}, region=part).run()
    assert tried.estimate.shape == (4, 30, 40)
    assert tried.estimate.origin == {"Z": 0.0, "Y": 1.0, "X": 0.4}
    alone = nd.restored(image.crop(part), tried.recipe)
    assert np.allclose(tried.estimate.numpy(), alone.numpy(), rtol=1e-3, atol=0.05)


@pytest.mark.parametrize(("strategy", "count"), [("grid", 1), ("random", 12), ("halving", 12), ("gradient", 20)])
def test_every_strategy_comes_near_the_weight_that_the_truth_would_choose(
    strategy: Any, count: int, image: nd.Image, recipe: nd.Recipe, truth: np.ndarray[Any, Any]
) -> None:
    choices = {"method.noise": Span(1e-5, 10) if strategy != "grid" else Span(1e-5, 10).values(13)}
    tried = list(Search(image, recipe, choices, strategy=strategy, count=count).run())
    best = min((each for each in tried if each.is_whole), key=lambda each: each.score)
    every = list(Search(image, recipe, {"method.noise": Span(1e-5, 10).values(25)}).run())
    oracle = min(error(each, truth) for each in every)
    assert error(best, truth) < 1.12 * oracle
    assert len(tried) <= max(count + 7, 13)
    if strategy != "grid":
        assert max(each.number for each in tried) <= tried[-1].count


def test_automatic_iterations_end_where_the_score_is_least(image: nd.Image, truth: np.ndarray[Any, Any]) -> None:
    recipe = nd.Recipe(psf=PSF, background=5, method="richardson-lucy")
    (chosen,) = Search(image, recipe, {"method.acceleration": ["heavy-ball"]}).run()
    by_number = list(Search(image, recipe, {"method.iterations": [1, 4, 8, 16, 32, 64]}).run())
    assert 1 < chosen.iterations < 80
    assert error(chosen, truth) < 1.05 * min(error(each, truth) for each in by_number)


def test_halving_spends_most_iterations_on_the_best(image: nd.Image) -> None:
    recipe = nd.Recipe(psf=PSF, background=5, method={"kind": "richardson-lucy", "iterations": 18})
    tried = list(Search(image, recipe, {"method.tv": Span(1e-4, 0.3)}, strategy="halving", count=9).run())
    assert [each.iterations for each in tried] == [2] * 9 + [6] * 3 + [18]
    assert [each.is_whole for each in tried] == [False] * 12 + [True]
    assert tried[-1].is_best


def test_a_wider_psf_is_told_from_a_narrow_one(image: nd.Image) -> None:
    recipe = nd.Recipe(psf=PSF, background=5, method={"kind": "richardson-lucy", "iterations": 30})
    tried = list(Search(image, recipe, {"psf.sigma": [[0.3, each, each] for each in (0.08, 0.16, 0.3)]}).run())
    assert min(tried, key=lambda each: each.score).settings["psf.sigma"] == [0.3, 0.16, 0.16]


def test_random_draws_are_the_same_every_time(image: nd.Image, recipe: nd.Recipe) -> None:
    search = Search(image, recipe, {"method.noise": Span(1e-4, 1)}, strategy="random", count=5, seed=3)
    assert search.planned() == search.planned()
    assert all(1e-4 <= each["method.noise"] <= 1 for each in search.planned())


def test_closing_ends_the_search_at_once(image: nd.Image, recipe: nd.Recipe) -> None:
    run = Search(image, recipe, {"method.noise": Span(1e-4, 1).values(100)}).run()
    next(run)
    run.close()
    assert list(run) == []


def test_spans_come_from_the_sliders(recipe: nd.Recipe) -> None:
    found = suggest(nd.Recipe(method="richardson-lucy"), "method.tv")
    assert found == Span(1e-4, 0.1)
    assert suggest(nd.Recipe(method="richardson-lucy"), "method.iterations") == Span(1, 300, is_whole=True)
    assert "gradient" in suggest(nd.Recipe(method="tikhonov"), "method.penalty")  # type: ignore[operator]
    with pytest.raises(ValueError, match=r"there is no 'method.nose' to vary: did you mean 'method.noise'"):
        suggest(recipe, "method.nose")


def test_span() -> None:
    assert Span(1, 100).values(3) == (1, 10, 100)
    assert Span(0, 1, is_log=False).values(3) == (0, 0.5, 1)
    assert Span(1, 4, is_whole=True).values(9) == (1, 2, 3, 4)
    assert Span(1, 100).place(10) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"choices": {}}, "nothing to vary"),
        ({"choices": {"finish.0.value": [1]}}, "'finish.0.value' cannot be varied"),
        ({"choices": {"method.nose": [1]}}, "unknown key 'nose'"),
        ({"choices": {"method.noise": [-1]}}, "must be greater than 0"),
        ({"choices": {"method.noise": []}}, "no values to try"),
        ({"choices": {"method.noise": Span(2, 1)}}, "low end must be below"),
        ({"choices": {"method.noise": [0.1]}, "strategy": "gradient"}, "needs a span"),
        ({"choices": {"method.noise": [0.1]}, "strategy": "gird"}, "did you mean 'grid'"),
        ({"choices": {"method.noise": [0.1]}, "count": 0}, "at least one trial"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence(words: Any, sentence: str, image: nd.Image, recipe: nd.Recipe) -> None:
    with pytest.raises(ValueError, match=sentence):
        Search(image, recipe, **words)


def test_the_discrepancy_is_told_as_a_second_opinion(image: nd.Image) -> None:
    result = nd.restored(image, {"psf": PSF, "background": 5, "method": "richardson-lucy"})
    (choice,) = result.history[-1]["choices"]
    assert "what is left looks like noise after" in choice["why"]
    assert 0.3 * choice["value"] < choice["others"]["discrepancy"] < 3 * choice["value"]
