"""The fit's tab of the PSF panel: the image itself corrects what nobody knows of the optics, or says that it cannot."""

from __future__ import annotations

import html
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QGridLayout, QHBoxLayout, QLabel, QProgressBar

from ..fitting import Fit, FitProgress, Fitted, fit_psf
from ..fitting.coefficients import coefficient
from ..image import Image
from ..psf.portrait import Portrait, portray
from ..psf.theoretical import Theoretical
from ..recipe import Recipe
from .foot import made_button
from .microscope_tab import MicroscopeTab
from .portrait_view import Canvas
from .preferences import engine
from .psf_tab import PsfTab
from .task import LongTask

__all__ = ["FitTab"]

OFFERED = {
    "spherical": (
        "Spherical",
        "Spherical aberration: what a wrong coverslip, immersion or depth does to the focus along z.",
    ),
    "depth": ("Depth", "How deep the structures lie; it matters where the sample's index is not the immersion's."),
    "sample_index": ("Sample index", "Refractive index of what the sample lies in; it matters at a depth above 0."),
    "immersion_index": ("Immersion index", "Refractive index of the immersion medium, such as oil that is too warm."),
    "coverslip_thickness": ("Coverslip", "Thickness of the coverslip, where it is not what the objective expects."),
    "astigmatism": ("Astigmatism", "Above and below the focus, the light is drawn out along x and along y."),
    "coma-x": ("Coma along x", "The light has a tail along x."),
    "coma-y": ("Coma along y", "The light has a tail along y."),
}
"""What can be ticked: parameter -> title, tooltip."""
HEIGHT = 210
"""Pixels of a picture."""
VERDICTS = {"fitted": "Fitted", "confirmed": "Right as it is", "refused": "Not fitted"}


