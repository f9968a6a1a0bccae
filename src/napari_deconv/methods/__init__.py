"""Restoration methods: each file a `Method`, added by being there."""

from ..settings import Family
from .base import Estimate, Method, Problem

__all__ = ["Estimate", "Method", "Problem", "family", "names"]

family: Family[Method] = Family("method", __name__, lambda: Method, "napari_deconv.methods")
names = family.names
