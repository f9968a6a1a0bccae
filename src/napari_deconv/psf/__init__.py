"""Point-spread functions: each file a `PsfModel`, added by being there."""

from ..settings import Family
from .base import Grid, PsfModel, check_psf, crop_to_support

__all__ = ["Grid", "PsfModel", "check_psf", "crop_to_support", "family", "names"]

family: Family[PsfModel] = Family("psf", __name__, lambda: PsfModel, "napari_deconv.psf")
names = family.names
