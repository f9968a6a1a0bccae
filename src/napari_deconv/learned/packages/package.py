"""`Package`: a bioimage.io model package on this computer, a folder or a zip file; nothing is ever fetched from elsewhere.

The description is read by the format's own library, `bioimageio.spec` (0.4 is converted to 0.5 by it). Files are read by name from
inside the package alone, and what the description tells of their checksums is checked.

References
----------
Ouyang et al., "BioImage Model Zoo: a community-driven resource for accessible deep learning in bioimage analysis", bioRxiv (2022).
https://github.com/bioimage-io/spec-bioimage-io
"""

from __future__ import annotations

import hashlib
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

__all__ = ["INSTALL", "KEY", "Package"]

NAMES = ("rdf.yaml", "bioimageio.yaml", "model.yaml")
INSTALL = "pip install 'napari-deconv[community]'"
KEY = "napari_deconv"
"""Where a description holds the card of a network that was exported from this program."""
LARGEST_MANIFEST = 2**22
LARGEST = 4 * 2**30
"""Bytes of a file that are read at most."""


@dataclass(frozen=True)
class Package:
    """A package as it lies on the disk: ``path`` is its folder or zip file, ``manifest`` the name of its description in it."""

    path: Path
    manifest: str
    stamp: tuple[int, ...] = ()

    @classmethod
    def open(cls, where: str | Path) -> Package:
        """Return the package in a folder, in a zip file, or beside its description.

        Raises
        ------
        FileNotFoundError, ValueError
            when there is none.
        """
        path = Path(where).expanduser()
        if not path.exists():
            raise FileNotFoundError(f"there is no model package {where}: check method.path (nothing is downloaded)")
        if path.is_file() and path.suffix in (".yaml", ".yml"):
            return cls(path.parent, path.name, _stamp(path))
        if not path.is_dir() and not zipfile.is_zipfile(path):
            raise ValueError(f"{where} is no model package: choose a folder or zip file with an rdf.yaml in it")
        names = sorted(_names(path), key=lambda name: (PurePosixPath(name).name not in NAMES, name))
        for name in names:
            if name in NAMES or name.endswith(".bioimageio.yaml"):
                return cls(path, name, _stamp(path if path.is_file() else path / name))
        raise ValueError(f"{where} holds no rdf.yaml: it is no bioimage.io package, choose another")

    def read(self, name: str, sha256: str | None = None) -> bytes:
        """Return a file of the package.

        Raises
        ------
        ValueError
            when it is named by a web address or outside the package, is missing, or is not the one that was described.
        """
        if "://" in name:
            raise ValueError(f"the model's file {name} is not in the package: download it and put it there")
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or ":" in name:
            raise ValueError(f"the model's description names a file outside its package ({name}): it is refused")
        content = self._content(parts.as_posix())
        if sha256 and hashlib.sha256(content).hexdigest() != sha256:
            raise ValueError(
                f"{name} in {self.path.name} is not the file that was described (another checksum): get it again"
            )
        return content

    def _content(self, name: str) -> bytes:
        try:
            if self.path.is_dir():
                file = self.path / name
                if not file.resolve().is_relative_to(self.path.resolve()):
                    raise ValueError(f"{name} in {self.path.name} leads outside the package: it is refused")
                return _bounded(name, file.stat().st_size, file.read_bytes)
            with zipfile.ZipFile(self.path) as archive:
                size = archive.getinfo(name).file_size
                return _bounded(name, size, lambda: archive.read(name))
        except (FileNotFoundError, KeyError):
            raise ValueError(f"the package {self.path.name} lacks its file {name}: get it again") from None

    def described(self) -> tuple[Any, Mapping[str, Any]]:
        """Return the model's description (0.5) by `bioimageio.spec`, and the plain values that it was read from.

        Raises
        ------
        ValueError
            when the library is missing, or the description is not valid.
        """
        return _described(self)

    @property
    def card(self) -> Mapping[str, Any] | None:
        """The card of a network that was exported from this program, None where the network is another's."""
        held = (self.described()[1].get("config") or {}).get(KEY)
        return held if isinstance(held, dict) and "architecture" in held else None


def _bounded(name: str, size: int, read: Any) -> bytes:
    if size > LARGEST:
        raise ValueError(
            f"{name} has {size / 2**30:.1f} GiB: files of a model are read up to {LARGEST / 2**30:.0f} GiB"
        )
    content: bytes = read()
    return content


def _names(path: Path) -> list[str]:
    if path.is_dir():
        return [each.name for each in path.iterdir() if each.is_file()]
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def _stamp(path: Path) -> tuple[int, ...]:
    told = path.stat()
    return told.st_mtime_ns, told.st_size


@lru_cache(maxsize=8)
def _described(package: Package) -> tuple[Any, Mapping[str, Any]]:
    import yaml

    text = package.read(package.manifest)
    if len(text) > LARGEST_MANIFEST:
        raise ValueError(
            f"{package.manifest} in {package.path.name} has {len(text) / 1e6:.0f} MB: that is no description"
        )
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ValueError(
            f"{package.manifest} in {package.path.name} is not readable as YAML: get the package again"
        ) from None
    if not isinstance(values, dict) or values.get("type", "model") != "model":
        raise ValueError(f"{package.path.name} does not describe a model: choose a package of type model")
    return _checked(package, values), values


def _checked(package: Package, values: dict[str, Any]) -> Any:
    """Return the description as `bioimageio.spec` understands it, without looking at other files or the network."""
    try:
        from bioimageio.spec import InvalidDescr, ValidationContext, build_description
    except ImportError:
        raise ValueError(
            f"opening a community model needs bioimageio.spec, which is not installed: {INSTALL}"
        ) from None
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        is_folder = package.path.is_dir()
        root = package.path if is_folder else stack.enter_context(zipfile.ZipFile(package.path))
        context = ValidationContext(root=root, perform_io_checks=False, log_warnings=False, disable_cache=True)
        described: Any = build_description(values, context=context, format_version="latest")
    if isinstance(described, InvalidDescr):
        errors = described.validation_summary.errors if described.validation_summary else ()
        told = "; ".join(
            f"{'.'.join(map(str, each.loc))}: {each.msg}" for each in errors if each.loc != ("format_version",)
        )[:300]
        raise ValueError(f"the description of {package.path.name} is not valid ({told}): mend its {package.manifest}")
    if described.type != "model" or not hasattr(described.inputs[0], "axes"):
        raise ValueError(f"the installed bioimageio.spec does not read {package.path.name}: {INSTALL} --upgrade")
    return described
