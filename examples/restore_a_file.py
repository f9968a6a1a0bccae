"""Restore a stack and save it with everything that its file said of itself: voxel size, channels, optics.

python examples/restore_a_file.py CELLS.tif PSF.tif RESULT.ome.tif
"""

import sys

import napari_deconv as nd

source, psf, target = sys.argv[1:]

# Large files stay on disk until their pixels are needed.
image = nd.read(source)
print(image)

# The recipe is all that decides the result. Leave psf out, and it is computed from the optics that the file tells.
recipe = nd.Recipe(psf=psf, method={"kind": "richardson-lucy", "iterations": 20})

# One progress an iteration; leaving this loop early cancels the work.
for progress in nd.restore(image, recipe):
    print(f"\r{progress.fraction:4.0%}", end="", file=sys.stderr)

# The last one carries the whole result, and its history says how it came about.
result = progress.estimate
nd.write(target, result, overwrite=True)
print(f"wrote {target}, recipe {result.history[-1]['digest']}")
