"""The parts of the Restore panel: image, PSF, method; each shows the model and tells it what the user does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFormLayout, QGroupBox, QLabel, QSizePolicy, QVBoxLayout

from .. import methods, psf as psfs
from ..image import Image
from ..recipe import Recipe
from ..settings import Described, describe
from .axes import in_words, possible_axes
from .fields import as_text, make_field
from .fold import Fold
from .form import Form
from .layer_box import LayerBox, like_a_psf, like_a_source
from .layers import image_of
from .model import ASKED, FROM_LAYER, FROM_METADATA, RestoreModel, optical_fields, psf_sources, told

__all__ = ["ImageSection", "MethodSection", "PsfSection", "choice_box", "source_image"]

VOXEL = tuple(
    Described(
        name=axis,
        title=f"Voxel {axis.lower()}",
        description=f"The size of a voxel along {axis.lower()}.",
        type="float",
        default=None,
        unit="µm",
        low=0.0,
        low_open=True,
        optional=True,
    )
    for axis in "ZYX"
)


def choice_box(name: str, tooltip: str) -> QComboBox:
    """Return an empty drop-down that may be narrow."""
    box = QComboBox()
    box.setObjectName(name)
    box.setToolTip(tooltip)
    box.setMinimumContentsLength(12)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return box


def rows() -> QFormLayout:
    """Return an empty two-column layout."""
    made = QFormLayout()
    made.setContentsMargins(0, 0, 0, 0)
    made.setVerticalSpacing(4)
    made.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return made


def hints_of(image: Image | None) -> dict[str, str]:
    """Return what an image says of each optical field, as it is typed."""
    if image is None:
        return {}
    return {name: as_text(told(image, name)) for name in optical_fields() if told(image, name) is not None}


class Section(QGroupBox):  # type: ignore[misc]
    """A titled part of the panel."""

    def __init__(self, title: str, model: RestoreModel) -> None:
        super().__init__(title)
        self.model = model
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(8, 6, 8, 6)
        self.column.setSpacing(4)
        self.rows = rows()
        self.column.addLayout(self.rows)

    def refresh(self, image: Image | None) -> None:
        """Show the model; ``image`` is what the chosen layer says of itself."""
        raise NotImplementedError

    def mark(self, problems: Mapping[str, str]) -> None:
        """Mark the fields that have a problem."""
        raise NotImplementedError


class ImageSection(Section):
    """Which layer, how its axes are read, which part of it, and what it does not say of itself."""

    def __init__(self, model: RestoreModel, viewer: Any) -> None:
        super().__init__("Image", model)
        self.layers = LayerBox(viewer, "image", "The image layer to restore. It is never changed.", like_a_source)
        self.axes = choice_box("axes", "How the dimensions of the layer are read; change it where the guess is wrong.")
        self.part = choice_box("part", "The whole layer, or only the time point and channel that the sliders show.")
        self.part.addItems(["All time points and channels", "What the sliders show"])
        self.rows.addRow(QLabel("Layer"), self.layers)
        self.rows.addRow(QLabel("Axes"), self.axes)
        self.rows.addRow(QLabel("Restore"), self.part)
        fields = optical_fields()
        self._shown: Any = None
        self.form = Form([*VOXEL, *(fields[name] for name in ASKED if name in fields)])
        self.fold = Fold("Voxel size and optics", self.form)
        self.fold.setObjectName("calibration")
        self.column.addWidget(self.fold)
        self.axes.activated.connect(lambda number: model.choose(axes=self.axes.itemData(number)))
        self.part.activated.connect(lambda number: model.choose(only_current=bool(number)))
        self.form.edited.connect(lambda name, value: model.type(self._key(name), value))

    @staticmethod
    def _key(name: str) -> str:
        return f"voxel.{name}" if name in "ZYX" else f"optics.{name}"

    def refresh(self, image: Image | None) -> None:
        """Show the layer's axes, and open what it lacks."""
        self._show_axes()
        self.part.setCurrentIndex(int(self.model.only_current))
        several = image is not None and any(image.sizes.get(axis, 1) > 1 for axis in "TC") and not self.model.source.rgb
        self.rows.setRowVisible(self.part, several)
        self.fold.setVisible(image is not None)
        if image is None:
            return
        lacking = self.model.lacking()
        for name, field in self.form.fields.items():
            asked = name in image.axes if name in "ZYX" else self.model.psf == FROM_METADATA
            for widget in (field, field.label):
                widget.setVisible(asked)
        self.form.show_values(self.model.typed("voxel") | self.model.typed("optics"))
        self.form.show_hints(hints_of(image) | {axis: as_text(size) for axis, size in image.voxel.items()})
        if self.model.source is not self._shown:
            self._shown = self.model.source
            self.fold.collapse()
        if lacking and not self.fold.isExpanded():
            self.fold.expand()
        known = {**image.voxel, **self.model.typed("voxel")}
        sizes = " × ".join(as_text(known.get(axis)) or "?" for axis in image.axes if axis in "ZYX")
        self.fold.setText(f"Voxel {sizes} µm")

    def _show_axes(self) -> None:
        self.axes.clear()
        if self.model.source is None:
            return
        read = self.model.read_axes
        for axes in dict.fromkeys((read, *possible_axes(self.model.source))):
            self.axes.addItem(in_words(axes), axes)
        self.axes.setCurrentIndex(self.axes.findData(read))

    def mark(self, problems: Mapping[str, str]) -> None:
        """Mark the voxel and the optics."""
        self.form.mark({name: problems.get(self._key(name), "") for name in self.form.fields})


