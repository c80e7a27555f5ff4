"""What holds an archive: a plain Zarr store, or an Icechunk repository."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

from xoceansar.errors import ArchiveError
from xoceansar.io.archive.repository import check_target, is_repository
from xoceansar.processing.archive_faults import Fault, Hierarchy
from xoceansar.processing.icechunk_branch import Branch
from xoceansar.processing.transaction import Transaction, open_base

if TYPE_CHECKING:
    from zarr.abc.store import Store


StoreKind: TypeAlias = Literal["zarr", "icechunk"]

_NAMES: Final[dict[StoreKind, str]] = {
    "zarr": "a Zarr store",
    "icechunk": "an Icechunk repository",
}


class ArchiveStore(Protocol):
    """What an archive needs of what holds it: the last commit, and a place for the next."""

    @property
    def store(self) -> "Store":
        """What zarr and xarray read and write."""

    @property
    def members(self) -> Hierarchy:
        """Metadata of groups and arrays, as of the last commit."""

    @property
    def faults(self) -> list[Fault]:
        """What does not fit together there."""

    @property
    def attributes(self) -> dict[str, Any] | None:
        """Attributes of the root group; None if there is no group."""

    def has(self, name: str) -> bool:
        """Whether there is an array or a group of that path."""

    def commit(self, message: str, metadata: Mapping[str, int]) -> None:
        """Make what was written visible at once."""


def choose_kind(target: str, options: str, asked: StoreKind | None) -> StoreKind:
    """Find which kind of store an archive is, or will be."""
    if asked is not None and asked not in _NAMES:
        raise ArchiveError(f"store is one of {list(_NAMES)}; got {asked!r}.")
    if asked == "icechunk":
        check_target(target)
    there: StoreKind | None = "icechunk" if is_repository(target, options) else None
    if asked == "icechunk" and there is None:
        plain = Transaction(open_base(target, options, read_only=True))
        there = "zarr" if plain.attributes is not None else None
    if asked is not None and there is not None and asked != there:
        raise ArchiveError(
            f"{target} is {_NAMES[there]}, and {_NAMES[asked]} was asked for. To add to it, "
            f"leave --store (store=) out, or say {there}; for a new archive give another path."
        )
    return there or asked or "zarr"


def open_store(
    target: str, options: str, kind: StoreKind, *, read_only: bool
) -> ArchiveStore:
    """Open what holds an archive."""
    if kind == "icechunk" and (not read_only or is_repository(target, options)):
        return Branch(target, options, read_only=read_only)
    # where nothing is, or something else, that is seen as well without Icechunk
    return Transaction(open_base(target, options, read_only=read_only))
