"""Mutators of bytes, of XML and of JSON: what files become in the wild, and worse."""

import copy
import gzip
import json
import math
import re
from collections.abc import Callable
from random import Random
from typing import Any, Final

#: What stands where a number or a word should.
EXTREMES: Final = (
    "", " ", "nan", "NaN", "inf", "-inf", "1e308", "-1e308", "1e-308", "5e-324", "1e400",
    "0", "-0.0", "-1", "1", "2", "1.5", "0.5", "-999", "9.97e36", "1e6", "1e12", "1e30", "1e-30",
    "2147483648", "4294967296", "9223372036854775808", "1000000000000", "30000000", "999",
    "9" * 400, "9" * 5000, "1_0", "0x10", "1,5", "1e", "--1", "+1", "٣", "\uff11\uff12", "²", "½", "Ⅷ",
    "500", "-500", "180", "-180", "360", "90", "91", "1e20",
    "true", "false", "None", "null", "text", "é", "\u00a0", "\u200b", "a b", "../../etc/passwd",
    "now", "today", "NaT", "-1", "2021", "2021-02-30T00:00:00", "2021-13-01T00:00:00",
    "9021-04-03T08:30:25.749829", "0001-01-01T00:00:00", "2016-12-31T23:59:60.000000",
    "2021-04-03T08:30:25.749829+05:00", "20210403T083025", "2021-04-03", "1e5-01-01T00:00:00",
    "WV1", "WV3", "HH", "000", "1000",
)  # fmt: skip
FACTORS: Final = (1e-30, 1e-6, 0.1, 10.0, 1e6, 1e30, -1.0, 0.0)


