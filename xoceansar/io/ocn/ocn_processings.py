"""Several processings of one vignette among Level-2 OCN files: which of them is taken."""

from itertools import groupby

from xoceansar.errors import ProductError, VignetteError, warn
from xoceansar.io.containers import MANIFEST
from xoceansar.io.guard import guard
from xoceansar.io.ocn.ocn_file import read_attributes
from xoceansar.io.ocn.ocn_listing import OcnFile
from xoceansar.io.ocn.trial_reading import try_reading
from xoceansar.io.safe.acquisitions import together
from xoceansar.io.safe.processings import ProcessingRank, rank_processing
from xoceansar.io.safe.product import timeliness

__all__ = ["each_once", "processing_of"]


def each_once(files: list[OcnFile]) -> list[OcnFile]:
    """List files, of each vignette the one by the best processing."""
    ordered = sorted(files, key=lambda file: (*_radar(file), file.name.start))
    kept: list[OcnFile] = []
    for _, images in groupby(ordered, _radar):
        groups = together(list(images), lambda file: file.name.start)
        kept += [
            group[0] if len(group) == 1 else max(group, key=_rank) for group in groups
        ]
    if len(kept) < len(files):
        warn(
            f"{len(files) - len(kept)} files are given more than once, or are other processings of vignettes "
            "that are given; each vignette is taken once: by the highest IPF version, then the latest "
            "processing, then Fast-24h over NRT, then the order."
        )
    return kept


def processing_of(file: OcnFile) -> tuple[str, str, str]:
    """Read the IPF version, the time of processing and the timeliness of a file; empty where not known."""
    version = processed = soon = ""
    try:
        with guard(file.name.stem, file.where):
            content = file.read()
            if not file.is_checked:
                try_reading(content, file.where)
            version, processed = read_attributes(
                file.where, content, "IPFversion", "processingStartTime"
            )
        if file.in_product and file.store.size(MANIFEST) is not None:
            soon = timeliness(file.store)
    except (ProductError, VignetteError):
        pass  # the reader says what is wrong with it, if it is taken
    return version, processed, soon


def _radar(file: OcnFile) -> tuple[str, ...]:
    name = file.name
    return name.platform, name.datatake, name.polarisation, name.beam


def _rank(file: OcnFile) -> ProcessingRank:
    return rank_processing(*processing_of(file))
