"""Mutants of Wave Mode products: their XML, their pixels, their files and their archives."""

import contextlib
import gzip
import hashlib
import inspect
import io
import os
import re
import shutil
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import xarray as xr

from tests.fuzz.mutate import EXTREMES, damage_bytes, mutate_xml
from tests.fuzz.outcomes import Kind, Mutant, Outcome
from tests.fuzz.tiff import mutate_tiff
from tests.simulate.made_scenes import made_scene
from xoceansar import open_wave_mode
from xoceansar.conventions import Quality
from xoceansar.simulate.products.safe_product import write_safe

SHAPE: Final = (36, 36)
_ROLES: Final = ("annotation", "calibration", "noise", "measurement")
_FOCUS: Final = {
    "manifest": ("fileLocation", "checksum", "safe:mode", "s1sarl1:productType"),
    "annotation": (
        "swath", "polarisation", "imageNumber", "productFirstLineUtcTime", "numberOfLines",
        "productLastLineUtcTime", "numberOfSamples", "azimuthPixelSpacing", "rangePixelSpacing",
        "thermalNoiseCorrectionPerformed", "line", "pixel", "longitude", "latitude",
        "incidenceAngle", "azimuthTime", "slantRangeTime", "missionId", "productType",
    ),
    "calibration": ("swath", "imageNumber", "line", "pixel", "sigmaNought", "betaNought"),
    "noise": ("swath", "line", "pixel", "noiseRangeLut", "noiseLut", "imageNumber"),
}  # fmt: skip
#: How far numbers may move: as a share of the value, or in their units.
_SHARE: Final = {"sigma0": 0.05, "nesz": 0.12}
_UNITS: Final = {
    "longitude": 0.02,
    "latitude": 0.02,
    "corner_longitude": 0.02,
    "corner_latitude": 0.02,
    "incidence": 0.2,
    "ground_heading": 1.5,
}
_TEXTS: Final = ("beam", "polarisation", "platform")


def make_product(folder: Path) -> Path:
    """Two vignettes that are darker to one side, so that no image is its own mirror image."""
    n = 60
    ramp = np.linspace(0.7, 1.3, n)
    field = ramp[:, None] * ramp[None, :] ** 2
    scenes = [
        made_scene(beam, size=3000.0, sigma0=level * field)
        for beam, level in (("wv1", 0.3), ("wv2", 0.06))
    ]
    return write_safe(folder, scenes=scenes, scale=0.1)


def read(path: Any, **kwargs: Any) -> xr.Dataset:
    """Open and load a product of the tests' size."""
    return open_wave_mode(path, shape=SHAPE, **kwargs).load()


