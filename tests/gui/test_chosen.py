"""What a run chose by itself, as the panel tells it."""

from __future__ import annotations

from typing import Any

from napari_deconv.gui.chosen import chosen_values, chosen_words


def record(*choices: tuple[str, float, str], background: Any = "auto", found: tuple[float, ...] = (12.3,)) -> Any:
    told = [{"name": name, "value": value, "why": why} for name, value, why in choices]
    return {"recipe": {"background": background}, "background": list(found), "choices": told}


def test_values_that_all_volumes_share() -> None:
    same = record(("iterations", 18, "so many"), ("iterations", 18, "so many"))
    assert chosen_values(same) == {"iterations": "18", "background": "12.3"}
    assert chosen_values(record(("iterations", 18, ""), ("iterations", 20, ""), found=(1.0, 2.0))) == {}
    assert chosen_values(record(background=3.0)) == {}
    assert chosen_values({}) == {}


def test_the_reasons_are_sentences() -> None:
    words = chosen_words(
        record(("iterations", 18, "held-back photons say so"), ("iterations", 18, "held-back photons say so"))
    )
    assert words == "Held-back photons say so. Background 12.3 counts, estimated from the image."
    many = chosen_words(record(*[("iterations", n, f"reason {n}") for n in range(5)], found=(1.0, 2.0)))
    assert many == "Reason 0. Reason 1. The reasons of 3 other volumes are in the record."
    assert chosen_words(record(background=3.0)) == ""
