"""Bring a PSF of your own: any array will do, here an out-of-focus one that no model in the menu has.

python examples/own_psf.py
"""

import numpy as np

import napari_deconv as nd

sample = nd.sample("widefield-cells")
image = sample.image.crop(nd.Region({"Y": (0, 96), "X": (0, 96)}))

# A PSF is (Z, Y, X), sampled like the image. Here: rings that widen with the distance from the focal plane.
z, y, x = np.ogrid[-8:9, -12:13, -12:13]
ring = 1.2 * np.abs(z)
psf = np.exp(-((np.hypot(y, x) - ring) ** 2) / (2 * (1 + 0.15 * np.abs(z)) ** 2)) / (1 + ring)

# Wrap it as an Image, so that its voxel size is known; otherwise it is taken to be the image's.
own = nd.Image(psf.astype(np.float32), voxel=image.voxel)
recipe = nd.Recipe(psf=own, method={"kind": "richardson-lucy", "iterations": 10})

# It was kept under its checksum in your data folder, so that this recipe can be saved, shared and replayed.
print(recipe.to_yaml())
result = nd.restored(image, recipe)
print(result, "by the PSF with checksum", result.history[-1]["psf_sha256"][0][:12])
