"""Mutants of TIFF files: headers, tags, counts and offsets."""

import struct
from random import Random

_TAGS = (
    256,
    257,
    258,
    259,
    262,
    273,
    277,
    278,
    279,
    317,
    322,
    323,
    324,
    339,
    34736,
    42112,
)
_VALUES = (
    0,
    1,
    2,
    3,
    5,
    7,
    8,
    16,
    32,
    64,
    255,
    256,
    65535,
    65536,
    2**31 - 1,
    2**31,
    2**32 - 1,
)


def entries_of(data: bytes) -> tuple[str, int, list[tuple[int, int, int, int, int]]]:
    """Order of bytes, place of the directory, and place, tag, type, count, value of each entry."""
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    return order, at, [
        (at + 2 + 12 * k, *struct.unpack_from(order + "HHII", data, at + 2 + 12 * k))
        for k in range(count)
    ]  # fmt: skip


def mutate_tiff(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Change the structure of a classic TIFF."""
    content, notes = data, []
    for _ in range(rng.choice([1, 1, 2])):
        way = rng.choice([_entry, _entry, _entry, _strips, _strips, _header, _directory, _cut])  # fmt: skip
        try:
            content, note = way(rng, content)
        except (struct.error, IndexError, ValueError, StopIteration):
            note = "nothing more"
        notes.append(note)
    return content, "; ".join(notes)


def _entry(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Give a field of an entry another value."""
    order, _, entries = entries_of(data)
    place, tag, kind, count, value = rng.choice(entries)
    field = rng.choice(["tag", "type", "count", "value", "value"])
    new = {
        "tag": rng.choice(_TAGS),
        "type": rng.randrange(0, 20),
        "count": rng.choice([*_VALUES, count + 1, max(count - 1, 0), count * 2]),
        "value": rng.choice([*_VALUES, value + 1, value * 2, len(data), len(data) - 1]),
    }[field]
    fields = {"tag": tag, "type": kind, "count": count, "value": value} | {field: new}
    packed = struct.pack(
        order + "HHII", *(v % (1 << (16 if k < 2 else 32)) for k, v in enumerate(fields.values()))
    )  # fmt: skip
    note = f"tag {tag} {field} {dict(tag=tag, type=kind, count=count, value=value)[field]} -> {new}"  # fmt: skip
    return data[:place] + packed + data[place + 12 :], note


def _strips(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Change where the strips are said to be."""
    order, _, entries = entries_of(data)
    wanted = rng.choice([273, 273, 279])
    _, tag, kind, count, value = next(e for e in entries if e[1] == wanted)
    code = f"{order}{count}{'HI'[kind == 4]}"
    if count == 1:
        return _entry(rng, data)
    offsets = list(struct.unpack_from(code, data, value))
    k = rng.randrange(count)
    way = rng.choice(["equal", "reversed", "header", "beyond", "exchanged", "one", "shifted", "zero", "huge"])  # fmt: skip
    if way == "equal":
        offsets = [offsets[k]] * count
    elif way == "reversed":
        offsets.reverse()
    elif way == "header":
        offsets[k] = rng.choice([0, 1, 8])
    elif way == "beyond":
        offsets[k] = len(data) - rng.choice([0, 1, 4])
    elif way == "exchanged":
        j = rng.randrange(count)
        offsets[k], offsets[j] = offsets[j], offsets[k]
    elif way == "one":
        offsets[k] = max(offsets[k] + rng.choice([-4000, -4, 1, 2, 4, 4000]), 0)
    elif way == "shifted":
        offsets = [max(o + rng.choice([-8, 4, 2000]), 0) for o in offsets]
    elif way == "zero":
        offsets = [0] * count
    else:
        offsets[k] = 2**32 - 1 if kind == 4 else 65535
    packed = struct.pack(code, *offsets)
    return data[:value] + packed + data[value + len(packed) :], f"tag {tag} {way} ({k} of {count})"  # fmt: skip


def _header(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Change the first eight bytes."""
    new = rng.choice([b"MM\x00\x2a", b"II\x2b\x00", b"II\x2a\x00", b"II\x00\x2a", b"\x89PNG", b"MM\x00\x2b"])  # fmt: skip
    if rng.random() < 0.5:
        return new + data[4:], f"header {new!r}"
    at = rng.choice([0, 1, 4, 8, len(data), len(data) - 1, 2**31, 2**32 - 1])
    return data[:4] + struct.pack("<I", at) + data[8:], f"directory at {at}"


def _directory(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Move the directory to the end, with entries more, fewer, twice or in disorder."""
    order, at, entries = entries_of(data)
    (count,) = struct.unpack_from(order + "H", data, at)
    packed = [data[place : place + 12] for place, *_ in entries]
    way = rng.choice(["many", "fewer", "twice", "disorder", "count", "loop", "none"])
    claimed = None
    if way == "many":
        everything = struct.pack(order + "HHII", 50000, rng.choice([3, 4, 2, 1, 12]), len(data) // 4, 0)  # fmt: skip
        packed += [everything] * rng.choice([1, 400, 5000])
    elif way == "fewer":
        del packed[rng.randrange(len(packed))]
    elif way == "twice":
        packed.append(rng.choice(packed)[:8] + struct.pack(order + "I", rng.choice(_VALUES)))  # fmt: skip
    elif way == "disorder":
        rng.shuffle(packed)
    elif way == "count":
        claimed = rng.choice([0, 1, count + 1, 65535])
    elif way == "none":
        packed = []
    start = len(data) + (-len(data) % 2)
    then = start if way == "loop" else 0
    directory = (
        struct.pack(order + "H", (len(packed) if claimed is None else claimed) % 65536)
        + b"".join(packed)
        + struct.pack(order + "I", then)
    )
    moved = data[:4] + struct.pack(order + "I", start) + data[8:]
    return moved.ljust(start, b"\0") + directory, f"directory: {way}"


def _cut(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Cut the file, or let it go on."""
    at = rng.choice([0, 1, 4, 8, 100, len(data) // 2, len(data) - 1, len(data) + 9])
    return data[:at].ljust(at, b"\0"), f"cut at {at} of {len(data)}"
