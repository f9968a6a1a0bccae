"""What other programs find in the files that are written: the OME schema, ImageJ's tags, NGFF's attributes."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import ome_types
import pytest
import tifffile
import zarr
from tests.files.images import HISTORY, make_image

from napari_deconv.files import hyperstack, ome_tiff, read, write
from napari_deconv.files.ome import told_by_ome
from napari_deconv.files.provenance import NAMESPACE
from napari_deconv.image import Channel, Image, Optics


@pytest.mark.parametrize("axes", ["YX", "ZYX", "CYX", "TCZYX"])
@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "uint32", "float16", "float32", "float64", "int64"])
def test_ome_xml_validates(tmp_path: Path, axes: str, dtype: str) -> None:
    write(tmp_path / "x.ome.tif", make_image(axes, dtype))
    xml = tifffile.tiffcomment(tmp_path / "x.ome.tif")
    ome_types.validate_xml(xml)


def test_ome_xml_validates_by_another_library(tmp_path: Path) -> None:
    import xmlschema

    schema = xmlschema.XMLSchema(Path(ome_types.__file__).parent / "ome-2016-06.xsd")
    bare = Image(np.zeros((2, 3), np.uint8), name="\x00\ud83d bad \x1b µ<&>")
    for image in (make_image(), bare):
        xml = ome_tiff.make_xml(image)
        assert schema.is_valid(xml), list(schema.iter_errors(xml))[:3]


def test_ome_xml_says_it_in_its_own_words(tmp_path: Path) -> None:
    write(tmp_path / "x.ome.tif", make_image())
    with tifffile.TiffFile(tmp_path / "x.ome.tif") as file:
        ome = ome_types.from_xml(file.ome_metadata)
        assert file.series[0].axes == "TCZYX"
        assert file.pages[0].resolutionunit == 3
    image, pixels = ome.images[0], ome.images[0].pixels
    assert (pixels.physical_size_z, pixels.physical_size_y, pixels.physical_size_x) == (0.3, 0.065, 0.07)
    assert pixels.physical_size_x_unit.value == "µm"
    assert (pixels.time_increment, image.name) == (2.5, "cells µ")
    assert [each.emission_wavelength for each in pixels.channels] == [500, 600, 700]
    assert pixels.channels[0].acquisition_mode.value == "LaserScanningConfocalMicroscopy"
    assert pixels.channels[0].pinhole_size == pytest.approx(1.25 * 1.22 * 0.5 * 63 / 1.4)
    objective = ome.instruments[0].objectives[0]
    assert (objective.lens_na, objective.nominal_magnification, objective.immersion.value) == (1.4, 63, "Oil")
    assert image.objective_settings.refractive_index == 1.518
    third = pixels.planes[3 + 4 * 2]
    assert (third.the_z, third.the_c, third.the_t) == (3, 2, 0)
    assert third.position_z == pytest.approx(-4 + 3 * 0.3)
    note = ome.structured_annotations.comment_annotations[0]
    assert note.namespace == NAMESPACE
    assert tuple(json.loads(note.value)["history"]) == HISTORY


XML = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Instrument ID="Instrument:0">
<Objective ID="Objective:0" LensNA="{aperture}" NominalMagnification="60" Immersion="{immersion}" Model="{model}"/></Instrument>
<Image ID="Image:0"><InstrumentRef ID="Instrument:0"/><ObjectiveSettings ID="Objective:0" {settings}/><Pixels ID="Pixels:0"
DimensionOrder="XYZCT" Type="uint8" SizeX="1" SizeY="1" SizeZ="1" SizeC="1" SizeT="1" PhysicalSizeX="65" PhysicalSizeXUnit="nm"
PhysicalSizeY="2" PhysicalSizeYUnit="pixel" TimeIncrement="500" TimeIncrementUnit="ms"><Channel ID="Channel:0:0" {channel}/>
<MetadataOnly/>{planes}</Pixels></Image></OME>"""


def told(**changes: str) -> Any:
    given = {"aperture": "1.4", "immersion": "Oil", "model": "", "settings": "", "channel": "", "planes": "", **changes}
    return told_by_ome(XML.format(**given), 0)


