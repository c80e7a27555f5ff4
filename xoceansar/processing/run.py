"""Process products into an archive."""

import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from xoceansar._html import card
from xoceansar._paths import is_url, local_path, refuse_lost_slash
from xoceansar._progress import is_watched, only_display, progress_bar
from xoceansar.conventions.beams import Beams, one_beam
from xoceansar.errors import ProductError, warn
from xoceansar.io.remote import StorageOptions, encode_options
from xoceansar.io.safe.vignette_source import Reader
from xoceansar.io.stac.listed_products import ProductInputs
from xoceansar.models.bundle.library import load_model, warn_if_simulated
from xoceansar.ops.embedding import Model
from xoceansar.ops.head_values import check_calibrated
from xoceansar.processing.archive_stores import StoreKind
from xoceansar.processing.archive_writer import Archive
from xoceansar.processing.cluster import Scheduler, outcomes
from xoceansar.processing.preference import best_first
from xoceansar.processing.product_block import Outcome, Task
from xoceansar.processing.product_listing import Listing, Unit, list_units
from xoceansar.processing.product_records import Record
from xoceansar.processing.settings import (
    Settings,
    choose_outputs,
    fingerprint,
    needs_model,
)
from xoceansar.processing.writer_lock import ArchiveLock

#: Products that failed, of which a notebook tells.
_SHOWN_FAILURES: Final = 10
#: Where files of catalogues are kept.
_CACHE: Final = Path("~/.cache/xoceansar/files")
#: Bytes of results that wait for a commit.
_WAITING_BYTES: Final = 64 << 20
#: Part of the time that commits may take.
_COMMIT_SHARE: Final = 0.01


@dataclass(frozen=True)
class ProcessReport:
    """What a run did.

    Parameters
    ----------
    archive : str
        Path or URL.
    processed, skipped : int
        Products that were processed, and that the archive had already, or has from another
        writer meanwhile.
    vignettes : int
        Rows that were added.
    failed : tuple of Record
        Products that cannot be read or processed, this time or before, with the reason.
    work_seconds : float
        Processor time of the workers.
    duplicates : int
        Inputs that are a product that another input is too.
    repeated : int
        Vignettes that were left out: the archive has them from another product.
    """

    archive: str
    processed: int
    skipped: int
    vignettes: int
    failed: tuple[Record, ...]
    work_seconds: float
    duplicates: int = 0
    repeated: int = 0

    def _repr_html_(self) -> str:
        lines = [
            f"<ProcessReport of {self.archive}>",
            f"  products   {self.processed:,} processed, {self.skipped:,} skipped, "
            f"{len(self.failed):,} failed",
            f"  vignettes  {self.vignettes:,} added",
            f"  work       {self.work_seconds:,.0f} s of processor time",
        ]
        told = self.failed[:_SHOWN_FAILURES]
        cautions = [f"failed: {record.path}: {record.failure}" for record in told]
        more = len(self.failed) - len(told)
        cautions += [f"and {more:,} more, in .failed"] if more else []
        return card("\n".join(lines), warnings=cautions)


