"""Which beams are meant, however they are typed."""

from collections.abc import Iterable
from typing import Any, Final, Literal, TypeAlias

from xoceansar.errors import OceansarError

Beam = Literal["wv1", "wv2"]
#: What is typed for beams: one, several with commas between them, or an iterable of them.
Beams: TypeAlias = str | Iterable[str]

#: Those of the wave mode.
WAVE_BEAMS: Final[tuple[Beam, Beam]] = ("wv1", "wv2")


def beams_of(
    asked: Any,
    known: Iterable[str] = WAVE_BEAMS,
    *,
    error: type[OceansarError] = OceansarError,
) -> tuple[str, ...]:
    """Read which beams are asked for.

    Examples
    --------
    >>> beams_of("WV1")
    ('wv1',)
    >>> beams_of(["wv2", "WV1 "])
    ('wv2', 'wv1')
    """
    names = {name.lower(): name for name in known}
    several = not isinstance(asked, str) and isinstance(asked, Iterable)
    chosen: list[str] = []
    for item in asked if several else [asked]:
        for part in item.split(",") if isinstance(item, str) else [item]:
            name = names.get(part.strip().lower()) if isinstance(part, str) else None
            if name is None:
                listed = list(names.values())
                raise error(
                    f"beam {part!r} is not one of {listed}. Give one, in "
                    f"capital or small letters, or several, as {','.join(listed)!r}."
                )
            chosen.append(name)
    return tuple(chosen)


def one_beam(asked: Beams | None, *, error: type[OceansarError]) -> Beam | None:
    """Read to which beam of the wave mode a selection comes down.

    Examples
    --------
    >>> one_beam("WV2", error=OceansarError)
    'wv2'
    """
    if asked is None:
        return None
    chosen = set(beams_of(asked, error=error))
    if not chosen:
        raise error(f"beam={asked!r} names no beam; leave it out for all.")
    kept: list[Beam] = [beam for beam in WAVE_BEAMS if beam in chosen]
    return None if len(kept) == len(WAVE_BEAMS) else kept[0]
