"""Which method comes nearest the truth? Asked of simulated cells, where the truth is known.

python examples/compare_methods.py
"""

import numpy as np

import napari_deconv as nd

# A corner of the sample is enough to see the differences, and quick.
sample = nd.sample("cells-2d")
corner = nd.Region({"Y": (0, 96), "X": (0, 96)})
image, truth = sample.image.crop(corner), sample.truth.crop(corner).numpy()


def error(values):
    """Root-mean-square error as a share of the truth's, after the best scale and offset."""
    scale, offset = np.polyfit(values.ravel(), truth.ravel(), 1)
    return np.linalg.norm(scale * values + offset - truth) / np.linalg.norm(truth - truth.mean())


print(f"{'as taken':20} {error(image.numpy()):.3f}")
for method in ("adjoint", "wiener", "tikhonov", "richardson-lucy"):
    result = nd.restored(image, nd.Recipe(psf=sample.psf, method=method))
    chosen = result.history[-1]["iterations"]
    print(f"{method:20} {error(result.numpy()):.3f}  after {chosen} iterations")
