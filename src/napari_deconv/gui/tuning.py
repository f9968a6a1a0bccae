"""Tuning: what stands between the Restore panel and Live: the scrubber, and the forecast of the whole run."""

from __future__ import annotations

import threading

from qtpy.QtCore import QObject, QTimer, Signal

from ..recipe import Recipe
from ..running.forecast import Forecast, Pace, forecast
from ..running.preview import Shown
from .foot import Foot
from .live import Live
from .model import Check, RestoreModel
from .preferences import engine, when_changed
from .scrub import Scrub

__all__ = ["Tuning"]

QUIET = 700
"""Milliseconds without a change until a run is forecast."""


class Herald(QObject):  # type: ignore[misc]
    """Brings a forecast to the window, and knows nothing of it: the thread that foretells keeps no closed window alive."""

    told = Signal(object)

    def foretell(self, check: Check, iterations: int | None, pace: Pace, means: dict[str, str]) -> None:
        """Foretell, in a thread of its own; what cannot be foretold is said when it is run."""
        told: Forecast | None = None
        try:
            told = forecast(check.image, check.recipe, pace=pace, iterations=iterations, **means)  # type: ignore[arg-type]
        except (ValueError, OSError, RuntimeError, MemoryError):
            told = None
        self.told.emit((told, check))


class Tuning(QObject):  # type: ignore[misc]
    """Listens to Live and to the checked choices; shows the scrubber and the forecast."""

    def __init__(self, model: RestoreModel, live: Live, foot: Foot, scrub: Scrub) -> None:
        super().__init__()
        self.model, self.live, self.foot, self.scrub = model, live, foot, scrub
        self.told: Forecast | None = None
        self._pace = Pace()
        self._check = Check()
        self._recipe: Recipe | None = None
        self._stop: tuple[int, tuple[float, ...]] = (0, ())
        self._known: tuple[Recipe | None, int] = (None, 0)
        self._is_over = self._is_running = False
        self._thread: threading.Thread | None = None
        self._waiting = QTimer(self)
        self._waiting.setSingleShot(True)
        self._waiting.timeout.connect(self._foretell)
        self._herald = Herald()
        self._herald.told.connect(self._on_foretold)
        live.shown.connect(self._on_shown)
        live.gathered.connect(self._on_gathered)
        live.switched.connect(lambda is_on: None if is_on else scrub.hide())
        scrub.moved.connect(live.scrub)
        scrub.taken.connect(self._on_taken)
        self._unwatch = when_changed(self._on_preferences)

    def follow(self, check: Check, *, is_running: bool) -> None:
        """Foretell the run of what is chosen now, once the choices have been quiet."""
        if self._is_over:
            return
        self._check, self._is_running = check, is_running
        if is_running or not check.is_ready:
            self._waiting.stop()
            self.foot.predict("")
        else:
            self._waiting.start(QUIET)

    def let_go(self) -> None:
        """Foretell no more."""
        self._is_over = True
        self._unwatch()
        self._waiting.stop()
        self._check = Check()

    def _on_preferences(self, event: object) -> None:
        self.live.take_means(engine())
        self.follow(self._check, is_running=self._is_running)

    def _foretell(self) -> None:
        check = self._check
        if not check.is_ready or self._thread is not None:
            return
        known = self._known[1] if self._known[0] == check.recipe else None
        self._thread = threading.Thread(
            target=self._herald.foretell,
            args=(check, known, self._pace, engine()),
            name="napari-deconv forecast",
            daemon=True,
        )
        self._thread.start()

    def _on_foretold(self, answer: tuple[Forecast | None, Check]) -> None:
        told, check = answer
        self._thread = None
        if self._is_over:
            return
        if check is not self._check:
            self.follow(self._check, is_running=self._is_running)
        elif told is not None:
            self.told = told
            about = " Iterations are reckoned, not known yet." if told.is_guess else ""
            self.foot.predict(told.words + about, is_warning=told.is_cut or not told.fits)

    def _on_shown(self, shown: Shown) -> None:
        """When a preview has come to its end: let its iterations be walked through, and gather some beyond the stop."""
        recipe = self._check.recipe
        if not shown.is_last or recipe is None:
            return
        choices = shown.image.history[-1].get("choices", ()) if shown.image.history else ()
        counted = [each for each in choices if each["name"] == "iterations"]
        curve = tuple(counted[0]["curve"]) if counted else ()
        self._recipe, self._stop = recipe, (shown.steps if curve else 0, curve)
        self.scrub.show_run(shown.steps, shown.steps, curve, self._stop[0])
        if curve and self._known != (recipe, shown.steps):
            self._known = (recipe, shown.steps)
            self._waiting.start(QUIET)
        if len(curve) > shown.steps:
            self.live.go_on(recipe.replace(method=recipe.method.stopped_at(len(curve))))

    def _on_gathered(self) -> None:
        """Offer the iterations beyond the automatic stop too; the canvas stays as it is."""
        stop, curve = self._stop
        self.scrub.show_run(len(curve), self.scrub.slider.value(), curve, stop)

    def _on_taken(self, step: int) -> None:
        if self._recipe is not None:
            self.model.take_method(self._recipe.method.stopped_at(step))
