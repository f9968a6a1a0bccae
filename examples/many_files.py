"""Restore every stack of a folder with one recipe; what is done already is not done again.

python examples/many_files.py FOLDER RECIPE.yaml RESULTS
"""

import sys
from pathlib import Path

import napari_deconv as nd

folder, recipe, results = Path(sys.argv[1]), nd.Recipe.load(sys.argv[2]), Path(sys.argv[3])
results.mkdir(exist_ok=True)

for source in sorted(folder.glob("*.tif")):
    target = results / f"{source.name.removesuffix('.tif').removesuffix('.ome')}.ome.tif"

    # A result names the recipe that made it, so a changed recipe is noticed.
    if target.exists() and nd.read(target).history[-1]["digest"] == recipe.digest:
        print(f"{target.name}: already there")
        continue

    # A file appears whole or not at all: stop this script at any time and start it again.
    result = nd.restored(nd.read(source), recipe)
    nd.write(target, result, overwrite=True)
    print(f"{target.name}: {result.history[-1]['seconds']:.1f} s")
