"""`Training`: one frozen value that says how a network is trained; panel, command line and Python fill in the same one."""

from __future__ import annotations

from typing import Literal

from ..settings import Settings, field

__all__ = ["Layout", "Training"]

Layout = Literal["u-net", "deconvnet", "autoencoder", "recurrent"]


class Training(Settings):
    """How to train."""

    network: Layout = field(
        "u-net",
        title="Network",
        description="Its layout: a U-Net keeps most detail, a DeconvNet puts maxima back, an autoencoder smooths most; recurrent is a U-Net "
        "for time-lapses, which carries what it has seen from one time point to the next.",
    )
    start: str = field(
        "bundled",
        title="Start from",
        description="bundled goes on from the weights that come with the package, new from nothing, a file from your own weights.",
    )
    images: int = field(
        64,
        title="Examples",
        description="How many frames are prepared; a tenth of them judge the training and are not learned from.",
        ge=8,
        le=100_000,
        slider="log",
        shown_min=16,
        shown_max=10_000,
    )
    steps: int = field(
        100,
        title="Steps",
        description="How many times a batch is learned from.",
        ge=1,
        le=1_000_000,
        slider="log",
        shown_min=20,
        shown_max=20_000,
    )
    frames: int = field(
        4,
        title="Time points",
        description="In a row, that a recurrent network learns from; every other network learns from single ones.",
        ge=2,
        le=32,
        advanced=True,
    )
    batch: int = field(4, title="Batch", description="Frames learned from at once.", ge=1, le=256)
    patch: int = field(
        128,
        title="Patch",
        description="Size of a frame in y and x.",
        unit="pixels",
        ge=16,
        le=1024,
        multiple_of=8,
        advanced=True,
    )
    planes: int = field(
        16,
        title="Planes",
        description="Size of a frame in z, of stacks.",
        unit="planes",
        ge=4,
        le=256,
        multiple_of=4,
        advanced=True,
    )
    rate: float = field(
        3e-4,
        title="Learning rate",
        description="The largest step; it rises over the first twentieth of the steps and falls to nothing over the last third.",
        gt=0,
        le=0.1,
        slider="log",
        shown_min=1e-5,
        shown_max=1e-2,
    )
    width: int = field(
        48, title="Width", description="Channels of a new network at half resolution.", ge=4, le=256, advanced=True
    )
    fine: int = field(
        24, title="Fine width", description="Channels of a new network at full resolution.", ge=4, le=128, advanced=True
    )
    turns: bool = field(
        True, title="Turn and mirror", description="Learn from each frame mirrored and turned as well.", advanced=True
    )
    lateral: int = field(
        1,
        title="Lateral",
        description="Voxels of the result for each pixel along y and x: above 1 the decoder draws on a grid that is finer than the camera's.",
        ge=1,
        le=4,
        advanced=True,
    )
    axial: int = field(
        1,
        title="Axial",
        description="Planes of the result for each plane of the image: above 1 voxels become less long, as deep as wide at best.",
        ge=1,
        le=4,
        advanced=True,
    )
    spoilt: float = field(
        0.0,
        title="Spoilt",
        description="Share of simulated images that were compressed with losses, or stored with fewer pixels than were taken, before "
        "the network sees them: for files that may have been.",
        ge=0,
        le=1,
        advanced=True,
    )
    average: float = field(
        0.998,
        title="Average",
        description="Of weights over the steps: how much of the average is kept at each step; 0 keeps the last weights.",
        ge=0,
        lt=1,
        advanced=True,
    )
    patience: int = field(
        0,
        title="Patience",
        description="Stop after so many judgements without a better one; 0 goes on to the end. The best weights are kept in either case.",
        ge=0,
        le=1000,
    )
    judgements: int = field(
        20, title="Judgements", description="How often the training is judged.", ge=1, le=1000, advanced=True
    )
    members: int = field(
        1,
        title="Members",
        description="Networks that learn side by side; where several differ, the result is uncertain.",
        ge=1,
        le=8,
    )
    adversarial: float = field(
        0.0,
        title="Adversarial",
        description="Weight of a second network that tells results from truths. It makes results look likelier and can invent detail "
        "that is not in the image: 0 leaves it out, as measurements need it.",
        ge=0,
        le=1,
        advanced=True,
    )
    precision: Literal["auto", "float32", "bfloat16"] = field(
        "auto",
        title="Precision",
        description="Auto computes in bfloat16 where the processor does so faster.",
        advanced=True,
    )
    seed: int = field(
        0, title="Seed", description="The same seed trains the same network.", ge=0, le=2**31, advanced=True
    )

    def finer(self, dims: int) -> tuple[int, int, int]:
        """Return how many voxels (z, y, x) the result has for each pixel."""
        return (self.axial if dims == 3 else 1), self.lateral, self.lateral

    @property
    def row(self) -> int:
        """How many time points in a row an example has."""
        return self.frames if self.network == "recurrent" else 1
