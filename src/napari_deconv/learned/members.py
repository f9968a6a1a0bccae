"""The networks that a training begins with: new ones, or copies of weights that it goes on with."""

from __future__ import annotations

from ..methods.features import ESTIMATES, LIKELY
from .networks import Architecture
from .restorer import Restorer
from .training import Training
from .weights import load_weights

__all__ = ["new_members"]


def new_members(training: Training, dims: int) -> list[Restorer]:
    """Return new networks, or copies of those that the training goes on with, for so many dimensions.

    Raises
    ------
    FileNotFoundError, ValueError
        when there are no such weights, or they are of another kind of network.
    """
    if training.start != "new":
        known = load_weights(training.start, dims)
        return [_continued(known.members[number % len(known.members)], training) for number in range(training.members)]
    shape = Architecture(kind=training.network, dims=2 if dims == 2 else 3, width=training.width, fine=training.fine)
    return [Restorer(shape, len(ESTIMATES), LIKELY) for _ in range(training.members)]


def _continued(member: Restorer, training: Training) -> Restorer:
    """Return a network that begins with these weights; a recurrent one may begin with those of a U-Net, which it is in a single frame.

    Raises
    ------
    ValueError
        when one is recurrent and the other cannot be.
    """
    shape = member.architecture
    if training.network == "recurrent" and shape.kind == "u-net":
        shape = shape.replace(kind="recurrent")
    if (training.network == "recurrent") != (shape.kind == "recurrent"):
        raise ValueError(
            f"the weights {training.start} are of a {shape.kind} network and train.network is {training.network}: "
            f"set train.network={shape.kind}, or train.start=new"
        )
    fresh = Restorer(shape, member.estimates)
    fresh.load_state_dict({**fresh.state_dict(), **member.state_dict()})
    return fresh