def process(
    inputs: ProductInputs,
    to: str | Path,
    *,
    store: StoreKind | None = None,
    outputs: Iterable[str] | None = None,
    model: Model = None,
    confidence: float | None = None,
    threshold: float | None = None,
    beam: Beams | None = None,
    spacing: float = 50.0,
    shape: tuple[int, int] = (384, 384),
    reader: Reader = "direct",
    uncalibrated: bool = False,
    scheduler: Scheduler = None,
    workers: int | None = None,
    retry_failed: bool = False,
    verify: bool = True,
    storage_options: StorageOptions | None = None,
    target_options: StorageOptions | None = None,
    commit_seconds: float = 10.0,
    progress: bool | None = None,
    root: str | Path | None = None,
    cache: str | Path | None = None,
    cache_bytes: float = 20e9,
) -> ProcessReport:
    """Process Wave Mode products into an archive, or add to one.

    Parameters
    ----------
    inputs : str, path-like, GeoDataFrame, STAC item, dict, or iterable of them
        Products, glob patterns, directories (searched at any depth), text files that list
        products, or ``s3://`` URLs of these; or what a catalogue lists, as in `xoceansar.open_wave_mode`.
    to : str or Path
        The archive: a folder that is made, or added to; or an ``s3://`` URL.
    store : {"zarr", "icechunk"}, optional
        What a new archive is held in. "zarr" (the default) opens with ``xr.open_zarr(to)`` and has
        one writer at a time. "icechunk", an Icechunk repository, may have several, and keeps its
        history. What is there is recognised.
    outputs : iterable of str, optional
        Of ``embedding``, ``swh``, ``wind``, ``class``, ``icebergs``, ``quality`` (always there);
        without a model ``texture``, and of the complex image ``spectra`` (on ESA's grid), ``cutoff``,
        ``cwave``, ``statistics``, ``swell`` and ``doppler``; and ``sigma0``, the images themselves as float16.
        ``level``, the mean of sigma0 that heads take, over what a model sees, without running its network. By
        default all that the model gives, and nothing else.
    model : str or ModelHandle, optional
        Name, path or handle; the default bundle where not given. Workers on other machines must
        find it under the same path.
    confidence : float, optional
        Probability with which intervals are to hold the truth, as in `xoceansar.ops.retrieve`.
    threshold : float, optional
        Least score of an iceberg, as in `xoceansar.ops.icebergs`.
    beam, spacing, shape, reader, uncalibrated
        As in `xoceansar.open_wave_mode`.
    scheduler : str or distributed.Client, optional
        Local processes where not given; the address of a Dask scheduler (``tcp://...``);
        ``"synchronous"``: this process.
    workers : int, optional
        Number of local processes. By default one for each GPU, or else one for each core, as far
        as each has 3 GiB of memory.
    retry_failed : bool, optional
        Whether to try again the products that failed before.
    verify : bool, optional
        Whether pixels are held to their checksums, as in `xoceansar.open_wave_mode`.
    storage_options, target_options : mapping, optional
        For URLs of products, and of the archive: keyword arguments of the fsspec file system. For what a
        catalogue lists: as in `xoceansar.open_wave_mode`; workers on other machines need the credentials in their environment.
    commit_seconds : float, optional
        Least time between commits: what an interruption loses at most, beside the products at
        work. Commits take at most a hundredth of the time, so they are rarer where they are slow.
    progress : bool, optional
        Whether to show a bar; where not given, if the standard error is a terminal, or a notebook.
    root : str or Path, optional
        For what a catalogue lists: a folder in which files are looked for first.
    cache : str or Path, optional
        For what a catalogue lists: a folder that keeps what was fetched, ``~/.cache/xoceansar/files`` where not given.
    cache_bytes : float, optional
        What it may hold: what was used longest ago makes room.

    Returns
    -------
    ProcessReport
        What was done. A product that cannot be processed is in ``failed`` and in the archive, and
        stops nothing.

    Raises
    ------
    ArchiveError
        If the archive was made with other settings, has another writer, is held in something else
        than `store`, or cannot be written; it then opens as it was at its last commit.
    ProductError
        If an input does not exist.
    BundleError
        If the model cannot give an output.
    ConfidenceError
        If the model was not calibrated for that confidence.
    MissingDependencyError
        If the archive needs Icechunk, or another package, that is not installed.

    Notes
    -----
    Rows come in the order of the inputs, whatever the workers do, so that an archive of
    interrupted runs equals that of one run, value for value. A product whose manifest the archive
    has is not read again, wherever it lies and whatever it is called there; a vignette whose
    ``vignette_id`` it has, from another product, is left out. Of two processings of one acquisition
    among the inputs, the one by the higher IPF version comes first, then the one processed later.

    Of what a catalogue lists, vignettes that the archive has are not fetched, wherever it has them from. Those that cannot be fetched are
    left out, their product is in ``failed`` with the reason, and ``retry_failed`` tries them alone again.

    The archive opens with ``xr.open_zarr(to)``, and its table of products with
    ``xr.open_zarr(to, group="units")``; either kind with `xoceansar.open_archive`.

    Several writers of an Icechunk archive: rows come in the order of the commits, and in each in
    that of its inputs. A product that two of them process is there once.

    With local processes, call it from a script under ``if __name__ == "__main__":``.

    Examples
    --------
    >>> import xoceansar as xos
    >>> report = xos.process("products/", "archive.zarr")  # doctest: +SKIP
    """
    refuse_lost_slash(to)
    handle = load_model(model) if needs_model(outputs) else None
    settings = Settings(
        outputs=choose_outputs(outputs, handle),
        model="" if handle is None else handle.name,
        fingerprint=fingerprint(handle),
        confidence=confidence,
        threshold=threshold,
        beam=one_beam(beam, error=ProductError),
        spacing=float(spacing),
        shape=(int(shape[0]), int(shape[1])),
        reader=reader,
        uncalibrated=bool(uncalibrated),
    )
    if handle is not None:
        check_calibrated(confidence, handle, [head.target for head in handle.heads])
        warn_if_simulated(handle)
    access = encode_options(storage_options)
    catalogue = Listing(
        storage_options,
        "" if root is None else str(local_path(root)),
        str(_CACHE.expanduser() if cache is None else local_path(cache).absolute()),
        int(cache_bytes),
        bool(verify),
        settings.beam,
    )
    target = str(to) if is_url(str(to)) else str(Path(to).expanduser().absolute())
    run = _Run(target, encode_options(target_options), settings, retry_failed, store)
    known = {r.path: r.digest for r in run.archive.latest if r.digest}
    listed, duplicates = list_units(inputs, access, known, catalogue)
    units = best_first(listed, access)
    todo = run.pending(units)
    # credentials of what a catalogue lists do not travel with tasks
    travelling = access if any(one.product is None for one in units) else "{}"
    added: list[Record] = []
    seconds = 0.0
    if todo:
        with run.lock() as lock:
            run.archive.begin()
            todo = run.pending(units)  # another writer may have ended in between
            with (
                outcomes(
                    todo, Task(settings, handle, travelling, verify), scheduler, workers
                ) as results,
                watching(
                    len(todo), show=is_watched() if progress is None else progress
                ) as note,
            ):
                queue = _Queue(run.archive, lock, commit_seconds)
                for outcome in results:
                    note(outcome)
                    seconds += outcome.cpu_seconds
                    queue.add(outcome)
                queue.flush()
                added = queue.added
    report = run.report(units, added, seconds)
    if report.repeated:
        warn(
            f"{report.repeated} vignettes were left out: {target} has them from another product. "
            "The column repeated_count of its table of products says where."
        )
    return replace(report, duplicates=duplicates)


