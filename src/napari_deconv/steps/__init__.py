"""Preparation and finishing: each file some `Step`s, added by being there."""

from ..settings import Family
from .base import Step

__all__ = ["Step", "family", "names"]

family: Family[Step] = Family("step", __name__, lambda: Step, "napari_deconv.steps")
names = family.names