def damage_bytes(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Do to bytes what discs and networks do."""
    content = bytearray(data)
    way = rng.choice(["flip", "flips", "cut", "cut end", "zeros", "insert", "delete", "noise", "double"])  # fmt: skip
    size = max(len(content), 1)
    at = rng.randrange(size)
    if way == "flip" and content:
        content[at] ^= 1 << rng.randrange(8)
    elif way == "flips" and content:
        for _ in range(rng.randrange(2, 20)):
            content[rng.randrange(size)] = rng.randrange(256)
    elif way == "cut":
        del content[at:]
    elif way == "cut end":
        del content[size - rng.randrange(1, 40) :]
    elif way == "zeros":
        end = min(at + rng.choice([1, 16, 512, 4096]), len(content))
        content[at:end] = bytes(end - at)
    elif way == "insert":
        content[at:at] = rng.randbytes(rng.choice([1, 2, 100]))
    elif way == "delete":
        del content[at : at + rng.choice([1, 2, 100])]
    elif way == "noise":
        end = min(at + rng.choice([4, 64, 1024]), len(content))
        content[at:end] = rng.randbytes(end - at)
    else:
        content += bytes(content)
    return bytes(content), f"{way} at {at} of {size}"


# ------------------------------------------------------------------ XML

_ELEMENT: Final = re.compile(r"<([\w:]+)((?:\s[^<>]*)?)>([^<>]*)</\1>")


def mutate_xml(rng: Random, text: str, focus: tuple[str, ...]) -> tuple[bytes, str]:
    """Change values or elements; the result is often well-formed and never right."""
    notes = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        change = rng.choices(
            [_value, _list, _element, _attribute], weights=[4, 4, 3, 1]
        )[0]
        text, note = change(rng, text, focus)
        notes.append(note)
    if rng.random() < 0.06:
        data, note = _document(rng, text)
        return data, "; ".join([*notes, note])
    return text.encode("utf-8", "surrogatepass"), "; ".join(notes)


def _leaf(rng: Random, text: str, focus: tuple[str, ...]) -> re.Match[str] | None:
    found: dict[str, list[re.Match[str]]] = {}
    for match in _ELEMENT.finditer(text):
        found.setdefault(match[1], []).append(match)
    wanted = sorted(set(found) & set(focus))
    names = wanted if wanted and rng.random() < 0.75 else sorted(found)
    return rng.choice(found[rng.choice(names)]) if names else None


def _value(rng: Random, text: str, focus: tuple[str, ...]) -> tuple[str, str]:
    """Replace the value of an element, or one of its list."""
    leaf = _leaf(rng, text, focus)
    if leaf is None:
        return text, "nothing"
    tokens = leaf[3].split() or [""]
    k = rng.randrange(len(tokens))
    new = (
        _scaled(tokens[k], rng.choice(FACTORS))
        if rng.random() < 0.4
        else rng.choice(EXTREMES)
    )
    note = f"<{leaf[1]}>[{k}] {tokens[k][:30]} -> {new[:30]}"
    tokens[k] = new.replace("&", "").replace("<", "")
    return _put(text, leaf, " ".join(tokens)), note


def _scaled(token: str, factor: float) -> str:
    try:
        value = float(token)
    except ValueError:
        return str(factor)
    scaled = value * factor
    return repr(int(scaled)) if token.lstrip("+-").isdecimal() and math.isfinite(scaled) else repr(scaled)  # fmt: skip


def _list(rng: Random, text: str, focus: tuple[str, ...]) -> tuple[str, str]:
    """Change all values of a list, its order or its length."""
    for _ in range(20):
        leaf = _leaf(rng, text, focus)
        if leaf is not None and len(leaf[3].split()) > 2:
            break
    else:
        return _value(rng, text, focus)
    tokens = leaf[3].split()
    factor = rng.choice(FACTORS)
    half = len(tokens) // 2
    ways: dict[str, Callable[[], list[str]]] = {
        "reversed": lambda: tokens[::-1],
        "shuffled": lambda: rng.sample(tokens, len(tokens)),
        "first dropped": lambda: tokens[1:],
        "last dropped": lambda: tokens[:-1],
        "half": lambda: tokens[:half],
        "to ten": lambda: tokens[:10],
        "alone": lambda: tokens[:1],
        "longer": lambda: [*tokens, tokens[-1]],
        "equal": lambda: [tokens[0]] * len(tokens),
        "zeros inside": lambda: [*tokens[:half], "0", *tokens[half + 1 :]],
        f"times {factor}": lambda: [_scaled(t, factor) for t in tokens],
        "extreme": lambda: [rng.choice(EXTREMES)] * len(tokens),
        "huge": lambda: tokens * 300,
        "hexadecimal": lambda: [t.replace("e", "E").replace(".", ",") for t in tokens],
    }
    way = rng.choice(list(ways))
    return _put(text, leaf, " ".join(ways[way]())), f"<{leaf[1]}> {way}"


def _put(text: str, leaf: re.Match[str], value: str) -> str:
    start, end = leaf.span(3)
    return f"{text[:start]}{value}{text[end:]}"


def _element(rng: Random, text: str, focus: tuple[str, ...]) -> tuple[str, str]:
    """Delete, repeat, exchange, rename or hide elements."""
    leaf = _leaf(rng, text, focus)
    if leaf is None:
        return text, "nothing"
    span, tag = leaf.span(), leaf[1]
    if rng.random() < 0.4:
        span, tag = _parent(text, leaf) or (span, tag)
    start, end = span
    body = text[start:end]
    way = rng.choice(
        ["deleted", "doubled", "many", "commented", "renamed", "exchanged", "nested", "CDATA", "split"]
    )  # fmt: skip
    if way == "exchanged":
        other = _leaf(rng, text, (tag,))
        if other is None or not (other.end() <= start or other.start() >= end):
            return text, "nothing"
        (a, b), (c, d) = sorted([span, other.span()])
        new = text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]
        return new, f"<{tag}> {way} with <{other[1]}>"
    bodies = {
        "deleted": "",
        "doubled": body * 2,
        "many": body * (300 if len(body) < 1000 else 3),
        "commented": f"<!-- {body.replace('--', '')} -->",
        "renamed": body.replace(f"<{tag}", f"<x{tag}").replace(f"</{tag}", f"</x{tag}"),
        "nested": f"<{tag}>" * 200 + body + f"</{tag}>" * 200,
        "CDATA": body.replace(leaf[3], f"<![CDATA[{leaf[3]}]]>", 1) if leaf[3] else "",
        "split": body.replace(leaf[3], f"{leaf[3][:1]}<!-- x -->{leaf[3][1:]}", 1),
    }
    return f"{text[:start]}{bodies[way]}{text[end:]}", f"<{tag}> {way}"


def _parent(text: str, leaf: re.Match[str]) -> tuple[tuple[int, int], str] | None:
    """Span and name of the element around a leaf, where it is small."""
    opened = list(re.finditer(r"<([\w:]+)(?:\s[^<>]*)?>", text[: leaf.start()]))
    for match in reversed(opened[-30:]):
        end = text.find(f"</{match[1]}>", leaf.end())
        if end >= 0 and match[0][-2] != "/" and f"</{match[1]}>" not in text[match.end() : leaf.start()]:  # fmt: skip
            return (match.start(), end + len(match[1]) + 3), match[1]
    return None


def _attribute(rng: Random, text: str, focus: tuple[str, ...]) -> tuple[str, str]:
    """Replace an attribute."""
    found = list(re.finditer(r'\s([\w:]+)="([^"<>]*)"', text))
    if not found:
        return text, "nothing"
    names = sorted({match[1] for match in found})
    name = rng.choice(names)
    match = rng.choice([m for m in found if m[1] == name])
    new = rng.choice(EXTREMES).replace("&", "").replace("<", "")
    start, end = match.span(2)
    return f"{text[:start]}{new}{text[end:]}", f"@{name} {match[2][:40]} -> {new[:30]}"


def _document(rng: Random, text: str) -> tuple[bytes, str]:
    """Change the document as a whole."""
    plain = text.encode("utf-8", "surrogatepass")
    body = text[text.find("?>") + 2 :] if text.startswith("<?xml") else text
    laughs = "".join(f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 9))
    ways: dict[str, Callable[[], bytes]] = {
        "utf-16": lambda: f'<?xml version="1.0" encoding="utf-16"?>{body}'.encode("utf-16", "replace"),
        "utf-16 undeclared": lambda: body.encode("utf-16-le", "replace"),
        "utf-32": lambda: body.encode("utf-32", "replace"),
        "latin-1": lambda: f'<?xml version="1.0" encoding="iso-8859-1"?>{body}'.encode("latin-1", "replace"),
        "with a mark": lambda: b"\xef\xbb\xbf" + plain,
        "unknown encoding": lambda: f'<?xml version="1.0" encoding="x-none"?>{body}'.encode("utf-8", "replace"),
        "utf-7": lambda: f'<?xml version="1.0" encoding="utf-7"?>{body}'.encode("utf-7", "replace"),
        "version 9": lambda: f'<?xml version="9.0"?>{body}'.encode("utf-8", "replace"),
        "document type": lambda: f'<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/hostname">{body}'.encode("utf-8", "replace"),
        "laughs": lambda: f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{laughs}]>{body}'.encode("utf-8", "replace"),
        "empty": lambda: b"",
        "blank": lambda: b" \n" * 40,
        "nulls": lambda: bytes(4096),
        "deep": lambda: b"<a>" * 100_000 + b"</a>" * 100_000,
        "gzip": lambda: gzip.compress(plain, 1),
        "page": lambda: b"<!doctype html><html><body>Login</body></html>",
        "another root": lambda: b"<x>" + body.encode("utf-8", "replace") + b"</x>",
        "in a namespace": lambda: re.sub(rb"<(\w+)", rb'<\1 xmlns="urn:x"', body.encode("utf-8", "replace"), count=1),
        "twice": lambda: plain * 2,
        "padded": lambda: plain + b" " * 3_000_000,
        "JSON": lambda: b'{"a": 1}',
        "instruction": lambda: plain.replace(b"?>", b"?><?xml-stylesheet href='http://example.com/x'?>", 1),
    }  # fmt: skip
    way = rng.choice(list(ways))
    return ways[way](), f"document: {way}"


# ------------------------------------------------------------------ JSON

_HUGE: Final = int("9" * 4000)
#: What stands where another value should in JSON or in attributes.
VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2, 3, 16, 1.5, -1.5, 1e308, -1e308, 1e-308, float("nan"),
    float("inf"), 10**6, 2**31, 2**63, 10**30, _HUGE, "", " ", "text", "a" * 10_000, "é\u0000", "٣",
    "../x", "/etc/passwd", "hf-hub:a/b", [], [1], [1, [2, [3]]], ["a", None], {}, {"a": 1},
    {"checkpoint_path": "/dev/shm/x"}, "\ud800", "s3://bucket/key",
)  # fmt: skip


def mutate_json(rng: Random, tree: Any) -> tuple[bytes, str]:
    """Change values, keys or the text of a JSON document."""
    tree = copy.deepcopy(tree)
    notes = [_change(rng, tree) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
    text = _dump(tree)
    if rng.random() < 0.15:
        text, note = _text_of_json(rng, text)
        notes.append(note)
    return text.encode("utf-8", "surrogatepass"), "; ".join(notes)


def _dump(tree: Any) -> str:
    import sys

    old = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return json.dumps(tree)
    finally:
        sys.set_int_max_str_digits(old)


def _places(tree: Any, path: str = "") -> list[tuple[Any, Any, str]]:
    """Every container, key and path of a tree."""
    items = (
        tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    )  # fmt: skip
    found = []
    for key, value in items:
        found.append((tree, key, f"{path}.{key}"))
        found += _places(value, f"{path}.{key}")
    return found


def _change(rng: Random, tree: Any) -> str:  # noqa: C901  one line a way
    places = _places(tree)
    if not places:
        return "nothing"
    holder, key, path = rng.choice(places)
    way = rng.choice(["value", "value", "value", "factor", "delete", "rename", "add", "wrap", "deep", "swap"])  # fmt: skip
    old = holder[key]
    if way == "factor" and isinstance(old, int | float) and not isinstance(old, bool):
        holder[key] = old * rng.choice([-1, 0, 2, 10, 0.1, 1e6])
    elif way == "delete":
        del holder[key]
    elif way == "rename" and isinstance(holder, dict):
        holder[f"{key}x"] = holder.pop(key)
    elif way == "add" and isinstance(holder, dict):
        holder[rng.choice(["x", "", "checkpoint_path", "__class__", "é"])] = _own_value(rng)  # fmt: skip
    elif way == "wrap":
        holder[key] = [old] if rng.random() < 0.5 else {"x": old}
    elif way == "deep":
        value: Any = old
        for _ in range(200):
            value = [value]
        holder[key] = value
    elif way == "swap":
        other, there, _ = rng.choice(places)
        # of a holder and its own content, one would be lost
        if not isinstance(old, dict | list) and there in (other if isinstance(other, dict) else range(len(other))):  # fmt: skip
            holder[key], other[there] = copy.deepcopy(other[there]), old
    else:
        holder[key] = _own_value(rng)
    return f"{path} {way}: {_short(holder, key)}"


def _own_value(rng: Random) -> Any:
    """Choose a value of its own, which nothing else holds: one that held itself had no end."""
    return copy.deepcopy(rng.choice(VALUES))


def _short(holder: Any, key: Any) -> str:
    """Say what is there now; huge integers have no text."""
    try:
        return repr(holder[key])[:60]
    except (KeyError, IndexError, ValueError):
        return "..."


def _text_of_json(rng: Random, text: str) -> tuple[str, str]:
    way = rng.choice(["cut", "empty", "list", "mark", "comma", "twice key", "deep", "NaN", "comment", "null"])  # fmt: skip
    texts = {
        "cut": text[: rng.randrange(len(text))],
        "empty": "",
        "list": f"[{text}]",
        "mark": "\ufeff" + text,
        "comma": text.replace("}", ",}", 1),
        "twice key": text.replace("{", '{"name": "x", "name": "y", "schema_version": 1, "schema_version": 2, ', 1),
        "deep": "[" * 100_000,
        "NaN": re.sub(r": \d+", ": NaN", text, count=1),
        "comment": "// x\n" + text,
        "null": "null",
    }  # fmt: skip
    return texts[way], f"text: {way}"