class _Run:
    """An archive, and which products it lacks."""

    def __init__(
        self,
        target: str,
        options: str,
        settings: Settings,
        retry_failed: bool,
        store: StoreKind | None,
    ) -> None:
        self.target, self.options = target, options
        self.archive = Archive(target, options, settings, store)
        self._retry = retry_failed

    def lock(self) -> AbstractContextManager[ArchiveLock | None]:
        if self.archive.one_writer:
            return ArchiveLock(self.target, self.options)
        return nullcontext()

    def pending(self, units: list[Unit]) -> list[Unit]:
        ledger, there = self.archive.latest, self.archive.vignettes
        latest = [(unit.without(there), ledger.of(unit)) for unit in units]
        return [
            unit
            for unit, record in latest
            if unit is not None and (record is None or (self._retry and record.failure))
        ]

    def report(
        self, units: list[Unit], added: list[Record], seconds: float
    ) -> ProcessReport:
        ledger = self.archive.latest
        latest = [ledger.of(unit) for unit in units]
        return ProcessReport(
            archive=self.target,
            processed=len(added),
            skipped=len(units) - len(added),
            vignettes=sum(record.rows for record in added),
            failed=tuple(r for r in latest if r is not None and r.failure),
            work_seconds=seconds,
            repeated=sum(record.repeated for record in added),
        )


class _Queue:
    """Results that wait for the next commit."""

    def __init__(
        self, archive: Archive, lock: ArchiveLock | None, interval: float
    ) -> None:
        self._archive, self._lock, self._interval = archive, lock, interval
        self.added: list[Record] = []
        self._waiting: list[Outcome] = []
        self._bytes = 0
        self._last, self._cost = time.monotonic(), 0.0

    def add(self, outcome: Outcome) -> None:
        self._waiting.append(outcome)
        self._bytes += 0 if outcome.rows is None else outcome.rows.nbytes
        pause = max(self._interval, self._cost / _COMMIT_SHARE) * bool(self._interval)
        due = time.monotonic() - self._last >= pause
        if due or self._bytes >= _WAITING_BYTES:
            self.flush()

    def flush(self) -> None:
        if not self._waiting:
            return
        if self._lock is not None:
            self._lock.check()
        start = time.monotonic()
        self.added += self._archive.commit(self._waiting)
        self._waiting, self._bytes = [], 0
        self._last = time.monotonic()
        self._cost = self._last - start


class Watch(Protocol):
    """What is told of each product."""

    def __call__(self, outcome: Outcome) -> None:
        """Take note of what became of a product."""


@contextmanager
def watching(total: int, *, show: bool) -> Iterator[Watch]:
    """Show a bar on the standard error while products are processed."""
    bar = progress_bar(
        "products, {task.fields[rows]} vignettes ({task.fields[rate]:.1f}/s),",
        "[red]{task.fields[failed]} failed",
        shown=show,
        transient=False,
    )
    rows = failed = 0
    with only_display(wanted=show), bar:
        task = bar.add_task("processing", total=total, rate=0.0, rows=0, failed=0)

        def note(outcome: Outcome) -> None:
            nonlocal rows, failed
            rows += 0 if outcome.rows is None else outcome.rows.sizes["vignette"]
            failed += bool(outcome.failure)
            elapsed = bar.tasks[0].elapsed or 1.0
            bar.update(task, advance=1, rate=rows / elapsed, rows=rows, failed=failed)
            if outcome.failure:
                bar.console.print(
                    f"failed: {outcome.unit.path}: {outcome.failure}",
                    style="red", markup=False, highlight=False, soft_wrap=True,
                )  # fmt: skip

        yield note
