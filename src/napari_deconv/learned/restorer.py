r"""`Restorer`: a network that chooses among classical estimates, adds what they cannot see, and answers to the photons.

With estimates e_k, their spread r = max_k e_k - min_k e_k over 3 x 3 neighbours, and what the body says of each pixel (logits a_k, a
correction c, a trust t):

    first   x1 = max( 0, sum_k softmax(a)_k e_k  +  2 r tanh(c / 2) )
    then    x2 = one step of Richardson-Lucy from x1                            (`Physics.consistent`)
    result       x1 + sigmoid(t) (x2 - x1)

So it can always fall back on the best of its inputs, never be negative, and add nothing where all of them agree: an even field
stays even whatever the weights are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .networks import Architecture, make_body
from .physics import Physics

__all__ = ["Proposal", "Restorer", "finish"]

REACH = 2.0
"""How far the correction may go, in spreads of the estimates."""


@dataclass(frozen=True)
class Proposal:
    """What a network makes of features: estimate and trust (N, 1, ...), the choice (N, K, ...) among K estimates."""

    estimate: Tensor
    trust: Tensor
    choice: Tensor


class Restorer(nn.Module):
    """A network over features (N, 1 + K + 1, [Z,] Y, X): image, K estimates, residual, in units of the scale."""

    def __init__(self, architecture: Architecture, estimates: int) -> None:
        super().__init__()
        self.architecture, self.estimates = architecture, estimates
        self.body = make_body(architecture, estimates + 2, estimates + 2)

    def forward(self, features: Tensor, *, fast: bool = False) -> Proposal:
        """Return the proposal; sizes are multiples of the architecture's total stride. ``fast`` computes the body in bfloat16."""
        estimates = features[:, 1:-1]
        with torch.autocast(features.device.type, torch.bfloat16, enabled=fast):
            said = self.body(_softened(features)).float()
        choice = said[:, : self.estimates].softmax(dim=1)
        mixed = (choice * estimates).sum(dim=1, keepdim=True)
        change = REACH * torch.tanh(said[:, -2:-1] / REACH) * _spread(estimates)
        return Proposal((mixed + change).clamp(min=0), torch.sigmoid(said[:, -1:]), choice)


def finish(proposal: Proposal, physics: Physics) -> Tensor:
    """Return the result (N, 1, ...): as far as it is trusted, the proposal after a step that agrees better with the image."""
    return torch.lerp(proposal.estimate, physics.consistent(proposal.estimate), proposal.trust)


def _softened(features: Tensor) -> Tensor:
    """Return square roots with their signs: light's noise is then about even, and bright points do not outshine the rest."""
    return features.sign() * features.abs().sqrt()


def _spread(estimates: Tensor) -> Tensor:
    """Return by how much the estimates differ, the most among neighbours."""
    differ = estimates.amax(dim=1, keepdim=True) - estimates.amin(dim=1, keepdim=True)
    pool = nn.functional.max_pool2d if estimates.ndim == 4 else nn.functional.max_pool3d
    return pool(differ, 3, stride=1, padding=1)
