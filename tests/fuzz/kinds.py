"""Every kind of input that is mutated, by its name."""

from typing import Final

from tests.fuzz import archives, bundles, inputs, ocn, safe
from tests.fuzz.outcomes import Kind

KINDS: Final[dict[str, type[Kind]]] = {
    kind.name: kind
    for kind in (
        *safe.KINDS,
        *ocn.KINDS,
        *bundles.KINDS,
        *archives.KINDS,
        *inputs.KINDS,
    )
}
