"""The demo does the main job, and comes nearer the truth."""

import json

import numpy as np

import napari_deconv as nd
from napari_deconv.demo import run_demo
from napari_deconv.recipe import Recipe


def test_the_demo(tmp_path):
    seen = []
    demo = run_demo(
        tmp_path / "new" / "folder", device="cpu", on_progress=lambda progress: seen.append(progress.fraction)
    )
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert demo.after["psnr"] > demo.before["psnr"] + 1
    assert demo.after["ssim"] > demo.before["ssim"]
    assert demo.after["nrmse"] < 0.9 * demo.before["nrmse"]
    assert max(abs(value) for value in demo.after["shift"][1:]) < 0.05
    assert set(demo.paths) == {"input", "psf", "truth", "restored", "recipe", "picture"}
    assert all(path.stat().st_size > 100 for path in demo.paths.values())
    assert Recipe.load(demo.paths["recipe"]) == Recipe()
    result, source = nd.read(demo.paths["restored"]), nd.read(demo.paths["input"])
    assert result.history[-1]["digest"] == Recipe().digest
    assert result.voxel == source.voxel
    assert source.optics.numerical_aperture == 1.2
    np.testing.assert_array_equal(source.numpy(), nd.sample().image.numpy())
    text = "\n".join(demo.lines())
    assert f"{demo.after['psnr']:.3f} dB" in text
    assert str(demo.paths["picture"]) in text
    assert json.loads(json.dumps(demo.as_values()))["after"]["psnr"] == demo.after["psnr"]
