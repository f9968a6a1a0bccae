r"""`Restorer`: a network that chooses among classical estimates, adds what they cannot see, and answers to the photons.

Light v is looked at on a scale u on which its noise is even, d being the light whose own noise equals that of the dark:

    u(v)  =  sign(v) ( sqrt(|v| + d) - sqrt d )

With estimates e_k, the local mean r of max_k u(e_k) - min_k u(e_k), and what the body says of each pixel (logits a_k, a correction
c, a trust t):

    first   u(x1) = max( 0, sum_k softmax(a)_k u(e_k)  +  2 r tanh(c / 2) )
    then    x2 = one step of Richardson-Lucy from x1                            (`Physics.consistent`)
    result       x1 + sigmoid(t) (x2 - x1)

So it can always fall back on the best of its inputs, never be negative, and add nothing where all of them agree: an even field
stays even whatever the weights are. The body is told the noise and the PSF's width (`features.ABOUT`). A recurrent network mixes
u(x1) with what it kept of the time points before, within the same bounds (`recurrence`).

References
----------
Anscombe, "The transformation of Poisson, binomial and negative-binomial data", Biometrika 35 (1948) 246-254.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .networks import Architecture, make_body
from .physics import Physics
from .recurrence import Recall

__all__ = ["INNERMOST", "INPUTS_BESIDE", "Proposal", "Restorer", "finish"]

INNERMOST = {2: torch.channels_last, 3: torch.channels_last_3d}
"""Layout of values that convolutions are fastest with, by dimensions."""
REACH = 2.0
"""How far the correction may go, in spreads of the estimates."""
INPUTS_BESIDE = 5
"""Channels beside the estimates: image, residual, and three that tell of noise and PSF."""
LEAST_DARK, MOST_DARK = 2e-3, 2.0
"""Between what d is held, in units of the scale."""
MIDDLE = (-1.5, -0.5, 1.5)
"""What the channels about noise and PSF are about, for most images."""


@dataclass(frozen=True)
class Proposal:
    """What a network makes of features: estimate and trust (N, 1, ...), the choice (N, K, ...) among K estimates.

    state : (N, 2, ...) what a recurrent network keeps for the next time point; None from any other.
    """

    estimate: Tensor
    trust: Tensor
    choice: Tensor
    state: Tensor | None = None


class Restorer(nn.Module):
    """A network over features (N, 1 + K + 1 + 3, [Z,] Y, X): image, K estimates, residual, and what is known of noise and PSF."""

    def __init__(self, architecture: Architecture, estimates: int, likely: Sequence[float] = ()) -> None:
        super().__init__()
        self.architecture, self.estimates = architecture, estimates
        self.body = make_body(architecture, estimates + INPUTS_BESIDE, estimates + 2)
        if likely:
            with torch.no_grad():
                self.body.get_parameter("head.last.bias")[:estimates] = torch.tensor(likely)
        self.recall = Recall(architecture.dims) if architecture.kind == "recurrent" else None

    def forward(self, features: Tensor, *, state: Tensor | None = None, fast: bool = False) -> Proposal:
        """Return the proposal; sizes are multiples of the architecture's total stride. ``fast`` computes the body in bfloat16.

        state : (N, 2, ...) what a recurrent network kept of the time points before; None where there are none.
        """
        light, about = features[:, : self.estimates + 2], features[:, self.estimates + 2 :]
        dark = torch.pow(10.0, about[:, 1:2]).clamp(LEAST_DARK, MOST_DARK)
        evened = _evened(light[:, :-1], dark)
        missed = light[:, -1:] / (2 * (light[:, 1:2].clamp(min=0) + dark).sqrt())
        middle = torch.tensor(MIDDLE, device=about.device).reshape(1, 3, *[1] * (about.ndim - 2))
        said = self._said(torch.cat([evened, missed, about - middle], dim=1), fast)
        choice = said[:, : self.estimates].softmax(dim=1)
        mixed = (choice * evened[:, 1:]).sum(dim=1, keepdim=True)
        spread = _spread(evened[:, 1:])
        root = (mixed + REACH * torch.tanh(said[:, -2:-1] / REACH) * spread).clamp(min=0)
        trust, counted = said[:, -1:], torch.ones_like(root)
        if self.recall is not None and state is not None:
            added, counted, more = self.recall(root, _evened(state[:, :1], dark), state[:, 1:], spread, about - middle)
            root = (mixed + (root + added - mixed).clamp(-REACH * spread, REACH * spread)).clamp(min=0)
            trust = trust + more
        light = root * (root + 2 * dark.sqrt())
        kept = None if self.recall is None else torch.cat([light, counted], dim=1)
        return Proposal(light, torch.sigmoid(trust), choice, kept)

    def _said(self, inputs: Tensor, fast: bool) -> Tensor:
        """Return what the body says; channels lie innermost in between, which its convolutions are fastest with."""
        given = inputs.to(torch.bfloat16 if fast else inputs.dtype, memory_format=INNERMOST[inputs.ndim - 2])
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=fast):
            said: Tensor = self.body(given)
        return said.float().contiguous()


def finish(proposal: Proposal, physics: Physics) -> Tensor:
    """Return the result (N, 1, ...): as far as it is trusted, the proposal after a step that agrees better with the image."""
    return torch.lerp(proposal.estimate, physics.consistent(proposal.estimate), proposal.trust)


def _evened(light: Tensor, dark: Tensor) -> Tensor:
    """Return light on the scale on which its noise is even."""
    return light.sign() * ((light.abs() + dark).sqrt() - dark.sqrt())


def _spread(estimates: Tensor) -> Tensor:
    """Return by how much the estimates differ, (N, 1, ...): the mean over 9 x 9 neighbours, the near ones counting most."""
    differ = estimates.amax(dim=1, keepdim=True) - estimates.amin(dim=1, keepdim=True)
    for _ in range(2):
        if differ.ndim == 4:
            differ = nn.functional.avg_pool2d(differ, 5, 1, 2, count_include_pad=False)
        else:
            differ = nn.functional.avg_pool3d(differ, (3, 5, 5), 1, (1, 2, 2), count_include_pad=False)
    return differ
