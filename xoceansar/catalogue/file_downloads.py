"""Download vignettes that catalogues list, as products on the disk."""

import os
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from xoceansar._paths import is_url, local_target
from xoceansar._progress import tracked
from xoceansar.errors import ProductError
from xoceansar.io.ocn.listed_ocn import ocn_files_of
from xoceansar.io.ocn.ocn_listing import OcnFile
from xoceansar.io.remote import StorageOptions
from xoceansar.io.safe.product import Product
from xoceansar.io.safe.product_names import ROLES, STEM
from xoceansar.io.stac.access import Access, grant
from xoceansar.io.stac.asset_store import AssetStore
from xoceansar.io.stac.connections import CONNECTIONS
from xoceansar.io.stac.file_drafts import fetch_to, is_there
from xoceansar.io.stac.listed_products import Listed, given_of, products_of
from xoceansar.io.stac.transfer import RemoteFile

__all__ = ["DownloadReport", "download"]

#: Threads beside those that the connections keep busy: files are hashed and written meanwhile.
_HANDS: Final = 2
#: Bytes that a file may have: the largest have 0.15 GB.
_MOST: Final = 1 << 30


@dataclass(frozen=True)
class DownloadReport:
    """What a download did.

    Parameters
    ----------
    folder : Path
        Where the products are.
    vignettes : int
        Vignettes that are there whole.
    fetched, present : int
        Files that came, and that were there already.
    transferred : int
        Bytes that came.
    failed : dict
        Why each vignette that is not there whole did not come, by its ``vignette_id``.

    Examples
    --------
    >>> DownloadReport(Path("products"), 1, 5, 0, 111_922_548, {}).failed
    {}
    """

    folder: Path
    vignettes: int
    fetched: int
    present: int
    transferred: int
    failed: dict[str, str]


@dataclass(frozen=True)
class _Job:
    """A file to fetch, and whom it belongs to."""

    file: RemoteFile
    target: Path
    access: Access
    vignettes: tuple[str, ...]


def download(
    listed: Listed | str | os.PathLike[str] | list[Listed],
    to: str | os.PathLike[str],
    *,
    storage_options: StorageOptions | None = None,
) -> DownloadReport:
    """Download vignettes that a catalogue lists.

    Parameters
    ----------
    listed : GeoDataFrame, STAC item, dict, str, path-like or list of them
        Rows of `xoceansar.search` or the file they were written to; or items, as in `xoceansar.open_wave_mode`.
    to : str or path-like
        The folder that the products come into, as ``S1A_WV_SLC__....SAFE``.
    storage_options : mapping, optional
        Credentials, as in `xoceansar.open_wave_mode`; those of the environment otherwise.

    Returns
    -------
    DownloadReport
        What came. A vignette that did not is in ``failed`` with the reason, and stops nothing.

    Raises
    ------
    CredentialsError
        If keys or a token are needed, and there are none or they are refused.
    ProductError
        If nothing that a catalogue lists is given.
    PathError
        If the folder cannot be written.
    MissingDependencyError
        If a package of the extra ``catalogue`` is not installed.

    Notes
    -----
    Four connections at a time, as many as the Copernicus Data Space allows, of all your processes together. A file is written beside its place, from
    where an earlier run broke off, held to the size and the MD5 that are listed, and moved to its place when it is whole
    and right: what is there is. Run it again, and it goes on; files that are there are not fetched again.

    Level 2 that a search found comes likewise, without the files of its neighbours.

    A product of which not all vignettes were asked for has the files of these and its manifest: open it with
    ``xos.open_wave_mode(found, root=to)``.

    Examples
    --------
    >>> import xoceansar as xos
    >>> found = xos.search(
    ...     bbox=(-40, 30, -20, 45), datetime="2022-11"
    ... )  # doctest: +SKIP
    >>> report = xos.download(found[found.beam == "wv2"], "products")  # doctest: +SKIP
    >>> ds = xos.open_wave_mode(
    ...     found[found.beam == "wv2"], root="products"
    ... )  # doctest: +SKIP
    """
    folder = local_target(to, "a download")
    access = grant(storage_options)
    products: list[Product] = []
    level2: list[OcnFile] = []
    for one in given_of(listed, storage_options, "any"):
        if isinstance(one, str):
            raise ProductError(
                f"{one} is not what a catalogue lists. Give rows of xoceansar.search, the .parquet or .json file "
                "of a list, or STAC items."
            )
        if isinstance(one, Product):
            products.append(one)
            continue
        images = one["vignette_id"].astype(str).str.fullmatch(STEM)
        if images.any():
            products += products_of(one[images], access)
        if not images.all():
            level2 += ocn_files_of(one[~images], access)
    jobs, failed = _jobs(products, folder)
    jobs += _level2_jobs(level2, folder)
    fetched = transferred = 0
    for job, outcome in _run(jobs):
        if isinstance(outcome, ProductError):
            for name in job.vignettes:
                failed.setdefault(name, str(outcome))
        elif isinstance(outcome, int):
            fetched += 1
            transferred += outcome
    names = {name for job in jobs for name in job.vignettes} | set(failed)
    present = sum(is_there(job.file, job.target) for job in jobs) - fetched
    return DownloadReport(
        folder, len(names - set(failed)), fetched, present, transferred, failed
    )


