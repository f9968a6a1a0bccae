r"""`Medium`: what light passes between emitter and objective, and what that does to its phase and amplitude.

      objective | immersion, n_i | coverslip, n_g, t_g | sample, n_s ... emitter at ``depth``

With s = n sin(theta), the same in every layer, and c_x = sqrt(n_x^2 - s^2), the optical path that the actual layers add to
those the objective was designed for (starred) is, at the paraxial focus of the emitter,

    W(s) = d c_s + t_g c_g - t_g* c_g* + t_i c_i - t_i* c_i*      with  t_i = n_i (t_g*/n_g* + t_i*/n_i* - t_g/n_g - d/n_s)

and moving the focus by z deeper into the sample adds -z c_i. Beyond s = n_s the light is evanescent: c_s is imaginary and
the emitter's light falls off with its depth.

References
----------
Gibson & Lanni, "Experimental test of an analytical model of aberration in an oil-immersion objective lens used in
three-dimensional light microscopy", J. Opt. Soc. Am. A 9 (1992) 154-166.
Török & Varga, "Electromagnetic diffraction of light focused through a stratified medium", Applied Optics 36 (1997)
2305-2312.
Haeberlé, "Focusing of light through a stratified medium: a practical approach for computing microscope point spread
functions. Part I", Optics Communications 216 (2003) 55-63.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Medium", "axial", "number"]


@dataclass(frozen=True)
class Medium:
    """Layers between objective and emitter, actual and as designed; lengths in µm.

    Every value is a number or a tensor of no dimension, through which gradients flow.
    """

    immersion_index: Any
    sample_index: Any
    coverslip_index: Any
    coverslip_thickness: Any
    design_immersion_index: Any
    design_coverslip_index: Any
    design_coverslip_thickness: Any
    working_distance: Any
    depth: Any

    @property
    def has_coverslip(self) -> bool:
        """Whether there is a coverslip between immersion and sample."""
        return number(self.coverslip_thickness) > 0

    def path(self, s: Tensor) -> Tensor:
        """Return W(s) in µm, complex (K,), 0 on the axis; its imaginary part is the decay of evanescent light."""
        immersion = self.immersion_index * (
            self.design_coverslip_thickness / self.design_coverslip_index
            + self.working_distance / self.design_immersion_index
            - self.coverslip_thickness / self.coverslip_index
            - self.depth / self.sample_index
        )
        path: Tensor = self.depth * _lag(self.sample_index, s) + immersion * _lag(self.immersion_index, s)
        path = path - self.working_distance * _lag(self.design_immersion_index, s)
        if self.has_coverslip:
            path = path + self.coverslip_thickness * _lag(self.coverslip_index, s)
        if number(self.design_coverslip_thickness) > 0:
            path = path - self.design_coverslip_thickness * _lag(self.design_coverslip_index, s)
        return path

    def defocus(self, s: Tensor) -> Tensor:
        """Return -c_i, real (K,), less its value on the axis: the path in µm that a micrometre of defocus adds."""
        return -_lag(self.immersion_index, s).real

    def path_per_depth(self, s: Tensor) -> Tensor:
        """Return dW/dd, real (K,): the path in µm that a micrometre of depth adds, its evanescent part left out."""
        index = self.immersion_index / self.sample_index
        path: Tensor = _lag(self.sample_index, s) - index * _lag(self.immersion_index, s)
        return path.real

    def transmission(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """Return the Fresnel coefficients of the s and the p polarisation from immersion to sample, complex (K,)."""
        steps = [self.immersion_index, self.sample_index]
        if self.has_coverslip:
            steps.insert(1, self.coverslip_index)
        across: Any = 1.0
        along: Any = 1.0
        for here, there in pairwise(steps):
            first, second = axial(here, s), axial(there, s)
            across = across * 2 * first / (first + second)
            along = along * 2 * here * there * first / (there * there * first + here * here * second)
        return across, along


def number(value: Any) -> float:
    """Return the value of a number or of a tensor of no dimension, without its gradient."""
    return float(value.detach() if hasattr(value, "detach") else value)


def axial(index: Any, s: Tensor) -> Tensor:
    """Return c = sqrt(index^2 - s^2), complex (K,), its imaginary part never negative."""
    import torch

    square = index * index - s * s
    return torch.sqrt(torch.complex(square, torch.zeros_like(square)))


def _lag(index: Any, s: Tensor) -> Tensor:
    lag: Tensor = axial(index, s) - index
    return lag