@pytest.mark.parametrize(
    ("immersion", "aperture", "model", "index"),
    [("Oil", "1.4", "", 1.515), ("Water", "1.2", "", 1.333), ("WaterDipping", "1.0", "", 1.333), ("Glycerol", "1.3", "", 1.45),
     ("Air", "0.8", "", 1.0), ("Other", "1.3", "UPLSAPO60XS2 silicone", 1.406), ("Multi", "0.8", "", None)],
)  # fmt: skip
def test_immersion_becomes_an_index(immersion: str, aperture: str, model: str, index: float | None) -> None:
    found = told(immersion=immersion, aperture=aperture, model=model)
    assert found.optics.immersion_index == index
    assert (found.optics.numerical_aperture, found.optics.magnification) == (float(aperture), 60)


def test_a_stated_index_wins_unless_it_cannot_be() -> None:
    assert told(settings='RefractiveIndex="1.512"').optics.immersion_index == 1.512
    impossible = told(settings='RefractiveIndex="1.0"')
    assert impossible.optics.immersion_index == 1.515
    assert "cannot go with NA 1.4" in impossible.notices[0]


def test_ome_units() -> None:
    found = told(
        channel='EmissionWavelength="0.52" EmissionWavelengthUnit="µm" AcquisitionMode="SPIM" PinholeSize="50"',
        planes='<Plane TheZ="0" TheC="0" TheT="0" PositionX="1.5" PositionXUnit="mm" PositionY="3"/>',
    )
    assert found.voxel == {"X": 0.065}
    assert found.time_step == 0.5
    assert found.channels == (Channel(emission=0.52),)
    assert found.origin == {"X": 1500.0}
    assert found.optics.modality == "light-sheet"
    assert found.optics.pinhole == pytest.approx(50 * 1.4 / (1.22 * 0.52 * 60), rel=1e-5)


@pytest.mark.parametrize(
    "mode", ["WideField:widefield", "SpinningDiskConfocal:spinning-disk", "MultiPhotonMicroscopy:two-photon", "TIRF:"]
)
def test_modality(mode: str) -> None:
    theirs, ours = mode.split(":")
    assert told(channel=f'AcquisitionMode="{theirs}"').optics.modality == (ours or None)


def test_xml_that_breaks_the_schema_still_gives_the_voxel() -> None:
    broken = XML.format(aperture="high", immersion="Honey", model="", settings="", channel='Name="DAPI"', planes="")
    found = told_by_ome(broken, 0)
    assert found.voxel == {"X": 0.065}
    assert found.channels == (Channel(name="DAPI"),)
    assert "breaks its schema" in found.notices[0]


def test_imagej_finds_its_calibration(tmp_path: Path) -> None:
    write(tmp_path / "x.tif", make_image())
    with tifffile.TiffFile(tmp_path / "x.tif") as file:
        meta, page, series = file.imagej_metadata, file.pages.first, file.series[0]
        x, y = (page.tags[name].value for name in ("XResolution", "YResolution"))
        assert (series.kind, series.axes, series.shape) == ("imagej", "TZCYX", (2, 4, 3, 5, 6))
    assert (meta["images"], meta["frames"], meta["slices"], meta["channels"]) == (24, 2, 4, 3)
    assert (meta["hyperstack"], meta["mode"], meta["unit"], meta["spacing"], meta["finterval"]) == (
        True,
        "composite",
        "micron",
        0.3,
        2.5,
    )
    assert x[1] / x[0] == pytest.approx(0.07)
    assert y[1] / y[0] == pytest.approx(0.065)
    assert meta["Labels"][:3] == ["dye µ0", "dye µ1", "dye µ2"]
    assert len(meta["Labels"]) == 24
    assert [table[:, 255].tolist() for table in meta["LUTs"]] == [[255, 0, 0], [0, 255, 16], [0, 0, 255]]
    assert len(meta["Ranges"]) == 6
    assert meta["xorigin"] == pytest.approx(-1200.25 / 0.07)
    assert meta["Info"].startswith("napari-deconv = {")


def test_imagej_info_of_the_source_is_kept(tmp_path: Path) -> None:
    write(tmp_path / "x.tif", make_image("YX", metadata={"info": "objective 63x\nlaser 488"}))
    found = read(tmp_path / "x.tif")
    write(tmp_path / "y.tif", found)
    again = read(tmp_path / "y.tif")
    assert again.metadata["info"] == "objective 63x\nlaser 488"
    assert again.history == HISTORY


