"""Find the vignettes of EOPF products of single-look complex images."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from xoceansar._optional import require
from xoceansar._paths import is_url, local_path
from xoceansar.errors import UnsupportedProductError
from xoceansar.io.containers import MANIFEST, zip_members
from xoceansar.io.eopf.eopf_stems import (
    described,
    eopf_kind,
    found_at,
    name_vignette,
    properties,
)
from xoceansar.io.eopf.zarr_groups import (
    ROOTS,
    EopfStore,
    archive_root,
    forget_roots,
)
from xoceansar.io.safe.product_names import VignetteName

__all__ = ["Contents", "eopf_stores", "is_eopf_name", "read_contents"]

_FOLDER: Final = ".zarr"
_ARCHIVE: Final = ".zarr.zip"
_IPF: Final = re.compile(r"\bIPF\b")
_VERSION: Final = re.compile(r"\d{1,3}\.\d{1,2}")


@dataclass(frozen=True)
class Contents:
    """What a product of images holds.

    Parameters
    ----------
    ipf_version, processed, timeliness : str
        As of `xoceansar.io.safe.product.Product`; empty where it does not say.
    simulated : bool
        Whether it says that it was simulated.
    groups : dict of VignetteName to str
        Where each vignette is.
    unknown : tuple of str
        Groups that hold images of which too little is known to name them.
    """

    ipf_version: str
    processed: str
    timeliness: str
    simulated: bool
    groups: dict[VignetteName, str]
    unknown: tuple[str, ...]


def is_eopf_name(path: str) -> bool:
    """Say whether a path is named as an EOPF product is."""
    name = path.rstrip("/").rpartition("/")[2].lower()
    return name.endswith((_FOLDER, _ARCHIVE)) and eopf_kind(name) is not None


def eopf_stores(path: str, options: str = "{}") -> list[EopfStore]:
    """Find the EOPF products at a path; none where it holds another format."""
    if is_url(path):
        forget_roots()
        place = path.rstrip("/")
        if place.lower().endswith(_ARCHIVE):
            return [_store_in_archive(place, options)]
        named = place.lower().endswith(_FOLDER) or is_eopf_name(place)
        return [EopfStore(place, "", options)] if named else []
    target = local_path(path)
    if os.path.isdir(target):
        place = os.path.realpath(target)
        if _is_root(place):
            return [EopfStore(place)]
        if os.path.exists(target / MANIFEST):
            return []
        return [
            store
            for name in sorted(os.listdir(place))
            if is_eopf_name(name)
            for store in eopf_stores(os.path.join(place, name))
        ]
    if not str(target).lower().endswith(".zip") or not os.path.isfile(target):
        return []
    archive = os.path.realpath(target)
    prefix = archive_root(list(zip_members(archive)))
    return [] if prefix is None else [EopfStore(archive, prefix)]


def _store_in_archive(url: str, options: str) -> EopfStore:
    require("fsspec", extra="archive")
    from xoceansar.io.eopf.remote_archive import archive_at, forget_archives

    forget_archives()
    prefix = archive_root(archive_at(url, options).names)
    if prefix is None:
        raise UnsupportedProductError(
            f"{url} holds no Zarr store: none of its members is {' or '.join(ROOTS)}. Give the .zarr.zip of a product, "
            "or the URL of its folder (.zarr)."
        )
    return EopfStore(url, prefix, options)


def _is_root(folder: str) -> bool:
    return any(os.path.isfile(os.path.join(folder, name)) for name in ROOTS)


def read_contents(store: EopfStore) -> Contents:
    """List the vignettes of a product of images."""
    root = store.attributes()
    members = store.members()
    if "measurements" in members:  # of one vignette by itself
        members = [""]
    groups: dict[VignetteName, str] = {}
    unknown = []
    for member in members:
        attributes = store.attributes(member)
        name = name_vignette(VignetteName, member or store.name, attributes, root)
        if name is None or name in groups:
            unknown.append(store.where(member))
        else:
            groups[name] = member
    _check_kind(store, root, members, groups)
    inner = store.attributes(next(iter(groups.values())))
    stac = {**properties(root), **properties(inner)}
    return Contents(
        ipf_version=ipf_version(stac),
        processed=str(stac.get("created", "")),
        timeliness=str(stac.get("product:timeliness_category", "")),
        simulated=is_simulated(stac),
        groups=groups,
        unknown=tuple(unknown),
    )


def _check_kind(
    store: EopfStore,
    root: Mapping[str, Any],
    members: list[str],
    groups: Mapping[VignetteName, str],
) -> None:
    """Refuse what is no product of images of Wave Mode."""
    kind = str(properties(root).get("product:type") or store.name).upper()
    if "osw" in members or kind.startswith("S01SWVOCN"):
        raise UnsupportedProductError(
            f"{store.where('')} is an EOPF product of Level 2 (S01SWVOCN). Open it with "
            "xoceansar.open_ocn."
        )
    other = kind.startswith("S01S") and not kind.startswith("S01SWVSLC")
    if other or not groups:
        found = f"it is of the type {kind}" if other else "no group in it is a vignette"
        raise UnsupportedProductError(
            f"{store.where('')} is a Zarr store and no EOPF product of Wave Mode SLC (S01SWVSLC): "
            f"{found}. Open an archive of this library with xoceansar.open_archive, another store with "
            "xarray.open_datatree."
        )


def ipf_version(stac: Mapping[str, Any]) -> str:
    """Version of the processor of the ground segment; empty where it does not say."""
    software = stac.get("processing:software")
    for name, version in (software if isinstance(software, Mapping) else {}).items():
        if _IPF.search(str(name)) and _VERSION.fullmatch(str(version).strip()):
            return str(version).strip()
    return ""


def is_simulated(stac: Mapping[str, Any]) -> bool:
    """Say whether the facility of a product is a simulation."""
    facilities = [stac.get("processing:facility"), *(found_at(one, "name") for one in stac.get("provider") or ())]  # fmt: skip
    return any(str(one).startswith("Simulated") for one in facilities if one)


def is_denoised(attributes: Mapping[str, Any]) -> bool:
    """Say whether the processor took the thermal noise off."""
    path = "image_annotation/processing_information/thermal_noise_correction_performed"
    said = found_at(described(attributes), path)
    if said is None:
        said = found_at(attributes, "stac_discovery/thermalNoiseCorrectionPerformed")
    return str(said).strip().lower() == "true"