def blocks(images: np.ndarray) -> np.ndarray:
    """Return means of 6 x 6 pixels, without missing ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cells = images.astype(float).reshape(len(images), 6, 6, 6, 6)
        return np.nanmean(cells, axis=(2, 4))


def compare_rows(
    found: xr.Dataset, good: xr.Dataset, words: list[str]
) -> tuple[Outcome, str]:
    """Hold what was read to what is known: the same, flagged, or missing and said."""
    outcome, notes = Outcome.UNCHANGED, []
    places = {name: k for k, name in enumerate(found["vignette_id"].values.tolist())}
    if len(places) != found.sizes["vignette"]:
        return Outcome.SHIFT, "a vignette is there twice"
    for k, name in enumerate(good["vignette_id"].values.tolist()):
        if name not in places:
            if not words:
                return Outcome.SHIFT, f"row {k} is lost without a word"
            outcome = Outcome.COUNTED
            continue
        row = found.isel(vignette=[places.pop(name)])
        moved = _moved(row, good.isel(vignette=[k]))
        raised = int(row["quality"][0]) & ~int(good["quality"][k])
        if raised or (moved and any(name in word for word in words)):
            outcome = Outcome.FLAGGED if outcome is Outcome.UNCHANGED else outcome
        elif moved:
            return Outcome.SHIFT, f"row {k}: {moved}"
    for name, place in places.items():
        if not int(found["quality"][place]):
            return Outcome.SHIFT, f"{name} is new"
        notes.append(f"{name} is new and flagged")
    return outcome, "; ".join(notes)


def _moved(row: xr.Dataset, good: xr.Dataset) -> str:
    for name, share in _SHARE.items():
        a, b = blocks(row[name].values), blocks(good[name].values)
        if a.shape != b.shape or not np.allclose(a, b, rtol=share, atol=0):
            return f"{name} is {np.mean(a):.4g}, and was {np.mean(b):.4g}"
    for name, step in _UNITS.items():
        a, b = row[name].values.astype(float), good[name].values.astype(float)
        apart = np.abs(a - b)
        if "longitude" in name or "heading" in name:
            apart = np.minimum(apart % 360, -apart % 360)
        if not (apart <= step).all():
            return f"{name} is {a.ravel()[:4]}, and was {b.ravel()[:4]}"
    if not abs(row["time"].values[0] - good["time"].values[0]) < np.timedelta64(1500, "ms"):  # fmt: skip
        return f"time is {row['time'].values[0]}"
    for name in _TEXTS:
        if str(row[name].values[0]) != str(good[name].values[0]):
            return f"{name} is {row[name].values[0]}"
    return ""


class Product(Kind):
    """A product in a folder, of which one file is changed."""

    def __init__(self, base: Path, scratch: Path) -> None:
        super().__init__(base, scratch)
        source = next((base / "safe").glob("*.SAFE"))
        self.folder = scratch / self.name / source.name
        shutil.copytree(source, self.folder, dirs_exist_ok=True)
        self.files = {
            str(p.relative_to(source)): p.read_bytes()
            for p in sorted(source.rglob("*"))
            if p.is_file()
        }
        self._dirty: set[str] = set()
        self.good = read(source)
        assert (self.good["quality"] == 0).all()

    @staticmethod
    def make(base: Path) -> None:
        """Write the good product."""
        make_product(base / "safe")

    def of(self, role: str, rng: Random) -> str:
        """Choose a file of a role."""
        return rng.choice([path for path in self.files if role_of(path) == role])

    def write(self, path: str, content: bytes) -> None:
        """Replace a file."""
        self._dirty.add(path)
        (self.folder / path).write_bytes(content)

    def spoil(self, path: str) -> Path:
        """Take a file away; what is put there is removed after the trial."""
        self._dirty.add(path)
        (self.folder / path).unlink()
        return self.folder / path

    def record(self, path: str, content: bytes) -> None:
        """Give the manifest the checksum of what a file holds now."""
        manifest = (self.folder / "manifest.safe").read_text()
        old = hashlib.md5(self.files[path], usedforsecurity=False).hexdigest()
        new = hashlib.md5(content, usedforsecurity=False).hexdigest()
        self.write("manifest.safe", manifest.replace(old, new).encode())

    def restore(self) -> None:
        for path in self._dirty:
            file = self.folder / path
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file)
            elif file.is_symlink() or file.exists():
                file.unlink()
            file.write_bytes(self.files[path])
        self._dirty.clear()

    def check(self, mutant: Mutant, rng: Random) -> tuple[Outcome, str]:
        return self.opened(self.folder, mutant, rng)

    def opened(self, path: Any, mutant: Mutant, rng: Random) -> tuple[Outcome, str]:
        """Open a product, one in ten with options, and compare."""
        options: dict[str, Any] = dict(mutant.detail.get("options", {}))
        if rng.random() < 0.1:
            options |= rng.choice(
                [{"on_error": "raise"}, {"chunks": 1}, {"vignettes": [0, 1]}]
            )
            mutant.operation = f"open {options}"
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = read(path, **options)
        words = [str(one.message) for one in caught if one.category.__name__ == "OceansarWarning"]  # fmt: skip
        return compare_rows(found, self.good, words)


def role_of(path: str) -> str:
    """Which of the files of a vignette a path is."""
    name = path.rsplit("/", 1)[-1]
    for role in ("calibration", "noise"):
        if name.startswith(f"{role}-"):
            return role
    if path.startswith("measurement/"):
        return "measurement"
    return "manifest" if name == "manifest.safe" else "annotation"


class _Xml(Product):
    """A product with a changed XML file: its checksum changed with it, or not."""

    role = ""

    def mutate(self, rng: Random) -> Mutant:
        path = self.of(self.role, rng)
        good = self.files[path]
        if rng.random() < 0.15:
            content, what = damage_bytes(rng, good)
            recorded = False
        else:
            content, what = mutate_xml(rng, good.decode(), _FOCUS[self.role])
            recorded = rng.random() < 0.85
        self.write(path, content)
        if recorded and self.role != "manifest":
            self.record(path, content)
            what += " (checksum too)"
        return Mutant(f"{path.rsplit('-', 1)[-1]}: {what}", beyond_xml(self.role, what))


def beyond_xml(role: str, what: str) -> str:
    """Say why no check can know, where the document is another right one."""
    if role == "manifest" and "@version" in what:
        return "another processor version has another calibration of the noise"
    if role == "manifest" and ("mode" in what or "productType" in what):
        return ""
    if role == "annotation" and "<thermalNoiseCorrectionPerformed>" in what:
        return "only the annotation knows whether noise was removed from the pixels"
    return ""


class Manifest(_Xml):
    name, role, weight = "safe-manifest", "manifest", 3


class Annotation(_Xml):
    name, role, weight = "safe-annotation", "annotation", 5


class Calibration(_Xml):
    name, role, weight = "safe-calibration", "calibration", 4


class Noise(_Xml):
    name, role, weight = "safe-noise", "noise", 4


class Tiff(Product):
    """A product with a changed TIFF; changed pixels are opened with their checksum verified."""

    name, weight = "tiff", 5

    def mutate(self, rng: Random) -> Mutant:
        path = self.of("measurement", rng)
        good = self.files[path]
        pixels = rng.random() < 0.25
        if pixels:
            content, what = damage_bytes(rng, good)
        else:
            content, what = mutate_tiff(rng, good)
        mutant = Mutant(f"{path[-8:]}: {what}")
        if pixels:
            mutant.detail["options"] = verifying()
            if not verifying():
                mutant.unknowable = "open_wave_mode does not verify pixels"
        self.write(path, content)
        return mutant


def verifying() -> dict[str, Any]:
    """Ask for the checksum of the pixels, where the reader can."""
    known = "verify" in inspect.signature(open_wave_mode).parameters
    return {"verify": True} if known else {}


class Files(Product):
    """A product with files missing, exchanged, or replaced by what is no file."""

    name, weight = "safe-files", 2

    def mutate(self, rng: Random) -> Mutant:
        path = rng.choice(sorted(self.files))
        other = rng.choice(sorted(self.files))
        ways: dict[str, Callable[[Path], Any]] = {
            "missing": lambda file: None,
            "empty": lambda file: file.write_bytes(b""),
            "a folder": lambda file: file.mkdir(),
            "a link to itself": lambda file: file.symlink_to(file.name),
            "a link to another": lambda file: file.symlink_to(self.folder / other),
            "a link out": lambda file: file.symlink_to("/etc/passwd"),
            "a link to /dev/zero": lambda file: file.symlink_to("/dev/zero"),
            "a link to nothing": lambda file: file.symlink_to("/nowhere/at/all"),
            "a FIFO": lambda file: os.mkfifo(file),
            "sparse": lambda file: _sparse(file),
            "another file": lambda file: file.write_bytes(self.files[other]),
            "gzip": lambda file: file.write_bytes(gzip.compress(self.files[path], 1)),
            "a text": lambda file: file.write_text("404 Not Found"),
        }
        way = rng.choice(list(ways))
        ways[way](self.spoil(path))
        return Mutant(f"{role_of(path)} is {way} ({role_of(other)})")


def _sparse(file: Path) -> None:
    file.touch()
    os.truncate(file, 20 << 30)


class Archived(Product):
    """A product in a zip or tar archive that is damaged or oddly made."""

    name, weight = "zip", 5

    def __init__(self, base: Path, scratch: Path) -> None:
        super().__init__(base, scratch)
        self.root = self.folder.name
        self.stored = self.zipped(self.files, zipfile.ZIP_STORED)
        self.deflated = self.zipped(self.files, zipfile.ZIP_DEFLATED)
        self.target = scratch / f"{self.name}.zip"

    def zipped(
        self, files: dict[str, bytes], method: int, prefix: str | None = None
    ) -> bytes:
        """Make an archive in memory."""
        buffer = io.BytesIO()
        start = f"{self.root}/" if prefix is None else prefix
        with zipfile.ZipFile(buffer, "w", method, compresslevel=1) as archive:
            for path, content in files.items():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    archive.writestr(start + path, content)
        return buffer.getvalue()

    def mutate(self, rng: Random) -> Mutant:
        way = rng.choice(["bytes", "bytes", "end", "member", "members", "header"])
        content, what = getattr(self, f"_{way}")(rng)
        self.target.write_bytes(content)
        return Mutant(what, operation="open")

    def check(self, mutant: Mutant, rng: Random) -> tuple[Outcome, str]:
        return self.opened(self.target, mutant, rng)

    def restore(self) -> None:
        super().restore()
        self.target.unlink(missing_ok=True)

    def _bytes(self, rng: Random) -> tuple[bytes, str]:
        return damage_bytes(rng, rng.choice([self.stored, self.deflated]))

    def _end(self, rng: Random) -> tuple[bytes, str]:
        """Damage the directory at the end."""
        whole = rng.choice([self.stored, self.deflated])
        start = whole.find(b"PK\x01\x02")
        tail, what = damage_bytes(rng, whole[start:])
        return whole[:start] + tail, f"directory: {what}"

    def _header(self, rng: Random) -> tuple[bytes, str]:
        """Give a field of a header of a member another value."""
        whole = bytearray(rng.choice([self.stored, self.deflated]))
        mark = rng.choice([b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"])
        places = [m.start() for m in re.finditer(re.escape(mark), bytes(whole))]
        at = rng.choice(places) + rng.randrange(4, 46 if mark[2] == 1 else 22)
        value = rng.choice([b"\x00\x00", b"\xff\xff", b"\x01\x00", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80", b"\x0c\x00", b"\x0e\x00", b"\x5d\x00"])  # fmt: skip
        whole[at : at + len(value)] = value
        return bytes(whole), f"{mark!r} field at {at}: {value!r}"

    def _member(self, rng: Random) -> tuple[bytes, str]:
        """Change the content of a member, checksums of the archive included."""
        path = rng.choice(sorted(self.files))
        content, what = damage_bytes(rng, self.files[path])
        while path.startswith("measurement"):  # verify= is for the pixels: see Tiff
            path = rng.choice(sorted(self.files))
            content, what = damage_bytes(rng, self.files[path])
        changed = self.files | {path: content}
        return self.zipped(changed, zipfile.ZIP_STORED), f"{role_of(path)}: {what}"

    def _members(self, rng: Random) -> tuple[bytes, str]:
        """Have members missing, twice, elsewhere, or too many."""
        path = rng.choice(sorted(self.files))
        stored, files = zipfile.ZIP_STORED, dict(self.files)
        extra = {f"x/{k}": b"" for k in range(3000)}
        less = {k: v for k, v in files.items() if k != path}
        again = self.root.replace("_0263", "_0264")
        ways: dict[str, Callable[[], bytes]] = {
            "missing": lambda: self.zipped(less, stored),
            "no root": lambda: self.zipped(files, stored, ""),
            "dot root": lambda: self.zipped(files, stored, f"./{self.root}/"),
            "deep root": lambda: self.zipped(files, stored, f"a/b/{self.root}/"),
            "absolute": lambda: self.zipped(files, stored, f"/{self.root}/"),
            "backslashes": lambda: self.zipped(files, stored, f"{self.root}\\"),
            "out": lambda: self.zipped(files, stored, "../"),
            "upper case": lambda: self.zipped({k.upper(): v for k, v in files.items()}, stored),
            "many": lambda: self.zipped(files | extra, stored),
            "bzip2": lambda: self._other_method(path, zipfile.ZIP_BZIP2),
            "lzma": lambda: self._other_method(path, zipfile.ZIP_LZMA),
            "bomb": lambda: self._bomb(path),
            "zip in zip": lambda: self.zipped({"a.zip": self.stored}, stored, ""),
            "two": lambda: self._two(again),
            "twice": lambda: self._twice(path),
            "empty": lambda: self.zipped({}, stored),
            "tar": lambda: self._tar("w"),
            "tar.gz": lambda: self._tar("w:gz"),
            "junk before": lambda: b"junk" * 99 + self.stored,
            "junk after": lambda: self.stored + b"junk" * 99,
        }  # fmt: skip
        way = rng.choice(list(ways))
        return ways[way](), f"members: {way} ({role_of(path)})"

    def _other_method(self, path: str, method: int) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in self.files.items():
                archive.writestr(
                    f"{self.root}/{name}", content, method if name == path else 0
                )
        return buffer.getvalue()

    def _bomb(self, path: str) -> bytes:
        """Inflate one XML member to 300 MB."""
        if path.startswith("measurement"):
            path = "manifest.safe"
        buffer = io.BytesIO(self.zipped({k: v for k, v in self.files.items() if k != path}, 0))  # fmt: skip
        with (
            zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive,
            archive.open(f"{self.root}/{path}", "w") as file,
        ):
            file.write(self.files[path])
            for _ in range(30):
                file.write(b" " * 10_000_000)
        return buffer.getvalue()

    def _two(self, again: str) -> bytes:
        buffer = io.BytesIO(self.stored)
        with zipfile.ZipFile(buffer, "a") as archive:
            for name, content in self.files.items():
                archive.writestr(f"{again}/{name}", content)
        return buffer.getvalue()

    def _twice(self, path: str) -> bytes:
        buffer = io.BytesIO(self.stored)
        with warnings.catch_warnings(), zipfile.ZipFile(buffer, "a") as archive:
            warnings.simplefilter("ignore")
            archive.writestr(f"{self.root}/{path}", self.files[path][:-9])
        return buffer.getvalue()

    def _tar(self, mode: str) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
            archive.add(self.folder, self.root)
        return buffer.getvalue()


class Paths(Product):
    """Paths and arguments that are no product."""

    name, weight = "paths", 1

    def mutate(self, rng: Random) -> Mutant:
        place = self.scratch / "odd"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        root = self.folder.name
        (place / "a").symlink_to("a")
        (place / "loop").mkdir()
        (place / "loop" / "x").symlink_to("..")
        (place / "loop" / "y").symlink_to("..")
        os.mkfifo(place / "pipe")
        paths = [
            "", " ", ".", "/", "/proc", "/dev/zero", "/dev/null", "\0", "a" * 5000, "[", "**", "*",
            str(place / "a"), str(place / "loop"), str(place / "loop/*"), str(place / "pipe"),
            str(place), str(place / root), "s3://", "s3:///x", "http://", "file:///etc/passwd",
            "memory://x", "zip://x", "ftp://localhost:1/x", "/dev/stdin", "~nobody-here/x",
            str(self.folder / "manifest.safe" / "x"), str(self.folder / "measurement"),
            root.replace("SLC", "OCN"), root.replace("WV", "IW"), "é\udcff",
        ]  # fmt: skip
        odd: list[Any] = [None, 5, b"x", [], [[]], {}, [None], [""], 1.5, True, iter([]), Path("")]  # fmt: skip
        options = rng.choice(
            [
                {"vignettes": v}
                for v in ([True, False], [False], True, 1.5, "x", [None], -1, 99, [], slice(None, None, 0), [[0]], np.array([0.0]), np.array([True, False]), 10**30)
            ]
            + [{"beam": v} for v in ("WV1", "wv3", 1, None, ["wv1"])]
            + [{"shape": v} for v in ((0, 0), (-1, 3), 36, (36,), (10**9, 10**9), "36", (36.5, 36), None, (1, 1))]
            + [{"spacing": v} for v in (0, -1, "50", "50 m", float("nan"), float("inf"), 1e-300, 1e300, None, [50], True)]
            + [{"chunks": v} for v in (0, -1, None, "auto", {"line": 3}, {"vignette": 0}, 1.5, True, (2,))]
            + [{"reader": "x"}, {"on_error": "ignore"}, {"storage_options": 5}, {"storage_options": {"x": object()}}]
        )  # fmt: skip
        if rng.random() < 0.4:
            path = rng.choice(paths) if rng.random() < 0.7 else rng.choice(odd)
            return Mutant(f"path {path!r}"[:200], detail={"path": path})
        return Mutant(f"{options}", detail={"path": self.folder, "arguments": options})

    def check(self, mutant: Mutant, rng: Random) -> tuple[Outcome, str]:
        with contextlib.chdir(self.scratch), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            arguments = {"shape": SHAPE} | mutant.detail.get("arguments", {})
            found = open_wave_mode(mutant.detail["path"], **arguments).load()
        if "arguments" not in mutant.detail:
            return Outcome.SHIFT, f"it opened: {found.sizes}"
        return Outcome.UNCHANGED, f"{dict(found.sizes)}"


assert Quality.UNREADABLE  # the flags that compare_rows looks for
assert EXTREMES
KINDS: Final = (Manifest, Annotation, Calibration, Noise, Tiff, Files, Archived, Paths)
