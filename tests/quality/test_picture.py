"""The before/after picture: its pixels."""

import numpy as np
import pytest

from napari_deconv import Image
from napari_deconv.quality import picture
from napari_deconv.quality.picture import GAP, LINE, PAPER, draw_side_by_side, write_side_by_side

VOLUME = np.random.default_rng(0).random((10, 50, 50)) * np.linspace(0.1, 1, 50)
VOXEL = (0.4, 0.1, 0.1)


def test_panels_labels_and_scale_bar(tmp_path):
    from PIL import Image as Pictures

    images = {"input": Image(VOLUME, "ZYX", VOXEL), "truth": Image(2 * VOLUME, "ZYX", VOXEL)}
    write_side_by_side(tmp_path / "picture.png", images)
    pixels = np.asarray(Pictures.open(tmp_path / "picture.png")).astype(int)
    assert list(tmp_path.iterdir()) == [tmp_path / "picture.png"]
    assert pixels.shape == (LINE + 400 + LINE + GAP + 320 + LINE + GAP, GAP + 2 * (400 + GAP))
    first, second = pixels[LINE : LINE + 400, GAP : GAP + 400], pixels[LINE : LINE + 400, 2 * GAP + 400 : 2 * GAP + 800]
    np.testing.assert_array_equal(first, second)  # each with its own limits: the factor 2 does not show
    assert first.std() > 20
    assert first[:, -100:].mean() > first[:, :100].mean() + 50  # not mirrored
    for left in (GAP, 2 * GAP + 400):
        assert (pixels[:LINE, left : left + 100] > PAPER + 100).sum() > 20  # labels
    below = pixels[LINE + 400 : LINE + 400 + LINE]
    assert (below == 255).sum(axis=1).max() == 1 / 0.1 * 8  # the bar: 1 µm at 8 pixels a voxel


def test_shared_limits_show_the_factor():
    drawn = draw_side_by_side({"a": Image(VOLUME), "b": Image(2 * VOLUME)}, share=("a", "b"))
    pixels = np.asarray(drawn).astype(int)
    middle = pixels[LINE : LINE + 400]
    assert middle[:, 2 * GAP + 400 : 2 * GAP + 800].mean() > 1.5 * middle[:, GAP : GAP + 400].mean()


def test_a_flat_image_has_no_section():
    assert draw_side_by_side({"a": Image(VOLUME[0])}).height == LINE + 400 + LINE + GAP


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="crop them to the same frame"):
        draw_side_by_side({"a": Image(VOLUME), "b": Image(VOLUME[:5])})


def test_without_a_font_of_the_system_the_labels_are_plain_letters(monkeypatch):
    monkeypatch.setattr(picture, "FONTS", ("no-such-font.ttf",))
    _, spelled = picture._lettering()
    assert spelled("1 – 2 µm") == "1 - 2 um"
