"""Forms: every field of every method and PSF has a widget that shows it, takes it and gives it back."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QLineEdit, QSlider

from napari_deconv import methods, psf as psfs
from napari_deconv.gui.fields import as_text, as_value, at_position, position
from napari_deconv.gui.form import Form
from napari_deconv.settings import Described, describe

FAMILIES = [(methods.family, kind) for kind in methods.names()] + [(psfs.family, kind) for kind in psfs.names()]


@pytest.mark.parametrize(("family", "kind"), FAMILIES, ids=[kind for _, kind in FAMILIES])
def test_every_field_has_a_labelled_widget(qtbot: Any, family: Any, kind: str) -> None:
    described = describe(family[kind])
    form = Form(described)
    qtbot.addWidget(form)
    assert list(form.fields) == [each.name for each in described]
    for name, field in form.fields.items():
        assert field.label.text() == field.described.title, name
        assert field.described.description in field.toolTip(), name


def shown(qtbot: Any, form: Form) -> list[tuple[str, Any]]:
    qtbot.addWidget(form)
    told: list[tuple[str, Any]] = []
    form.edited.connect(lambda name, value: told.append((name, value)))
    with qtbot.waitExposed(form):
        form.show()
    return told


def test_typing(qtbot: Any) -> None:
    form = Form([Described("count", "Count", "How many.", "int", 30, low=1, high=100)])
    told = shown(qtbot, form)
    line = form.fields["count"].findChild(QLineEdit)
    assert line.text() == "30"
    qtbot.mouseClick(line, Qt.MouseButton.LeftButton)
    line.selectAll()
    qtbot.keyClicks(line, "57")
    assert told == [("count", 5), ("count", 57)]
    line.selectAll()
    qtbot.keyClick(line, Qt.Key.Key_Backspace)
    form.show_values({})
    assert told[-1] == ("count", None)
    assert line.text() == "", "what is being typed is not overwritten"
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert line.text() == "30", "left empty, the default comes back"


def test_a_log_slider(qtbot: Any) -> None:
    form = Form([Described("weight", "Weight", "How much.", "float", 1e-3, slider="log", shown=(1e-6, 1.0))])
    told = shown(qtbot, form)
    slider = form.fields["weight"].findChild(QSlider)
    assert slider.value() == 500
    qtbot.keyClick(slider, Qt.Key.Key_Home)
    assert told[-1] == ("weight", 1e-6)
    qtbot.keyClick(slider, Qt.Key.Key_End)
    assert told[-1] == ("weight", 1.0)
    qtbot.keyClick(slider, Qt.Key.Key_PageDown)
    assert told[-1][1] == pytest.approx(0.501, rel=1e-3)
    assert form.fields["weight"].findChild(QLineEdit).text() == "0.501"


def test_automatic(qtbot: Any) -> None:
    form = Form([Described("noise", "Noise", "Ratio.", "float", "auto", auto=True, slider="log", shown=(1e-4, 1.0))])
    told = shown(qtbot, form)
    field = form.fields["noise"]
    box, line = field.findChild(QCheckBox), field.findChild(QLineEdit)
    assert box.isChecked()
    assert not line.isEnabled()
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton)
    assert told[-1] == ("noise", 0.01)
    form.show_values({"noise": 0.01})
    assert line.isEnabled()
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton)
    assert told[-1] == ("noise", "auto")


def test_a_choice(qtbot: Any) -> None:
    form = Form([Described("speed", "Speed", "How.", "choice", "none", choices=("none", "heavy-ball"))])
    told = shown(qtbot, form)
    box = form.fields["speed"].findChild(QComboBox)
    assert box.currentData() == "none"
    qtbot.keyClick(box, Qt.Key.Key_Down)
    assert told == [("speed", "heavy-ball")]


def test_hints_stand_where_nothing_is_typed(qtbot: Any) -> None:
    form = Form([Described("na", "NA", "Aperture.", "float", None, optional=True, slider="linear", shown=(0.0, 2.0))])
    shown(qtbot, form)
    form.show_hints({"na": "1.4"})
    assert form.fields["na"].findChild(QLineEdit).placeholderText() == "1.4"
    assert form.fields["na"].findChild(QSlider).value() == 700


def test_a_problem_marks_its_field_alone(qtbot: Any) -> None:
    form = Form([Described("a", "A", "One.", "int", 1), Described("b", "B", "Two.", "int", 2)])
    shown(qtbot, form)
    form.mark({"a": "A should be positive."})
    assert form.fields["a"].toolTip() == "A should be positive."
    assert "border" in form.fields["a"].findChild(QLineEdit).styleSheet()
    assert not form.fields["b"].findChild(QLineEdit).styleSheet()
    form.mark({})
    assert form.fields["a"].toolTip() == "One."
    assert not form.fields["a"].findChild(QLineEdit).styleSheet()


@pytest.mark.parametrize(
    ("text", "value"),
    [("", None), ("3", 3), ("-3", -3), ("0.5", 0.5), ("1e-6", 1e-6), ("0.4, 0.2 0.2", (0.4, 0.2, 0.2)), ("far", "far")],
)
def test_what_is_typed_is_read(text: str, value: Any) -> None:
    assert as_value(text) == value
    assert as_value(as_text(value)) == value


@pytest.mark.parametrize("slider", ["linear", "log"])
def test_slider_positions_and_back(slider: str) -> None:
    described = Described("x", "X", "", "float", 1.0, slider=slider, shown=(0.01, 10.0))
    for place in (0, 100, 500, 999, 1000):
        assert abs(position(at_position(place, described), described) - place) <= 1