def _jobs(products: list[Product], folder: Path) -> tuple[list[_Job], dict[str, str]]:
    """List the files of products, XML before pixels; and the vignettes that lack one."""
    jobs: dict[Path, _Job] = {}
    failed: dict[str, str] = {}
    for product in products:
        store = product.store
        if not isinstance(store, AssetStore):
            raise ProductError(f"{product.name} is no product that a catalogue lists.")
        owners: dict[str, tuple[str, ...]] = {}
        for files in product.vignettes:
            lacking = [role for role in ROLES if store.size(files.path(role)) is None]
            if lacking:
                failed[files.name.stem] = f"the catalogue lists no {lacking[0]} file"
            owners |= {files.path(role): (files.name.stem,) for role in ROLES}
        everything = tuple(files.name.stem for files in product.vignettes)
        for file in sorted(store.files, key=lambda one: one.size):
            target = folder / product.name / file.path
            jobs[target] = _Job(
                file, target, store.access, owners.get(file.path, everything)
            )
    return list(jobs.values()), failed


def _level2_jobs(files: list[OcnFile], folder: Path) -> list[_Job]:
    """List measurement files, and the manifests of their products once each."""
    jobs: dict[Path, _Job] = {}
    for one in files:
        assert isinstance(one.store, AssetStore)
        for file in one.store.files:
            target = folder / one.store.name / file.path
            mine: tuple[str, ...] = (one.name.stem,)
            if target in jobs:
                mine = (*jobs[target].vignettes, *mine)
            jobs[target] = _Job(file, target, one.store.access, mine)
    return list(jobs.values())


def _run(jobs: list[_Job]) -> list[tuple[_Job, int | ProductError | None]]:
    """Fetch files, a few at a time; gives the bytes that came, None where a file was there, or what went wrong."""
    pool = ThreadPoolExecutor(CONNECTIONS + _HANDS)
    waiting: dict[Future[int | ProductError | None], _Job] = {
        pool.submit(_fetch, job): job for job in jobs
    }
    try:
        with tracked(as_completed(waiting), "downloading files", len(jobs)) as done:
            return [(waiting[one], one.result()) for one in done]
    finally:  # what ends all of it leaves the rest
        pool.shutdown(cancel_futures=True)


def _fetch(job: _Job) -> int | ProductError | None:
    if is_there(job.file, job.target):
        return None
    if not any(map(is_url, job.file.hrefs)):
        return ProductError(
            f"{job.file.where} is on this machine already, or nowhere: it has no address."
        )
    try:
        return fetch_to(job.file, job.access, job.target, _MOST)
    except ProductError as error:
        return error
