"""The sweep: what can be swept and over which values, without a window; and a sheet clicked in a real one."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from napari.layers import Image as ImageLayer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit, QSpinBox, QToolButton
from tests.gui.driving import button, choose, press, tick, write

import napari_deconv as nd
from napari_deconv.gui.model import RestoreModel
from napari_deconv.gui.sweep_model import cell_words, crop, default_bounds, marks, options, plan_values, take
from napari_deconv.image import Region
from napari_deconv.running.sweep import Cell

NOTES = {
    "napari_deconv": {"optics": {"numerical_aperture": 1.3, "immersion_index": 1.515}, "channel": {"emission": 0.52}}
}


@pytest.fixture
def model(spots: np.ndarray[Any, Any]) -> RestoreModel:
    made = RestoreModel()
    made.choose(source=ImageLayer(spots, scale=(0.3, 0.1, 0.1), units="micrometer", metadata=NOTES))
    return made


def offered(model: RestoreModel) -> dict[str, Any]:
    return {each.key: each for each in options(model, model.check())}


def test_every_number_is_offered(model: RestoreModel) -> None:
    assert set(offered(model)) == {
        *("method.iterations", "method.tv", "method.roughness", "background"),
        *("psf.numerical_aperture", "psf.immersion_index", "psf.emission"),
    }
    assert offered(model)["psf.emission"].value == 0.52
    model.choose(psf="gaussian", method="wiener")
    assert {"method.noise", "psf.sigma"} <= set(offered(model))


def test_values_by_factors_and_by_steps(model: RestoreModel) -> None:
    known = offered(model)
    tv = plan_values(known["method.tv"], 1e-4, 0.1, 4)
    assert tv == (0, 1e-4, 1e-3, 0.01, 0.1)
    iterations = plan_values(known["method.iterations"], 1, 300, 6)
    assert iterations[0] == "auto"
    assert iterations[1:] == (1, 3, 10, 31, 96, 300)
    aperture = plan_values(
        known["psf.numerical_aperture"], *default_bounds(known["psf.numerical_aperture"], image(model)), 5
    )
    np.testing.assert_allclose(np.diff(aperture), aperture[1] - aperture[0], atol=0.011)
    assert min(aperture) < 1.3 < max(aperture)
    low, high = default_bounds(known["background"], image(model))
    assert low < 50 < high, "about the background that is measured"
    with pytest.raises(ValueError, match="from a smaller to a larger"):
        plan_values(known["method.tv"], 1, 0.1)


def image(model: RestoreModel) -> Any:
    return model.check().image


def test_a_setting_is_taken_into_the_panel(model: RestoreModel) -> None:
    known = offered(model)
    for key, value in (("method.tv", 0.01), ("background", 40.0), ("psf.emission", 0.6)):
        take(model, [known[key]], {key: value})
        assert offered(model)[key].value == value
    recipe = model.check().recipe
    assert recipe is not None
    assert (recipe.method.tv, recipe.background, recipe.psf.emission) == (0.01, 40.0, 0.6)
    take(model, [known["background"]], {"background": "auto"})
    assert model.check().recipe.background == "auto"  # type: ignore[union-attr]


def test_cells_are_named_and_marked(model: RestoreModel) -> None:
    chosen = [offered(model)["method.iterations"]]
    cells = [
        Cell(0, {"method.iterations": "auto"}, score=2.0, chosen={"method.iterations": 12.0}),
        Cell(1, {"method.iterations": 5}, score=3.0),
        Cell(2, {"method.iterations": 20}, score=1.5),
        Cell(3, {"method.iterations": 99}, problem="too many"),
    ]
    assert [cell_words(each).split("\n")[0] for each in cells] == ["auto: 12", "5", "20", "99"]
    assert cell_words(cells[2]).endswith("score 1.5")
    assert marks(cells, chosen) == {0: ("automatic", "now"), 1: (), 2: ("best",), 3: ()}


def test_of_a_large_view_the_middle() -> None:
    assert crop(Region({"Z": (3, 4), "Y": (0, 1000), "X": (50, 70)})).bounds == {
        "Z": (3, 4),
        "Y": (420, 580),
        "X": (50, 70),
    }


@pytest.fixture
def sheet(qtbot: Any, open_panel: Any, spots: np.ndarray[Any, Any]) -> tuple[Any, Any, Any]:
    """A window with the sheet open, its button pressed: Gaussian PSF, four iterations."""
    layer = ImageLayer(spots, name="cells", scale=(0.3, 0.1, 0.1), units="micrometer")
    viewer, panel = open_panel(layers=(layer,))
    choose(qtbot, panel, "psf", "Gaussian")
    write(qtbot, panel.psf.forms["gaussian"].fields["sigma"].findChild(QLineEdit), "0.3 0.15 0.15")
    field = panel.method.forms["richardson-lucy"].fields["iterations"]
    tick(qtbot, field.automatic)
    write(qtbot, field.findChild(QLineEdit), "4")
    viewer.reset_view()
    press(qtbot, panel, "sweep")
    qtbot.waitUntil(lambda: panel.sheet is not None and panel.sheet.isVisible(), timeout=5000)
    return viewer, panel, panel.sheet


def set_range(qtbot: Any, sheet: Any, which: str, low: str, high: str, count: int) -> None:
    write(qtbot, sheet.findChild(QLineEdit, f"sweep {which} from"), low)
    write(qtbot, sheet.findChild(QLineEdit, f"sweep {which} to"), high)
    box = sheet.findChild(QSpinBox, f"sweep {which} count")
    box.selectAll()
    qtbot.keyClicks(box, str(count))


def test_a_sheet_in_the_window(qtbot: Any, sheet: tuple[Any, Any, Any], test_output: Any) -> None:
    viewer, panel, sheet_ = sheet
    set_range(qtbot, sheet_, "first", "2", "20", 3)
    press(qtbot, sheet_, "sweep start")
    qtbot.waitUntil(lambda: len(sheet_.cells) > 0, timeout=30000)
    qtbot.waitUntil(lambda: not sheet_.is_running, timeout=60000)
    assert [each.settings["method.iterations"] for each in sheet_.cells] == ["auto", 2, 6, 20]
    assert all(each.score is not None for each in sheet_.cells)
    marked = {word for each in sheet_.buttons.values() for word in each.marked}
    assert {"automatic", "best"} <= marked
    check = panel.model.check()
    six = sheet_.cells[2]
    whole = nd.restored(check.image, check.recipe.with_values({"method.iterations": 6}), device="cpu").numpy()
    plane = viewer.dims.current_step[0]
    assert six.image.shape == (1, 40, 48)
    np.testing.assert_allclose(six.image.data[0], whole[plane], atol=5e-3 * whole.max())

    viewer.screenshot(str(test_output / "sweep.png"), canvas_only=False, flash=False)
    qtbot.mouseClick(sheet_.findChild(QToolButton, "cell 2"), Qt.MouseButton.LeftButton)
    assert panel.model.check().recipe.method.iterations == 6
    assert "now" in sheet_.buttons[2].marked
    qtbot.keyClick(sheet_.findChild(QToolButton, "cell 0"), Qt.Key.Key_Return)
    assert panel.model.check().recipe.method.iterations == "auto"


def test_two_settings_and_a_stop(qtbot: Any, sheet: tuple[Any, Any, Any]) -> None:
    viewer, panel, sheet_ = sheet
    choose(qtbot, sheet_, "sweep second", "Total variation")
    set_range(qtbot, sheet_, "first", "200", "2000", 3)
    set_range(qtbot, sheet_, "second", "0.001", "0.1", 3)
    press(qtbot, sheet_, "sweep start")
    qtbot.waitUntil(lambda: sheet_.is_running, timeout=5000)
    assert not button(sheet_, "sweep start").isEnabled()
    press(qtbot, sheet_, "sweep stop")
    assert not sheet_.is_running
    assert sheet_._newest.wait(10)
    write(qtbot, sheet_.findChild(QLineEdit, "sweep first from"), "9000")
    press(qtbot, sheet_, "sweep start")
    assert "from a smaller to a larger" in sheet_.status.text()
    set_range(qtbot, sheet_, "first", "2", "3", 2)
    press(qtbot, sheet_, "sweep start")
    qtbot.waitUntil(lambda: len(sheet_.cells) == 12 and not sheet_.is_running, timeout=90000)
    rows = {sheet_.grid.getItemPosition(sheet_.grid.indexOf(each))[:2] for each in sheet_.buttons.values()}
    assert rows == {(row, column) for row in range(3) for column in range(4)}
    viewer.window.remove_dock_widget(panel)
    qtbot.waitUntil(lambda: not any("sweep" in each.name for each in threading.enumerate()), timeout=10000)
