"""A theoretical PSF fitted to an image: `fit_psf` lets the image itself correct what nobody knows of the optics."""

from .asked import Fit
from .fit import FitProgress, fit_psf, fitted_psf
from .verdict import Estimated, Fitted

__all__ = ["Estimated", "Fit", "FitProgress", "Fitted", "fit_psf", "fitted_psf"]