def test_imagej_corrections_win_over_the_document(tmp_path: Path) -> None:
    """Somebody corrects the calibration in Fiji; what this project wrote into Info is older."""
    image = make_image("ZYX")
    write(tmp_path / "x.tif", image)
    info = hyperstack.to_json(image)
    meta = {"axes": "ZYX", "unit": "um", "spacing": 0.5, "Info": f"napari-deconv = {info}"}
    tifffile.imwrite(tmp_path / "y.tif", image.data, imagej=True, resolution=(5, 5), metadata=meta)
    assert read(tmp_path / "y.tif").voxel == {"Z": 0.5, "Y": 0.2, "X": 0.2}


def test_imagej_refuses_more_than_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hyperstack, "LARGEST", 100)
    with pytest.raises(ValueError, match=r"an ImageJ TIFF holds 4 GB: write \.ome\.tif or \.ome\.zarr instead"):
        write(tmp_path / "x.tif", make_image("ZYX"))
    assert not list(tmp_path.iterdir())


def test_large_ome_is_big_tiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ome_tiff, "BIG", 100)
    write(tmp_path / "x.ome.tif", make_image("ZYX"))
    with tifffile.TiffFile(tmp_path / "x.ome.tif") as file:
        assert file.is_bigtiff
    np.testing.assert_array_equal(read(tmp_path / "x.ome.tif").numpy(), make_image("ZYX").numpy())


def test_integers_that_do_not_fit(tmp_path: Path) -> None:
    large = Image(np.array([[0, 2**60 + 1]], np.int64))
    with pytest.raises(ValueError, match=r"above 2\^53, which OME-TIFF cannot keep: write \.ome\.zarr"):
        write(tmp_path / "x.ome.tif", large)
    with pytest.warns(UserWarning, match="are rounded"):
        write(tmp_path / "x.tif", large)
    write(tmp_path / "x.ome.zarr", large)
    assert read(tmp_path / "x.ome.zarr").numpy()[0, 1] == 2**60 + 1
    with pytest.raises(ValueError, match="no room for"):
        write(tmp_path / "y.tif", Image(np.array([[1e300, 0.0]])))


def test_ngff_attributes(tmp_path: Path) -> None:
    write(tmp_path / "x.ome.zarr", make_image())
    group = json.loads((tmp_path / "x.ome.zarr" / "zarr.json").read_text())
    ome = group["attributes"]["ome"]
    multiscale = ome["multiscales"][0]
    assert (group["zarr_format"], ome["version"]) == (3, "0.5")
    assert [each["name"] for each in multiscale["axes"]] == list("tczyx")
    assert [each["type"] for each in multiscale["axes"]] == ["time", "channel", "space", "space", "space"]
    assert [each.get("unit") for each in multiscale["axes"]] == [
        "second",
        None,
        "micrometer",
        "micrometer",
        "micrometer",
    ]
    scale, translation = multiscale["datasets"][0]["coordinateTransformations"]
    assert scale == {"type": "scale", "scale": [2.5, 1.0, 0.3, 0.065, 0.07]}
    assert translation == {"type": "translation", "translation": [0, 0, -4, 12.5, 1200.25]}
    assert [each["color"] for each in ome["omero"]["channels"]] == ["FF0000", "00FF10", "0000FF"]
    assert set(ome["omero"]["channels"][0]["window"]) == {"min", "max", "start", "end"}
    array = json.loads((tmp_path / "x.ome.zarr" / "0" / "zarr.json").read_text())
    assert array["dimension_names"] == list("tczyx")


def test_levels_of_a_large_image(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 999, (2, 1201, 2050)).astype(np.uint16)
    write(tmp_path / "x.ome.zarr", Image(data, voxel=(1, 0.1, 0.2), origin=(0, 5, 7)))
    group = zarr.open_group(tmp_path / "x.ome.zarr", mode="r")
    datasets = group.attrs["ome"]["multiscales"][0]["datasets"]
    assert [group[each["path"]].shape for each in datasets] == [(2, 1201, 2050), (2, 601, 1025), (2, 301, 513)]
    small = np.asarray(group["1"])
    np.testing.assert_array_equal(small[1, :600], np.rint(data[1, :1200].reshape(600, 2, 1025, 2).mean(axis=(1, 3))))
    scale, moved = (list(each.values())[1] for each in datasets[2]["coordinateTransformations"])
    assert scale == pytest.approx([1, 0.4, 0.8])
    assert moved == pytest.approx([0, 5.15, 7.3])
    assert read(tmp_path / "x.ome.zarr", lazy=True).origin == {"Z": 0.0, "Y": 5.0, "X": 7.0}


