"""An adversary: a small network that tells results from truths, for whoever wants results that look likely.

It can make a network invent detail that is not in the image. It is off unless it is asked for.

References
----------
Goodfellow et al., "Generative adversarial nets", NIPS (2014); Lim & Ye, "Geometric GAN" (2017) for the hinge loss.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .blocks import Down, convolution

__all__ = ["Adversary"]


class Adversary(nn.Module):
    """Says of each neighbourhood whether it is from a truth (positive) or a result; it learns each time it is asked."""

    def __init__(self, dims: int, rate: float, width: int = 16) -> None:
        super().__init__()
        stride = (2,) * dims
        self.layers = nn.Sequential(
            Down(1, width, stride), Down(width, 2 * width, stride), convolution(dims, 2 * width, 1)
        )
        self.optimiser = torch.optim.AdamW(self.layers.parameters(), lr=rate)

    def price(self, results: Tensor, truths: Tensor) -> Tensor:
        """Learn from results and truths (N, 1, ...), and return what the results cost: less where they pass for truths."""
        self.optimiser.zero_grad(set_to_none=True)
        doubt = torch.relu(1 - self._said(truths)) + torch.relu(1 + self._said(results.detach()))
        doubt.mean().backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return -self._said(results).mean()

    def _said(self, values: Tensor) -> Tensor:
        said: Tensor = self.layers(values.clamp(min=1e-6).sqrt())
        return said

    def state(self) -> dict[str, Any]:
        """Return all that going on needs."""
        return {"layers": self.layers.state_dict(), "optimiser": self.optimiser.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what was kept."""
        self.layers.load_state_dict(state["layers"])
        self.optimiser.load_state_dict(state["optimiser"])
