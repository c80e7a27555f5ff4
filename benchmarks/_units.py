"""Many small products out of a few, each with vignettes of its own name."""

import re
from pathlib import Path

from xoceansar.simulate import write_safe

__all__ = ["multiply", "small_products"]

_STEM = re.compile(r"-([0-9a-f]{6})-(\d{3})(?=[.\"])")


def small_products(
    folder: Path, count: int, vignettes: int, scale: float = 0.17
) -> list[Path]:
    """Simulate a few products, of a sixth of the real size."""
    return [
        write_safe(
            folder / "seeds",
            n=vignettes,
            seed=k,
            scale=scale,
            datatake=k + 1,
            start=f"2021-04-{k + 1:02d}T08:30:25.749829",
        )
        for k in range(count)
    ]


def multiply(products: list[Path], folder: Path, count: int) -> list[Path]:
    """Copy products under other names, with other data takes; all but the manifest are links.

    Each copy is a product of its own to a reader: its names and identifiers differ, and all its
    files are read. Only the disk holds them once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for k in range(count):
        source = products[k % len(products)]
        take = f"{0x100000 + k:06x}"
        target = folder / f"{source.name[:-16]}{take.upper()}_{k % 0xFFFF:04X}.SAFE"
        for file in source.rglob("*"):
            if not file.is_file():
                continue
            name = _STEM.sub(rf"-{take}-\2", f"{file.name}")
            place = target / file.relative_to(source).with_name(name)
            place.parent.mkdir(parents=True, exist_ok=True)
            if file.name == "manifest.safe":
                place.write_text(_STEM.sub(rf"-{take}-\2", file.read_text()))
            else:
                place.hardlink_to(file)
        made.append(target)
    return made
