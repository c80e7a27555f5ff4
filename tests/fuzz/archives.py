"""Mutants of Zarr archives: chunks, metadata, links; then opened, selected, exported, added to."""

import json
import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import xarray as xr
import zarr

from tests.conftest import write_tiny_model
from tests.fuzz.mutate import damage_bytes, mutate_json
from tests.fuzz.outcomes import Kind, Mutant, Outcome
from tests.processing.products import SHAPE, write
from xoceansar import open_archive, process
from xoceansar.conventions import Quality
from xoceansar.errors import OceansarError
from xoceansar.io.archive.guarded_store import bounded_texts

#: Values that arrays of this archive have at most.
_MOST: Final = 1_000_000
_OUTPUTS: Final = ("embedding", "swh", "class", "quality")


class Archive(Kind):
    """An archive of two vignettes, and a product that is not in it yet."""

    name, weight = "archive", 4

    @staticmethod
    def make(base: Path) -> None:
        write_tiny_model(base / "archive-model")
        write(base / "in", 0, n=2)
        write(base / "more", 1, n=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _process(base, base / "in", base / "archive.zarr")

    def __init__(self, base: Path, scratch: Path) -> None:
        super().__init__(base, scratch)
        self.source = base / "archive.zarr"
        self.target = scratch / "archive.zarr"
        self.files = {
            str(p.relative_to(self.source)): p.read_bytes()
            for p in sorted(self.source.rglob("*"))
            if p.is_file()
        }
        self.arrays = sorted({p.rpartition("/zarr.json")[0] for p in self.files if p.endswith("/zarr.json")} - {"units"})  # fmt: skip
        self.chunks = sorted(p for p in self.files if not p.endswith("zarr.json"))
        self.restore()
        self.good = open_archive(self.target).load()

    def restore(self) -> None:
        """Put the good archive back."""
        if self.target.is_symlink() or self.target.is_file():
            self.target.unlink()
        for path in self.scratch.glob("archive.*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in self.scratch.glob(".archive*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(self.source, self.target, symlinks=True)

    def mutate(self, rng: Random) -> Mutant:
        ways = [self._chunk, self._chunk, self._metadata, self._metadata, self._both, self._gone, self._gone, self._odd, self._edit, self._edit]  # fmt: skip
        notes, unknowable = [], ""
        for _ in range(rng.choice([1, 1, 1, 2])):
            note, why = rng.choice(ways)(rng)
            notes.append(note)
            unknowable = unknowable or why
        return Mutant("; ".join(notes), unknowable)

    def _place(self, path: str) -> Path:
        return self.target / path

    def _put(self, path: str, content: bytes) -> None:
        place = self._place(path)
        if place.parent.is_dir() and not place.is_dir():
            place.unlink(missing_ok=True)
            place.write_bytes(content)

    def _chunk(self, rng: Random) -> tuple[str, str]:
        """Damage a chunk, or put another in its place."""
        path = rng.choice(self.chunks)
        if rng.random() < 0.2:
            other = rng.choice(self.chunks)
            self._put(path, self.files[other])
            same = self._size(path) == self._size(other)
            why = "a whole chunk of another array of the same size" if same else ""
            return f"{path} holds {other}", why
        content, what = damage_bytes(rng, self.files[path])
        self._put(path, content)
        return f"{path}: {what}", ""

    def _size(self, path: str) -> int | None:
        """Bytes of a whole chunk of an array; None of texts."""
        array = zarr.open_array(
            self.source, path=path.partition("/c/")[0].removesuffix("/c"), mode="r"
        )
        return None if array.dtype.kind == "T" else array.dtype.itemsize * int(np.prod(array.chunks))  # fmt: skip

    def _metadata(self, rng: Random) -> tuple[str, str]:
        """Change the metadata of an array, a group or the whole."""
        path = rng.choice(["zarr.json", "zarr.json", "units/zarr.json", f"{rng.choice(self.arrays)}/zarr.json"])  # fmt: skip
        good = self.files[path]
        if rng.random() < 0.25:
            content, what = damage_bytes(rng, good)
        else:
            content, what = mutate_json(rng, json.loads(good))
        self._put(path, content)
        return f"{path}: {what}", "metadata are the archive's own word of what it holds"

    def _both(self, rng: Random) -> tuple[str, str]:
        """Change the metadata of an array, and the consolidated copy of it alike."""
        name = rng.choice(self.arrays)
        content, what = mutate_json(rng, json.loads(self.files[f"{name}/zarr.json"]))
        self._put(f"{name}/zarr.json", content)
        try:
            changed = json.loads(content)
            root = json.loads(self.files["zarr.json"])
            root["consolidated_metadata"]["metadata"][name] = changed
            self._put("zarr.json", json.dumps(root).encode("utf-8", "surrogatepass"))
        except (ValueError, KeyError, RecursionError):
            pass
        return f"{name} everywhere: {what}", "metadata are the archive's own word of what it holds"  # fmt: skip

    def _gone(self, rng: Random) -> tuple[str, str]:  # noqa: C901  one line a way
        """Take something away."""
        way = rng.choice(["chunk", "array", "metadata", "root", "consolidated", "attributes", "units", "key", "everything"])  # fmt: skip
        name = rng.choice(self.arrays)
        if way == "chunk":
            name = rng.choice(self.chunks)
            self._place(name).unlink(missing_ok=True)
        elif way == "array":
            shutil.rmtree(self._place(name), ignore_errors=True)
        elif way == "metadata":
            self._place(f"{name}/zarr.json").unlink(missing_ok=True)
        elif way == "root":
            self._place("zarr.json").unlink(missing_ok=True)
        elif way == "units":
            shutil.rmtree(self._place("units"), ignore_errors=True)
        elif way == "everything":
            for child in list(self.target.iterdir()):
                if child.name != "zarr.json":
                    shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()  # fmt: skip
        else:
            root = json.loads(self.files["zarr.json"])
            if way == "consolidated":
                root.pop("consolidated_metadata")
            elif way == "attributes":
                root["attributes"] = {}
            else:
                root["consolidated_metadata"]["metadata"].pop(name, None)
            self._put("zarr.json", json.dumps(root).encode())
        return f"no {way} ({name})", ""

    def _odd(self, rng: Random) -> tuple[str, str]:
        """Put links, pipes and folders where files should be."""
        path = rng.choice([*self.chunks, *self.arrays, "zarr.json"])
        place = self._place(path)
        if not place.exists():
            return "nothing", ""
        way = rng.choice(["link out", "loop", "fifo", "folder", "file", "/dev/zero", "/etc/passwd", "moved"])  # fmt: skip
        if way in {"link out", "moved"}:
            away = self.scratch / "archive.away"
            if away.exists():
                return "nothing", ""
            place.rename(away)
            if way == "link out":
                place.symlink_to(away)
            return f"{path} {way}", ""
        shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink()  # fmt: skip
        made: dict[str, Callable[[], Any]] = {
            "loop": lambda: place.symlink_to(place.name),
            "fifo": lambda: os.mkfifo(place),
            "folder": lambda: place.mkdir(),
            "file": lambda: place.write_bytes(b"x"),
            "/dev/zero": lambda: place.symlink_to("/dev/zero"),
            "/etc/passwd": lambda: place.symlink_to("/etc/passwd"),
        }
        made[way]()
        return f"{path} is {way}", ""

    def _edit(self, rng: Random) -> tuple[str, str]:  # noqa: C901  one line a way
        """Edit the archive with plain zarr or xarray, as its owner may."""
        way = rng.choice(["attribute", "variable", "resize", "values", "append", "format 2", "strip attributes"])  # fmt: skip
        name = rng.choice([a for a in self.arrays if "/" not in a])
        consolidated = rng.random() < 0.3
        if any(path.is_symlink() for path in self.target.rglob("zarr.json")):
            return (
                f"{way} ({name}) failed",
                "",
            )  # an owner's program would read the device
        with warnings.catch_warnings(), bounded_texts():
            warnings.simplefilter("ignore")
            try:
                group = zarr.open_group(self.target, mode="r+", use_consolidated=False)
                if way == "attribute":
                    group.attrs["note"] = "mine"
                elif way == "variable":
                    added = group.create_array("mine", shape=rng.choice([(2,), (3,), ()]), dtype="f4", dimension_names=None)  # fmt: skip
                    added[...] = 1.0
                elif way == "resize":
                    array = group[name]
                    shape = (rng.choice([0, 1, 3, 10**7]), *array.shape[1:])
                    if array.shape:
                        array.resize(shape)
                elif way == "values":
                    array = group[name]
                    if array.size < _MOST:  # another edit may have resized it
                        array[...] = np.zeros(array.shape, array.dtype)
                elif way == "append":
                    array = group[name]
                    if array.shape:
                        array.append(array[:1])
                elif way == "format 2":
                    (self.target / ".zgroup").write_text('{"zarr_format": 2}')
                else:
                    group[name].attrs.clear()
                if consolidated:
                    zarr.consolidate_metadata(str(self.target))
            except Exception:  # noqa: BLE001  what an earlier mutation left is no archive
                return f"{way} ({name}) failed", ""
        gone = [a for a in self.arrays if not self._place(f"{a}/zarr.json").exists()]
        if consolidated and gone:
            return f"edited: {way} ({name}) and consolidated", "the owner listed the arrays anew, without those that are gone"  # fmt: skip
        why = "the owner wrote other values" if way == "values" else "the owner took the units away" if way == "strip attributes" else ""  # fmt: skip
        return f"edited: {way} ({name}){' and consolidated' if consolidated else ''}", why  # fmt: skip

    def check(self, mutant: Mutant, rng: Random) -> tuple[Outcome, str]:
        operation = rng.choices(["open", "select", "export", "similar", "again", "append"], [6, 2, 2, 1, 1, 2])[0]  # fmt: skip
        mutant.operation = operation
        if operation == "append":
            return self._append()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if operation == "again":
                return self._again()
            ds = open_archive(self.target)
            if operation == "select":
                ds = ds.oceansar.select(region=(-180, -90, 180, 90), time=("2000", "2100"))  # fmt: skip
            elif operation == "similar":
                ds.oceansar.similar(
                    self.good.vignette_id.values[0], n_neighbors=1
                ).load()
                return Outcome.UNCHANGED, ""
            elif operation == "export":
                return self._export(ds, rng)
            found = ds.load()
        words = [str(w.message) for w in caught if w.category.__name__ == "OceansarWarning"]  # fmt: skip
        return _compare(found, self.good, words)

    def _export(self, ds: xr.Dataset, rng: Random) -> tuple[Outcome, str]:
        way = rng.choice(["nc", "parquet", "geojson", "table"])
        path = self.scratch / f"archive.{way}"
        accessor = ds.oceansar
        if way == "nc":
            accessor.to_netcdf(path)
        elif way == "parquet":
            accessor.to_geoparquet(path)
        elif way == "geojson":
            accessor.to_geojson(path)
        else:
            accessor.to_geodataframe()
        return Outcome.UNCHANGED, way

    def _again(self) -> tuple[Outcome, str]:
        before = _contents(self.target)
        report = _process(self.base, self.base / "in", self.target)
        if report.processed == 0 and _contents(self.target) == before:
            return Outcome.UNCHANGED, "nothing to do"
        return self._rows_kept(report.processed * 2)

    def _append(self) -> tuple[Outcome, str]:
        before = _committed(self.target)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                report = _process(self.base, self.base / "more", self.target)
        except OceansarError:
            if _committed(self.target) != before:
                return Outcome.SHIFT, "refused, and changed all the same"
            raise
        if report.failed:
            return Outcome.FLAGGED, str(report.failed[0].failure)[:200]
        return self._rows_kept(1)

    def _rows_kept(self, added: int) -> tuple[Outcome, str]:
        """See that every row that was there is there, with its values."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = open_archive(self.target).load()
        words = [str(w.message) for w in caught if w.category.__name__ == "OceansarWarning"]  # fmt: skip
        ids = found["vignette_id"].values.astype(str).tolist()
        if not set(self.good["vignette_id"].values.astype(str).tolist()) <= set(ids):
            return Outcome.SHIFT, f"rows were lost: {ids}"
        if len(ids) != 2 + added:
            return Outcome.SHIFT, f"{len(ids)} rows after {added} were added to 2"
        return _compare(found.isel(vignette=slice(2)), self.good, words)


def _process(base: Path, products: Path, target: Path) -> Any:
    return process(
        products, target, model=base / "archive-model", outputs=list(_OUTPUTS), shape=SHAPE,
        scheduler="synchronous", progress=False,
    )  # fmt: skip


def _contents(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path)] = os.readlink(path)
        elif path.is_file():
            found[str(path)] = path.read_bytes()
    return found


def _committed(folder: Path) -> dict[str, Any]:
    """What a reader of the archive finds: the metadata, and the values of each array.

    The root says how many rows are committed, where it lists an array. Rows beyond, in a chunk or
    in the array's own metadata, are what a cut run may leave, and nobody looks for.
    """
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("zarr.json")):
        try:
            found[str(path.parent.relative_to(folder))] = json.loads(path.read_bytes())
        except (ValueError, OSError, RecursionError):
            found[str(path.parent.relative_to(folder))] = None
    try:
        listed = dict(found["."]["consolidated_metadata"]["metadata"])
    except (TypeError, LookupError, ValueError):
        listed = {}
    for name in sorted(path.parent.name for path in folder.glob("*/zarr.json")):
        if any(not p.is_file() and not p.is_dir() for p in (folder / name).rglob("*")):
            continue  # a pipe would not answer
        try:
            with bounded_texts():
                array = zarr.open_array(str(folder / name), mode="r")
            shape = listed.get(name, {}).get("shape", array.shape)
            rows = array[tuple(map(slice, shape))] if np.prod(shape) < _MOST else None
            found[f"{name}/values"] = repr(np.asarray(rows).tolist())
            if name in listed:
                found[name]["shape"] = shape
        except Exception as error:  # noqa: BLE001  what an earlier mutation broke
            found[f"{name}/values"] = type(error).__name__
    return found


def _compare(found: xr.Dataset, good: xr.Dataset, words: list[str]) -> tuple[Outcome, str]:  # fmt: skip
    if found.sizes.get("vignette") != good.sizes["vignette"]:
        return (Outcome.COUNTED if words else Outcome.SHIFT), f"{dict(found.sizes)}"
    if "quality" in found:
        flags = found["quality"].values.astype(int)
        flagged = (flags & ~int(Quality.SEA_ICE_HINT | Quality.OUT_OF_DOMAIN)) > 0
    else:
        flagged = np.zeros(good.sizes["vignette"], bool)
    said = bool(words) or "quality" not in found
    for name, variable in good.variables.items():
        if name not in found.variables:
            if not said:
                return Outcome.SHIFT, f"{name} is lost without a word"
            continue
        problem = _differs(str(name), found[name].variable, variable, flagged)
        if problem and not said:
            return Outcome.SHIFT, problem
        said = said or bool(problem)
    changed = said or flagged.any()
    return (Outcome.FLAGGED if changed else Outcome.UNCHANGED), ""


def _differs(name: str, a: xr.Variable, b: xr.Variable, flagged: np.ndarray) -> str:
    if a.shape != b.shape:
        return f"{name} is {a.dims} {a.shape}, and was {b.shape}"
    one, two = np.asarray(a.values), np.asarray(b.values)
    if two.dtype.kind in "fiub" and one.dtype.kind in "fiub":
        same = np.isclose(one.astype(float), two.astype(float), rtol=1e-6, atol=0, equal_nan=True)  # fmt: skip
    elif one.dtype.kind == two.dtype.kind == "M":
        same = one == two
    else:
        same = one.astype(str) == two.astype(str)
    if same.ndim and a.dims[0] == "vignette":
        same = same.reshape(len(same), -1).all(1) | flagged
    if np.all(same):
        return ""
    return f"{name} is {one.ravel()[:3]}, and was {two.ravel()[:3]}"


KINDS: Final = (Archive,)