class PsfSection(Section):
    """Where the PSF comes from, and its own fields."""

    def __init__(self, model: RestoreModel, viewer: Any) -> None:
        super().__init__("PSF", model)
        self.source = choice_box("psf", "Where the point-spread function comes from.")
        for source, words in psf_sources().items():
            self.source.addItem(words, source)
        self.layers = LayerBox(viewer, "psf layer", "The layer that holds the measured PSF.", like_a_psf)
        self.rows.addRow(QLabel("Source"), self.source)
        self.rows.addRow(QLabel("PSF layer"), self.layers)
        self.forms: dict[str, Form] = {}
        self.source.activated.connect(lambda number: model.choose(psf=self.source.itemData(number)))
        self.layers.chosen.connect(lambda layer: model.choose(psf_layer=layer))

    def refresh(self, image: Image | None) -> None:
        """Show the source's form, and what the image says where a field is empty."""
        kind = self.model.psf
        self.source.setCurrentIndex(self.source.findData(kind))
        self.rows.setRowVisible(self.layers, kind == FROM_LAYER)
        if kind not in (FROM_METADATA, FROM_LAYER) and kind not in self.forms:
            self.forms[kind] = self._made(kind)
        for name, form in self.forms.items():
            form.setVisible(name == kind)
        if kind in self.forms:
            self.forms[kind].show_values(self.model.typed(f"psf.{kind}"))
            self.forms[kind].show_hints(hints_of(image))

    def _made(self, kind: str) -> Form:
        form = Form(describe(psfs.family[kind]))
        form.edited.connect(lambda name, value: self.model.type(f"psf.{kind}.{name}", value))
        self.column.addWidget(form)
        return form

    def mark(self, problems: Mapping[str, str]) -> None:
        """Mark the fields of the shown form, or the layer."""
        self.layers.setStyleSheet("border: 2px solid #d62728;" if "psf.layer" in problems else "")
        for form in self.forms.values():
            form.mark({name: problems.get(f"psf.{name}", "") for name in form.fields})


class MethodSection(Section):
    """Which method, its summary and its own fields, and the background."""

    def __init__(self, model: RestoreModel) -> None:
        super().__init__("Method", model)
        self.method = choice_box("method", "The algorithm that restores.")
        for kind in methods.names():
            settings = methods.family[kind]
            self.method.addItem(settings.title or kind, kind)
            self.method.setItemData(self.method.count() - 1, settings.summary, Qt.ItemDataRole.ToolTipRole)
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.background = make_field(next(each for each in describe(Recipe) if each.name == "background"))
        self.rows.addRow(QLabel("Method"), self.method)
        self.column.addWidget(self.summary)
        self.holder = QVBoxLayout()
        self.column.addLayout(self.holder)
        below = rows()
        below.addRow(self.background.label, self.background)
        self.column.addLayout(below)
        self.forms: dict[str, Form] = {}
        self.method.activated.connect(lambda number: model.choose(method=self.method.itemData(number)))
        self.background.edited.connect(lambda value: model.choose(background="auto" if value is None else value))

    def refresh(self, image: Image | None) -> None:
        """Show the method's form."""
        kind = self.model.method
        self.method.setCurrentIndex(self.method.findData(kind))
        self.summary.setText(methods.family[kind].summary)
        self.summary.setVisible(bool(methods.family[kind].summary))
        if kind not in self.forms:
            self.forms[kind] = self._made(kind)
        for name, form in self.forms.items():
            form.setVisible(name == kind)
        self.forms[kind].show_values(self.model.typed(f"method.{kind}"))
        self.background.show_value(self.model.background)
        self.show_chosen({})

    def show_chosen(self, values: Mapping[str, str]) -> None:
        """Show in the fields that are automatic what was chosen for them, until something is changed."""
        self.forms[self.model.method].show_hints(values)
        self.background.show_hint(values.get("background", ""))

    def _made(self, kind: str) -> Form:
        form = Form(describe(methods.family[kind]))
        form.edited.connect(lambda name, value: self.model.type(f"method.{kind}.{name}", value))
        self.holder.addWidget(form)
        return form

    def mark(self, problems: Mapping[str, str]) -> None:
        """Mark the method's fields and the background."""
        self.background.mark(problems.get("background", ""))
        for form in self.forms.values():
            form.mark({name: problems.get(f"method.{name}", "") for name in form.fields})


def source_image(model: RestoreModel) -> Image | None:
    """Return what the chosen layer says of itself, None where there is none that can be read."""
    try:
        return image_of(model.source, model.read_axes) if model.source is not None else None
    except ValueError:
        return None