class FitTab(PsfTab):
    """Starts from the microscope's tab; ``handed`` gives the `Fitted` whose PSF shall be restored with."""

    def __init__(self, viewer: Any, microscope: MicroscopeTab) -> None:
        super().__init__(viewer, says="fit report", hands="use fit")
        self.microscope = microscope
        self.fitted: Fitted | None = None
        self.start = QLabel()
        self.start.setObjectName("fit start")
        self.start.setWordWrap(True)
        self.boxes = {name: ticked(name, title, tooltip) for name, (title, tooltip) in OFFERED.items()}
        self.boxes["spherical"].setChecked(True)
        self.run = made_button("Fit to image", "fit", "Find the values that explain this image's photons best.")
        self.stop = made_button("Cancel", "cancel fit", "Stop the fit; the PSF stays as it is.")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(10)
        self.pictures = {when: Canvas(f"psf {when}") for when in ("before", "after")}
        for picture in self.pictures.values():
            picture.setFixedHeight(HEIGHT)
        self.captions = {when: QLabel() for when in self.pictures}
        self.table = QLabel()
        self.table.setObjectName("fit table")
        self.table.setTextFormat(Qt.TextFormat.RichText)
        self.table.setToolTip("Matters: the change that bends the wavefront by a fourteenth of the wavelength.")
        self._lay_out()
        self.run.clicked.connect(self.fit)
        self.stop.clicked.connect(self.cancel)
        microscope.choices.changed.connect(self._tell_start)
        self._clear()
        self._tell_start()

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(2)
        for number, box in enumerate(self.boxes.values()):
            grid.addWidget(box, number // 2, number % 2)
        line = QHBoxLayout()
        line.addWidget(self.run, 2)
        line.addWidget(self.stop, 1)
        self.column.addWidget(self.start)
        self.column.addWidget(QLabel("Estimate (the fewer, the surer):"))
        self.column.addLayout(grid)
        self.column.addLayout(line)
        for widget in (self.bar, self.words, self.table, self.use):
            self.column.addWidget(widget)
        for when, picture in self.pictures.items():
            self.column.addWidget(self.captions[when])
            self.column.addWidget(picture)
        self.column.addStretch()

    def _tell_start(self) -> None:
        """Say what the fit starts from."""
        look = self.microscope.choices.look()
        image = (
            "no image is open" if self.microscope.choices.source is None else f"'{self.microscope.choices.source.name}'"
        )
        if look.model is None:
            self.start.setText(f"Image: {image}. First fill in what the Microscope tab asks for.")
        else:
            self.start.setText(f"Image: {image}. Starts from the Microscope tab: {told_optics(look.model)}.")
        is_ready = look.model is not None and self.microscope.choices.source is not None
        self.run.setEnabled(is_ready and self.task is None)

    def fit(self) -> None:
        """Start the fit of what is ticked."""
        look = self.microscope.choices.look()
        chosen = tuple(name for name, box in self.boxes.items() if box.isChecked())
        if not chosen:
            self._clear()
            self.say("Tick what shall be estimated.", is_problem=True)
            return
        if self.task is not None or look.model is None or look.image is None:
            return
        image, recipe, time = look.image, Recipe(psf=look.model), self._time(look.image)
        self.task = LongTask(lambda: worked(image, recipe, Fit(parameters=chosen), time, engine()["device"]))
        self.task.progressed.connect(self._on_progress)
        self.task.done.connect(self._on_done)
        self.task.failed.connect(self._on_failed)
        self.task.cancelled.connect(self._on_cancelled)
        self._clear()
        self.run.setEnabled(False)
        self.stop.setEnabled(True)
        self.bar.setValue(0)
        self.bar.show()
        self.say("Choosing bright parts of the image …")
        self.task.start()

    def cancel(self) -> None:
        """Ask the fit to stop."""
        if isinstance(self.task, LongTask):
            self.stop.setEnabled(False)
            self.say("Stopping …")
            self.task.cancel()

    def _time(self, image: Image) -> int:
        """Return the shown time point."""
        source = self.microscope.choices.source
        if "T" not in image.axes:
            return 0
        place = self.viewer.dims.ndim - source.ndim + image.axes.index("T")
        return int(self.viewer.dims.current_step[place])

    def _on_progress(self, made: Any) -> None:
        if isinstance(made, FitProgress):
            self.bar.setValue(round(1000 * made.fraction))
            self.say(f"Round {made.rounds}: {made.words}" if made.rounds else "Restoring bright parts of the image …")

    def _on_done(self, made: tuple[Fitted, dict[str, Portrait]]) -> None:
        self._end()
        fitted, portraits = made
        self.fitted = fitted
        words = VERDICTS[fitted.verdict]
        sentence = fitted.sentence[:1].upper() + fitted.sentence[1:]
        self.say(f"<b>{words}.</b> {html.escape(sentence)}.", is_problem=fitted.verdict == "refused")
        self.table.setText(as_table(fitted))
        self.table.show()
        for when, portrait in portraits.items():
            self.pictures[when].portrait = portrait
            title = when.capitalize() if fitted.accepted else "The PSF as it is"
            self.captions[when].setText(f"{title} – {widths(portrait)}")
            for widget in (self.captions[when], self.pictures[when]):
                widget.show()
        if fitted.accepted:
            self.use.setText("Use the fitted PSF in Restore")
            self.offer(fitted)

    def _on_failed(self, sentence: str) -> None:
        self._end()
        self.say(f"<b>Not fitted.</b> {html.escape(sentence[:1].upper() + sentence[1:])}.", is_problem=True)

    def _on_cancelled(self) -> None:
        self._end()
        self.say("Cancelled: the PSF is as it was.")

    def _end(self) -> None:
        self.task = None
        self.bar.hide()
        self.stop.setEnabled(False)
        self._tell_start()

    def _clear(self) -> None:
        """Take away what an earlier fit has shown."""
        self.fitted = None
        self.stop.setEnabled(False)
        for widget in (self.bar, self.table, self.use, *self.captions.values(), *self.pictures.values()):
            widget.hide()


def worked(image: Image, recipe: Recipe, asked: Fit, time: int, device: str) -> Any:
    """Yield the progress of a fit, and last the outcome with its pictures."""
    last: FitProgress | None = None
    for last in fit_psf(image, recipe, asked, time=time, device=device):
        yield last
    assert last is not None
    fitted = last.fitted
    assert fitted is not None
    shown: dict[str, Theoretical] = {"before": fitted.start}
    if fitted.accepted:
        shown["after"] = fitted.psf
    yield fitted, {when: portray(model, fitted.grid) for when, model in shown.items()}


def ticked(name: str, title: str, tooltip: str) -> QCheckBox:
    """Return a box to tick for a parameter."""
    box = QCheckBox(title)
    box.setObjectName(f"fit {name}")
    box.setToolTip(tooltip)
    return box


def told_optics(model: Theoretical) -> str:
    """Return the optics that a fit starts from, in a few words."""
    told = [model.title, (model.modality or "widefield").replace("-", " "), f"NA {model.numerical_aperture:g}"]
    told += [f"immersion {model.immersion_index:g}"]
    told += [f"sample {model.sample_index:g}"] if model.sample_index else []
    told += [f"depth {model.depth:g} µm"] if model.depth else []
    return ", ".join(told)


def widths(portrait: Portrait) -> str:
    """Return the widths of a PSF in words."""
    z, _, x = portrait.widths
    told = [f"{axis} {width:.3g}" for axis, width in (("xy", x), ("z", z)) if width]
    return f"FWHM {', '.join(told)} µm" if told else "no width"


def as_table(fitted: Fitted) -> str:
    """Return the numbers: before, found with its standard error, and which change would matter."""
    rows = []
    for each in fitted.estimated:
        title = OFFERED.get(coefficient(each.name).name, (each.name, ""))[0] + (f", {each.unit}" if each.unit else "")
        found = each.words.removeprefix(f"{each.name} ").removesuffix(f" {each.unit}")
        cells = (f"{each.start:.4g}", found, f"{each.matters:.2g}")
        told = "".join(f"<td align='right'>{cell}&nbsp;</td>" for cell in cells)
        rows.append(f"<tr><td>{title}&nbsp;</td>{told}</tr>")
    heads = "".join(f"<th align='right'>{each}&nbsp;</th>" for each in ("before", "found", "matters"))
    return f"<table cellspacing='0' style='font-size: small'><tr><th></th>{heads}</tr>{''.join(rows)}</table>"
