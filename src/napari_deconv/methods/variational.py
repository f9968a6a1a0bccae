r"""Poisson likelihood with a convex penalty: total variation, or the Hessian with sparsity; one minimum, and proof of being near it.

The object x >= 0 minimises the Poisson misfit plus  w sum |grad x|  or  w ( sum |Hessian x| + sparsity sum x ),  by the rounds of
`splitting`. Differences are in µm: a coarse z counts as what it is. Both are pure numbers: the same weight means the same for an
image of any brightness unit. The weight is eased where there is structure and light (`easing`).

References
----------
Rudin, Osher & Fatemi, "Nonlinear total variation based noise removal algorithms", Physica D 60 (1992) 259-268.
Setzer, Steidl & Teuber, "Deblurring Poissonian images by split Bregman techniques", J. Vis. Commun. Image Represent. 21 (2010).
Lefkimmiatis & Unser, "Poisson image reconstruction with Hessian Schatten-norm regularization", IEEE Trans. Image Process. 22 (2013).
Zhao et al., "Sparse deconvolution improves the resolution of live-cell super-resolution fluorescence microscopy", Nat. Biotechnol.
40 (2022) 606-617.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from ..settings import field
from .base import Iterations, Problem, iterations_field
from .differences import curvatures, slopes
from .splitting import Splitting
from .weighed import Weighed, Weight

__all__ = ["Hessian", "TotalVariation"]


def _adaptation_field(default: float) -> Any:
    """Return the field ``adaptation``, which both have."""
    return field(
        default,
        title="Adaptation",
        description="How much less structure and bright places are held back than flat dark ground: 0 is the same weight everywhere.",
        ge=0,
        le=1,
        slider="linear",
        shown_min=0,
        shown_max=0.8,
        advanced=True,
    )


class _Eased(Weighed):
    """A weighed method whose weight adapts to the object."""

    adaptation: float = _adaptation_field(0.0)
    unadapted: ClassVar[float]
    """Volumes that a run needs where the weight is the same everywhere."""

    @property
    def volumes(self) -> float:  # type: ignore[override]
        """Where the weight is eased, its factors and their average are kept, too."""
        return self.unadapted + (2.0 if self.adaptation else 0.0)


class TotalVariation(_Eased):
    """Poisson likelihood with total variation."""

    title: ClassVar[str] = "Total variation"
    summary: ClassVar[str] = (
        "Smooths noise, keeps edges, for dim images above all. A figure proves how near its one minimum the result is."
    )
    reference: ClassVar[str] = "Rudin, Osher & Fatemi 1992; Setzer, Steidl & Teuber 2010"
    order: ClassVar[int] = 11
    unadapted: ClassVar[float] = 14.5
    frames: ClassVar[float] = 3.0
    reach: ClassVar[float] = 2.0

    kind: Literal["total-variation"] = "total-variation"
    weight: Weight = field(
        "auto",
        title="Weight",
        description="Of slopes, in µm, against the likelihood: larger is smoother. "
        "Auto takes the weight that predicts best the photons held back from the restoration.",
        slider="log",
        shown_min=1e-3,
        shown_max=0.3,
    )
    iterations: Iterations = iterations_field(
        "Auto ends when the objective is proven to be within 1 % of its minimum, or after 300. "
        "With an automatic weight it ends sooner where photons held back are predicted better on the way.",
        advanced=True,
    )

    def solver(self, problem: Problem, weight: float) -> Splitting:
        """Return the minimisation with slopes as penalty."""
        differences = slopes(problem.blur.object_shape, problem.voxel)
        return Splitting(problem, differences, weight, adaptation=self.adaptation)


class Hessian(_Eased):
    """Poisson likelihood with the Hessian's length, and sparsity: thin lines stay lines."""

    title: ClassVar[str] = "Hessian (sparse continuity)"
    summary: ClassVar[str] = "For filaments and membranes: favours what goes on smoothly, on a dark ground."
    reference: ClassVar[str] = "Lefkimmiatis & Unser 2013; Zhao et al. 2022"
    order: ClassVar[int] = 13
    unadapted: ClassVar[float] = 17.5
    frames: ClassVar[float] = 3.0
    reach: ClassVar[float] = 2.0

    kind: Literal["hessian"] = "hessian"
    weight: Weight = field(
        "auto",
        title="Weight",
        description="Of curvature, in µm, against the likelihood: larger is smoother. "
        "Auto takes the weight that predicts best the photons held back from the restoration.",
        slider="log",
        shown_min=1e-3,
        shown_max=0.3,
    )
    adaptation: float = _adaptation_field(0.5)
    sparsity: float = field(
        0.0,
        title="Sparsity",
        description="Of light itself, as a share of the weight: larger makes the ground darker and dims what is faint.",
        ge=0,
        le=10,
        slider="linear",
        shown_min=0,
        shown_max=2,
    )
    iterations: Iterations = iterations_field(
        "Auto ends when the objective is proven to be within 1 % of its minimum, or after 300. "
        "With an automatic weight it ends sooner where photons held back are predicted better on the way.",
        advanced=True,
    )

    def solver(self, problem: Problem, weight: float) -> Splitting:
        """Return the minimisation with curvatures as penalty."""
        differences = curvatures(problem.blur.object_shape, problem.voxel)
        return Splitting(problem, differences, weight, self.sparsity, self.adaptation)
