"""OME-TIFF files that validate against the schema, written plane by plane.

float16 is written as float32 and 64-bit integers as float64, because OME-TIFF has no such types; all others are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..image import Image, Optics
from .ome import IMMERSION, MODALITIES
from .planes import five_axes, planes
from .provenance import NAMESPACE, to_json
from .whole import check_space

__all__ = ["make_xml", "write_ome_tiff"]

BIG = 2**32 - 2**25
"""Bytes above which a BigTIFF is written."""
TYPES = {"bool": "bit", "float32": "float", "float64": "double"}


def write_ome_tiff(path: Path, image: Image) -> None:
    """Write an OME-TIFF, plane by plane; a BigTIFF where 4 GB are not enough.

    float16 is written as float32; 64-bit integers as float64 when that keeps every value.

    Raises
    ------
    ValueError
        when a 64-bit integer is too large for that.
    """
    import tifffile

    dtype = ome_dtype(image.dtype)
    shape = five_axes(image).shape
    xml = make_xml(image)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    check_space(path, size)
    with tifffile.TiffWriter(path, bigtiff=size + len(xml) > BIG, ome=False, shaped=False) as file:
        file.write(
            (_ome_plane(plane, dtype) for plane in planes(image)),
            shape=shape,
            dtype=dtype,
            photometric="minisblack",
            description=xml.encode(),
            metadata=None,
            software="napari-deconv",
            **_tags(image.voxel),
        )


def _tags(voxel: Mapping[str, float]) -> dict[str, Any]:
    """Return the resolution tags, for programs that do not read OME-XML."""
    if "Y" not in voxel or "X" not in voxel:
        return {}
    return {"resolution": (1e4 / voxel["X"], 1e4 / voxel["Y"]), "resolutionunit": "CENTIMETER"}


def _ome_plane(plane: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    if plane.dtype == dtype:
        return np.ascontiguousarray(plane)
    if plane.dtype.kind in "iu" and max(abs(int(plane.min())), abs(int(plane.max()))) > 2**53:
        raise ValueError(
            f"the image holds {plane.dtype} values above 2^53, which OME-TIFF cannot keep: write .ome.zarr instead"
        )
    return np.ascontiguousarray(plane.astype(dtype))


def ome_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that OME-TIFF can hold: all but float16 (float32) and 64-bit integers (float64)."""
    return np.dtype({"float16": "float32", "int64": "float64", "uint64": "float64"}.get(dtype.name, dtype.name))


def make_xml(image: Image) -> str:
    """Return the OME-XML of an image whose planes are stored in the order XYZCT, from the first IFD on."""
    from ome_types import model

    time, channels, depth, height, width = five_axes(image).shape
    dtype = ome_dtype(image.dtype).name
    known = {f"physical_size_{axis.lower()}": size for axis, size in image.voxel.items()}
    known |= {"time_increment": image.time_step} if image.time_step else {}
    pixels = model.Pixels(
        id="Pixels:0",
        dimension_order="XYZCT",
        type=TYPES.get(dtype, dtype),
        size_x=width, size_y=height, size_z=depth, size_c=channels, size_t=time,
        channels=list(_channels(image)),
        tiff_data_blocks=[model.TiffData(ifd=0, plane_count=time * channels * depth)],
        planes=list(_planes(image)),
        **known,
    )  # fmt: skip
    note = model.CommentAnnotation(id="Annotation:0", namespace=NAMESPACE, value=to_json(image))
    picture = model.Image(
        id="Image:0",
        name=_printable(image.name),
        pixels=pixels,
        annotation_refs=[model.AnnotationRef(id="Annotation:0")],
    )
    if image.metadata.get("description"):
        picture.description = _printable(str(image.metadata["description"]))
    instruments = list(_instruments(image.optics))
    for instrument in instruments:
        index = image.optics.immersion_index
        picture.instrument_ref = model.InstrumentRef(id=instrument.id)
        picture.objective_settings = model.ObjectiveSettings(
            id="Objective:0", **({"refractive_index": index} if index else {})
        )
    notes = model.StructuredAnnotations(comment_annotations=[note])
    ome = model.OME(creator="napari-deconv", images=[picture], instruments=instruments, structured_annotations=notes)
    xml: str = ome.to_xml()
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml


def _channels(image: Image) -> Iterator[Any]:
    from ome_types import model

    optics = image.optics
    modes = {ours: theirs for theirs, ours in MODALITIES.items()}
    for number, channel in enumerate(image.channels):
        told: dict[str, Any] = {"name": _printable(channel.name)} if channel.name else {}
        told |= {"color": channel.color} if channel.color else {}
        told |= {"emission_wavelength": _nanometres(channel.emission)} if channel.emission else {}
        told |= {"excitation_wavelength": _nanometres(channel.excitation)} if channel.excitation else {}
        told |= {"acquisition_mode": modes[optics.modality]} if optics.modality else {}
        if optics.pinhole and channel.emission and optics.magnification and optics.numerical_aperture:
            airy = 1.22 * channel.emission * optics.magnification / optics.numerical_aperture
            told |= {"pinhole_size": optics.pinhole * airy, "pinhole_size_unit": "µm"}
        yield model.Channel(id=f"Channel:0:{number}", samples_per_pixel=1, **told)


def _nanometres(length: float) -> float:
    return float(f"{length * 1000:.12g}")


def _planes(image: Image) -> Iterator[Any]:
    """Yield the position of every plane, where the image has an origin."""
    from ome_types import model

    if not image.origin:
        return
    origin, sizes = image.origin, image.sizes
    for time in range(sizes.get("T", 1)):
        for channel in range(sizes.get("C", 1)):
            for depth in range(sizes.get("Z", 1)):
                where = {f"position_{axis.lower()}": origin[axis] for axis in origin}
                if "Z" in origin:
                    where["position_z"] = origin["Z"] + depth * image.voxel.get("Z", 1.0)
                units = {f"{name}_unit": "µm" for name in where}
                yield model.Plane(the_z=depth, the_c=channel, the_t=time, **where, **units)


def _instruments(optics: Optics) -> Iterator[Any]:
    """Yield the instrument with its objective, where anything is known of one."""
    from ome_types import model

    index = optics.immersion_index
    told: dict[str, Any] = {
        "lens_na": optics.numerical_aperture,
        "nominal_magnification": optics.magnification,
        "model": _printable(optics.objective or ""),
    }
    if index:
        near = min(IMMERSION, key=lambda name: abs(IMMERSION[name] - index))
        told["immersion"] = near if abs(IMMERSION[near] - index) < 0.03 else "Other"
    known = {name: each for name, each in told.items() if each}
    if known:
        yield model.Instrument(id="Instrument:0", objectives=[model.Objective(id="Objective:0", **known)])


def _printable(text: str) -> str:
    """Return a text without the characters that XML 1.0 forbids."""
    return re.sub("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)
