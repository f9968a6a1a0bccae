r"""`Recall`: how a network of time-lapses uses what it has said of the time points before, pixel by pixel.

A gated recurrent unit whose state is the light itself: p, what was kept, and n, in how many frames it was seen. On the scale u on which
noise is even (see `restorer`), with v what the network makes of the new frame alone and a gate g between 0 and 1 that convolutions set:

    d  =  u(p) - u(v)                        k  =  n g / (n g + 1)
    u(x1)  =  u(v) + k d                     held within twice the spread of the classical estimates, as every correction is
    p  <-  x1,   n  <-  min(n g + 1, 8)

Where nothing has changed, g = 1 gives the mean of all frames, each counting as much as the others; where something moved, g = 0 forgets
it. An empty state (n = 0) gives v itself: a single frame is restored as by the network without recurrence.

References
----------
Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP (2014), for gated recurrent units; Ballas et al.,
"Delving deeper into convolutional networks for learning video representations", ICLR (2016), for convolutional ones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .blocks import Residual, convolution

__all__ = ["STATES", "Recall"]

STATES = 2
"""Planes of a state: the light that was kept, in units of the image's scale, and in how many frames it was seen."""
LONGEST = 8.0
"""Frames that the past counts as, at the most: what is older fades."""
WIDTH = 16
SEEN = 9
"""Planes that the gate looks at."""
FARTHEST = 20.0
"""Deviations of the noise from which all differences look alike."""
BELIEVED = 1.0
"""Logit of the gate of a new network."""


class Recall(nn.Module):
    """Convolutions that say of each pixel how far the past is believed, and how that changes the trust in the photons' step."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            convolution(dims, SEEN, WIDTH), nn.ReLU(), Residual(dims, WIDTH), Residual(dims, WIDTH), nn.ReLU()
        )
        self.last = convolution(dims, WIDTH, 2)
        nn.init.zeros_(self.last.weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(
        self, now: Tensor, past: Tensor, count: Tensor, spread: Tensor, about: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the past adds to ``now``, the frames that it counts as from here on, and the change of the trust's logit.

        now, past : (N, 1, ...) on the scale of even noise; count : (N, 1, ...) frames; spread : (N, 1, ...) of the estimates;
        about : (N, 3, ...) noise, dark and width, see `features.ABOUT`.
        """
        known = count > 0
        differ = torch.where(known, past - now, torch.zeros_like(now))
        apart = (differ / (0.5 * torch.pow(10.0, about[:, :1])).clamp(min=1e-3)).clamp(-FARTHEST, FARTHEST)
        pool = nn.functional.avg_pool2d if now.ndim == 4 else nn.functional.avg_pool3d
        size: tuple[int, ...] = (5, 5) if now.ndim == 4 else (1, 5, 5)
        near = pool(apart.abs(), size, 1, tuple(each // 2 for each in size), count_include_pad=False)
        shares = count / (count + 1)
        given = torch.cat([apart, apart.abs(), near, now, spread, shares, about], dim=1)
        gate, trust = self.last(self.body(given)).split(1, dim=1)
        believed = count * torch.sigmoid(gate + BELIEVED)
        return believed / (believed + 1) * differ, (believed + 1).clamp(max=LONGEST), trust * shares