def ngff_04(path: Path, **changes: Any) -> np.ndarray[Any, Any]:
    """Write an OME-Zarr 0.4 as other programs do."""
    data = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 3, 4, 5)
    group = zarr.open_group(path, mode="w", zarr_format=2)
    array = group.create_array(
        "s0",
        shape=data.shape,
        chunks=(1, 1, 4, 5),
        dtype=data.dtype,
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )
    array[...] = data
    axes = [{"name": "c", "type": "channel"}, *({"name": name, "type": "space", "unit": "nanometer"} for name in "zyx")]
    scales = [{"type": "scale", "scale": [1, 300, 50, 60]}, {"type": "translation", "translation": [0, 0, 1000, 0]}]
    multiscale = {
        "version": "0.4",
        "axes": axes,
        "datasets": [{"path": "s0", "coordinateTransformations": scales}],
        **changes,
    }
    channel = {"label": "DAPI", "color": "00ff00", "window": {"start": 1, "end": 9, "min": 0, "max": 255}}
    group.attrs.update({"multiscales": [multiscale], "omero": {"channels": [channel] * 2}})
    return data


@pytest.mark.parametrize("lazy", [False, True])
def test_ngff_04_is_read(tmp_path: Path, lazy: bool) -> None:
    data = ngff_04(tmp_path / "x.ome.zarr")
    image = read(tmp_path / "x.ome.zarr", lazy=lazy)
    assert (image.axes, image.is_lazy, image.name, image.notices) == ("CZYX", lazy, "x", ())
    np.testing.assert_array_equal(image.numpy(), data)
    assert image.voxel == {"Z": 0.3, "Y": 0.05, "X": 0.06}
    assert image.origin == {"Y": 1.0}
    assert image.channels == (Channel(name="DAPI", color="#00FF00"),) * 2
    assert image.metadata["contrast_limits"] == [(1, 9), (1, 9)]


def test_ngff_without_units_is_micrometres_with_a_notice(tmp_path: Path) -> None:
    ngff_04(tmp_path / "x.zarr", axes=list("tzyx"))
    image = read(tmp_path / "x.zarr")
    assert (image.axes, image.voxel["Y"]) == ("TZYX", 50.0)
    assert "without a unit: read as µm" in image.notices[0]


def test_a_collection_has_series(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "x.zarr", mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    ngff_04(tmp_path / "x.zarr" / "0")
    ngff_04(tmp_path / "x.zarr" / "1")
    assert "holds 2 series" in read(tmp_path / "x.zarr", series=1).notices[0]


def test_zarr_folders_that_are_no_image(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "empty.zarr", mode="w")
    with pytest.raises(ValueError, match="holds no OME-Zarr image"):
        read(tmp_path / "empty.zarr")
    ngff_04(tmp_path / "x.zarr", datasets=[{"path": "absent"}])
    with pytest.raises(ValueError, match="broken OME-Zarr metadata"):
        read(tmp_path / "x.zarr")


def test_missing_and_damaged_chunks_are_errors_not_zeros(tmp_path: Path) -> None:
    write(tmp_path / "x.ome.zarr", make_image("CZYX"))
    chunk = tmp_path / "x.ome.zarr" / "0" / "c" / "1" / "0" / "0" / "0"
    content = chunk.read_bytes()
    chunk.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="damaged chunks"):
        read(tmp_path / "x.ome.zarr")
    chunk.unlink()
    with pytest.raises(ValueError, match="lacks 1 of its 3 chunks"):
        read(tmp_path / "x.ome.zarr", lazy=True)


def test_optics_without_a_place_in_the_format_travel_in_the_document(tmp_path: Path) -> None:
    optics = Optics(sample_index=1.38, depth=12, coverslip_thickness=165, pinhole=0.8)
    for suffix in (".ome.tif", ".tif", ".ome.zarr"):
        write(tmp_path / f"x{suffix}", make_image("YX", optics=optics))
        assert read(tmp_path / f"x{suffix}").optics == optics


def test_nothing_warns() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ome_tiff.make_xml(make_image())
    assert not caught
