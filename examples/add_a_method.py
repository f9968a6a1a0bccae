"""A method of your own, in a script: van Cittert's, which adds to the object what the blurred object still lacks.

python examples/add_a_method.py
"""

from typing import Literal

import napari_deconv as nd
from napari_deconv.methods import Estimate, Method
from napari_deconv.settings import field


class VanCittert(Method):
    """x <- x + step * (y - b - H x), kept non-negative (van Cittert, Z. Physik 69 (1931) 298-308)."""

    title = "van Cittert"
    kind: Literal["van-cittert"] = "van-cittert"
    iterations: int = field(15, title="Iterations", description="How often to correct.", ge=1, le=1000)
    step: float = field(0.7, title="Step", description="Share of what lacks that is added.", gt=0, le=2)

    def iterate(self, problem):
        blur, light = problem.blur, problem.image - problem.background
        estimate = blur.new_object()
        for step in range(1, self.iterations + 1):
            estimate[blur.frame] += self.step * (light - blur.forward(estimate))
            yield Estimate(estimate.clamp_(min=0), step, self.iterations)


# Having been defined is enough: it is a kind in recipes, and in the panel if this runs before it opens.
sample = nd.sample("widefield-cells")
image = sample.image.crop(nd.Region({"Y": (0, 96), "X": (0, 96)}))
for progress in nd.restore(image, {"psf": sample.psf, "method": {"kind": "van-cittert", "step": 0.5}}):
    print(f"step {progress.step} of {progress.steps}")
print(f"brightest: {image.numpy().max():.0f} -> {progress.estimate.numpy().max():.0f}")
