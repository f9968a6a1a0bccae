"""Real microscopy files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_deconv.files import read, write

pytestmark = pytest.mark.data
KNOWN = {
    "dapi/image": ((40, 201, 101), {}, "axes IYX: I read as Z; give --axes to override"),
    "microglia/image": ((11, 422, 422), {"Z": 3.0, "Y": 0.4151329, "X": 0.4151329}, None),
    "microglia/psf": ((9, 10, 10), {"Z": 3.0, "Y": 0.4026431, "X": 0.4026431}, None),
    "bead/image": ((64, 64, 64), {}, "axes QYX: Q read as Z; give --axes to override"),
    "pollen/truth": ((32, 256, 256), {}, "axes IYX: I read as Z; give --axes to override"),
    "spheres/psf": ((61, 32, 32), {"Z": 0.3, "Y": 0.30003, "X": 0.30003}, None),
}


@pytest.mark.parametrize("name", KNOWN)
def test_real_file(data_folder: Path, tmp_path: Path, name: str) -> None:
    image = read(data_folder / f"{name}.tif")
    shape, voxel, notice = KNOWN[name]
    assert (image.axes, image.shape, image.name) == ("ZYX", shape, name.split("/")[1])
    assert image.voxel == pytest.approx(voxel)
    assert image.notices == ((notice,) if notice else ())
    np.testing.assert_array_equal(read(data_folder / f"{name}.tif", lazy=True).numpy(), image.numpy())
    write(tmp_path / "x.ome.tif", image)
    again = read(tmp_path / "x.ome.tif")
    np.testing.assert_array_equal(again.numpy(), image.numpy())
    assert again.voxel == image.voxel
