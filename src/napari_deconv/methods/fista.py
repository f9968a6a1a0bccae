r"""FISTA with wavelets: least squares with a penalty on wavelet coefficients, never negative.

With m the mean expected count, the object x >= 0 minimises  |Hx + b - y|^2 / (2 m)  +  w sum |W x|. A round steps down the misfit
from a point p predicted along the last change, and shrinks the coefficients of what it reaches:

    x  <-  max( 0, W' shrink( W ( p - H'( H p + b - y ) ), m w ) )          p = x_k + (t_{k-1} - 1) / t_k (x_k - x_{k-1})

The wavelets are undecimated, so that no grid of blocks leaves its print and tiles go as the whole does.

References
----------
Beck & Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear inverse problems", SIAM J. Imaging Sci. 2 (2009).
Figueiredo & Nowak, "An EM algorithm for wavelet-based image restoration", IEEE Trans. Image Process. 12 (2003) 906-916.
Vonesch & Unser, "A fast thresholded Landweber algorithm for wavelet-regularized multidimensional deconvolution", IEEE Trans. Image
Process. 17 (2008) 539-549.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from ..settings import field
from .base import Iterations, Problem, iterations_field
from .wavelets import FILTERS, Wavelets
from .weighed import Weighed, Weight

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Fista", "Shrinkage"]


class Fista(Weighed):
    """Non-negative FISTA with wavelets."""

    title: ClassVar[str] = "FISTA with wavelets"
    summary: ClassVar[str] = "Least squares with few wavelets: for texture and mixed detail under even noise."
    reference: ClassVar[str] = "Beck & Teboulle 2009; Vonesch & Unser 2008"
    order: ClassVar[int] = 33
    volumes: ClassVar[float] = 22.5
    reach: ClassVar[float] = 2.5
    measure: ClassVar[str] = "change"
    near: ClassVar[float] = 2e-3
    most: ClassVar[int] = 150

    kind: Literal["fista"] = "fista"
    weight: Weight = field(
        "auto",
        title="Weight",
        description="Of the wavelets' coefficients against the misfit: larger is smoother. "
        "Auto takes the weight that predicts best the photons held back from the restoration.",
        slider="log",
        shown_min=1e-3,
        shown_max=0.3,
    )
    wavelet: Literal["daubechies", "haar"] = field(
        "daubechies", title="Wavelet", description="Daubechies' for what is smooth, Haar's for what has sharp edges."
    )
    iterations: Iterations = iterations_field(
        "Auto ends when a round changes the object by less than 0.2 %, or after 150. "
        "With an automatic weight it ends sooner where photons held back are predicted better on the way.",
        advanced=True,
    )

    def solver(self, problem: Problem, weight: float) -> Shrinkage:
        """Return the minimisation under this weight."""
        return Shrinkage(problem, weight, FILTERS[self.wavelet])


class Shrinkage:
    """One minimisation under way, in units of the image's scale."""

    def __init__(self, problem: Problem, weight: float, taps: tuple[float, ...]) -> None:
        self._problem, self._blur = problem, problem.blur
        self.unit = max(problem.scale, 1e-30)
        self._typical = max((problem.level + problem.background) / self.unit, 1e-6)
        self._wavelets = Wavelets(problem.blur.object_shape, taps)
        self.object = problem.blur.new_object(problem.level / self.unit)
        self._before = self.object.clone()
        self._pace = 1.0
        self.weigh(weight)

    @property
    def is_settled(self) -> bool:
        """What is minimised is so from the first round."""
        return True

    def weigh(self, weight: float) -> None:
        """Go on with another weight."""
        self._threshold = weight * self._typical

    def step(self) -> Tensor:
        """Make one round and return the object, in units of the scale."""
        import torch

        pace = (1 + math.sqrt(1 + 4 * self._pace**2)) / 2
        point = torch.lerp(self._before, self.object, 1 + (self._pace - 1) / pace, out=self._before)
        residual = self._problem.missed(self._blur.forward(point), self.unit)
        point.add_(self._blur.adjoint(residual))
        reached = self._wavelets.shrunk(point, self._threshold).clamp_(min=0)
        self._before, self.object, self._pace = self.object, reached, pace
        return reached

    def figures(self) -> dict[str, float]:
        """Return by what share of itself the last round changed the object."""
        change = float((self.object - self._before).double().norm())
        return {"change": change / max(float(self.object.double().norm()), 1e-30)}
