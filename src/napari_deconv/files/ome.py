"""OME metadata: what an OME-XML says of an image.

References: Goldberg et al., Genome Biol. 6:R47 (2005); schema 2016-06, https://www.openmicroscopy.org/Schemas/OME/2016-06/.
Pinholes are in µm there and in Airy units here: the Airy disk's diameter at the pinhole is 1.22 λ M / NA, with the emission
wavelength λ and the magnification M (Pawley (ed.), Handbook of Biological Confocal Microscopy, 3rd ed. 2006).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..image import Channel, Modality, Optics
from .provenance import NAMESPACE, from_json
from .told import Told
from .units import to_micrometres, to_seconds

__all__ = ["IMMERSION", "MODALITIES", "told_by_ome"]

IMMERSION = {"Air": 1.0, "Water": 1.333, "WaterDipping": 1.333, "Glycerol": 1.45, "Oil": 1.515}
"""Refractive indices at about 23 °C; glycerol is 80 % in water (Martini, Andresen & Hell, J. Microsc. 206:146, 2002)."""
SILICONE = 1.406
"""Silicone immersion oil; OME has no word of its own for it, objectives are named for it."""
MODALITIES: dict[str, Modality] = {
    "WideField": "widefield",
    "LaserScanningConfocalMicroscopy": "confocal",
    "SpinningDiskConfocal": "spinning-disk",
    "MultiPhotonMicroscopy": "two-photon",
    "SPIM": "light-sheet",
}


def told_by_ome(xml: str, series: int) -> Told:
    """Return what an OME-XML says of its image number ``series``.

    XML that breaks the schema gives a notice, and voxel size and channel names as far as they can be found.
    """
    import ome_types

    try:
        ome = ome_types.from_xml(xml, validate=False)
        image = ome.images[min(series, len(ome.images) - 1)]
        return OmeReader(ome, image).told()
    except Exception as error:  # whatever a parser of foreign XML may raise
        told = salvaged(xml, series)
        told.notices.append(
            f"the OME-XML breaks its schema ({type(error).__name__}), only voxel size and channel names were taken from it"
        )
        return told


def salvaged(xml: str, series: int) -> Told:
    """Return voxel size and channel names by looking at attributes alone."""
    blocks = re.findall(r"<(?:\w+:)?Pixels\b.*?(?=<(?:\w+:)?Pixels\b|\Z)", xml, re.DOTALL)
    told = Told(metadata={"format": "OME-TIFF"})
    if not blocks:
        return told
    block = blocks[min(series, len(blocks) - 1)]
    head = block[: block.index(">")]
    for axis in "ZYX":
        size = re.search(rf'\bPhysicalSize{axis}="([0-9.eE+-]+)"', head)
        unit = re.search(rf'\bPhysicalSize{axis}Unit="([^"]*)"', head)
        length = to_micrometres(float(size[1]), unit[1] if unit else "µm") if size else None
        if length and length > 0:
            told.voxel[axis] = length
    names = re.findall(r'<(?:\w+:)?Channel\b[^>]*?\bName="([^"]*)"', block)
    told.channels = tuple(Channel(name=name) for name in names)
    return told


class OmeReader:
    """Reads one image of an OME document into `Told`."""

    def __init__(self, ome: Any, image: Any) -> None:
        self.ome, self.image, self.pixels = ome, image, image.pixels
        self.settings = image.objective_settings
        objectives = [each for instrument in ome.instruments for each in instrument.objectives]
        wanted = self.settings.id if self.settings else (objectives[0].id if len(objectives) == 1 else None)
        self.objective = next((each for each in objectives if each.id == wanted), None)
        self.notices: list[str] = []

    def told(self) -> Told:
        """Return all of it."""
        pixels = self.pixels
        told = Told(notices=self.notices, metadata=dict(self.metadata()), document=self.document())
        for axis in "zyx":
            length = to_micrometres(
                getattr(pixels, f"physical_size_{axis}"), getattr(pixels, f"physical_size_{axis}_unit").value
            )
            if length and length > 0:
                told.voxel[axis.upper()] = length
        step = to_seconds(pixels.time_increment, pixels.time_increment_unit.value)
        told.time_step = step if step and step > 0 else None
        told.channels = tuple(
            self.channel(each) for each in pixels.channels for _ in range(each.samples_per_pixel or 1)
        )
        told.optics = self.optics()
        told.origin = dict(self.origin())
        return told

    def metadata(self) -> Iterator[tuple[str, Any]]:
        """Yield what is passed on as it is."""
        yield "format", "OME-TIFF"
        if self.image.description:
            yield "description", self.image.description
        if self.image.acquisition_date:
            yield "acquired", self.image.acquisition_date.isoformat()

    def channel(self, channel: Any) -> Channel:
        """Return one channel."""
        color = (
            "#{:02X}{:02X}{:02X}".format(*channel.color.as_rgb_tuple()[:3])
            if "color" in channel.model_fields_set
            else None
        )
        emission = to_micrometres(channel.emission_wavelength, channel.emission_wavelength_unit.value)
        excitation = to_micrometres(channel.excitation_wavelength, channel.excitation_wavelength_unit.value)
        name = channel.name or channel.fluor or ""
        return Channel(name=name, color=color, emission=emission or None, excitation=excitation or None)

    def optics(self) -> Optics:
        """Return the microscope."""
        objective, channels = self.objective, self.pixels.channels
        modes = {each.acquisition_mode.value for each in channels if each.acquisition_mode}
        aperture = getattr(objective, "lens_na", None)
        magnification = getattr(objective, "calibrated_magnification", None) or getattr(
            objective, "nominal_magnification", None
        )
        return Optics(
            modality=MODALITIES.get(modes.pop()) if len(modes) == 1 else None,
            numerical_aperture=aperture if aperture and aperture > 0 else None,
            immersion_index=self.immersion_index(aperture or 0.0),
            magnification=magnification if magnification and magnification > 0 else None,
            objective=getattr(objective, "model", None),
            pinhole=self.pinhole(aperture, magnification),
        )

    def immersion_index(self, aperture: float) -> float | None:
        """Return the stated index, else that of the immersion's kind; an index below the aperture is not believed."""
        stated = getattr(self.settings, "refractive_index", None)
        if stated is not None and stated >= max(1.0, aperture):
            return float(stated)
        immersion = getattr(self.objective, "immersion", None)
        model = (getattr(self.objective, "model", None) or "").lower()
        kind = immersion.value if immersion else ""
        index = (
            SILICONE if "sil" in model and kind in ("", "Other", "Oil") and aperture < SILICONE else IMMERSION.get(kind)
        )
        if stated is not None:
            self.notices.append(
                f"the refractive index {stated:g} in the file cannot go with NA {aperture:g}: {index or 'none'} is used"
            )
        return index

    def pinhole(self, aperture: float | None, magnification: float | None) -> float | None:
        """Return the pinhole's diameter in Airy units, where all that it takes is known."""
        for channel in self.pixels.channels:
            size = to_micrometres(channel.pinhole_size, channel.pinhole_size_unit.value)
            emission = to_micrometres(channel.emission_wavelength, channel.emission_wavelength_unit.value)
            if size and emission and aperture and magnification:
                return float(f"{size * aperture / (1.22 * emission * magnification):.6g}")
        return None

    def origin(self) -> Iterator[tuple[str, float]]:
        """Yield µm of the first plane's position."""
        first = next((each for each in self.pixels.planes if (each.the_z, each.the_c, each.the_t) == (0, 0, 0)), None)
        for axis in "zyx" if first else "":
            length = to_micrometres(getattr(first, f"position_{axis}"), getattr(first, f"position_{axis}_unit").value)
            if length is not None:
                yield axis.upper(), length

    def document(self) -> dict[str, Any]:
        """Return our own document."""
        annotations = self.ome.structured_annotations
        for each in getattr(annotations, "comment_annotations", None) or ():
            if each.namespace == NAMESPACE:
                return from_json(each.value)
        return {}
