"""Mutants of model bundles, checkpoints and configs of a training."""

import hashlib
import json
import shutil
import struct
import warnings
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import xarray as xr

from tests.conftest import write_tiny_model
from tests.fuzz.inputs import make_images
from tests.fuzz.mutate import EXTREMES, damage_bytes, mutate_json
from tests.fuzz.outcomes import Kind, Mutant, Outcome


class Bundle(Kind):
    """A tiny bundle with a detector left out, and images that it embeds."""

    name, weight = "bundle", 6

    @staticmethod
    def make(base: Path) -> None:
        write_tiny_model(base / "tiny")

    def __init__(self, base: Path, scratch: Path) -> None:
        super().__init__(base, scratch)
        self.folder = scratch / "bundle"
        shutil.copytree(base / "tiny", self.folder, dirs_exist_ok=True)
        self.files = {
            str(p.relative_to(self.folder)): p.read_bytes()
            for p in sorted(self.folder.rglob("*"))
            if p.is_file()
        }
        self.config = json.loads(self.files["config.json"])
        self.images = make_images(n=2)
        self.marker = scratch / "executed"
        self.good = self._retrieved()

    def _retrieved(self) -> xr.Dataset:
        from xoceansar import load_model
        from xoceansar.models.inference import runtime

        runtime.clear_cache()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = load_model(self.folder)
            return self.images.oceansar.retrieve(model=model).load()

    def mutate(self, rng: Random) -> Mutant:
        way = rng.choice(["config", "config", "config", "weights", "weights", "header", "card", "file", "attack"])  # fmt: skip
        what: str
        unknowable = "the config is the bundle's own word of what it is"
        if way == "config":
            content, what = mutate_json(rng, self.config)
            self._put("config.json", content)
        elif way == "card":
            content, what = damage_bytes(rng, b"# card\n" * 50)
            self._put("README.md", rng.choice([content, b"\xff\xfe\x00", b""]))
            unknowable = ""
        elif way == "attack":
            what = self._attack(rng)
        else:
            name = rng.choice([n for n in self.files if n.endswith(".safetensors")])
            maker = {"weights": damage_bytes, "header": _damage_header, "file": _other_file}[way]  # fmt: skip
            content, what = maker(rng, self.files[name])
            self._put(name, content)
            what = f"{name}: {what}"
            if rng.random() < 0.7:
                self._record(name, content)
                what += " (checksum too)"
                unknowable = "weights and checksum were changed together"
            else:
                unknowable = ""
        return Mutant(what, unknowable, operation="load and retrieve")

    def _put(self, name: str, content: bytes) -> None:
        if name == "config.json":  # whoever changes it can take its checksum away
            (self.folder / "config.sha256").unlink(missing_ok=True)
        (self.folder / name).write_bytes(content)

    def _record(self, name: str, content: bytes) -> None:
        def replace(text: str) -> str:
            old = hashlib.sha256(self.files[name]).hexdigest()
            return text.replace(old, hashlib.sha256(content).hexdigest())

        self._put("config.json", replace(json.dumps(self.config)).encode())

    def _attack(self, rng: Random) -> str:
        """Have the config name code, files or hosts."""
        pickled = self.folder / "evil.pth"
        pickled.write_bytes(b"c__builtin__\nopen\n(V" + str(self.marker).encode() + b"\nVw\ntR.")  # fmt: skip
        config = json.loads(self.files["config.json"])
        backbone = config["backbone"]
        way = rng.randrange(6)
        if way == 0:
            backbone["kwargs"]["checkpoint_path"] = str(pickled)
        elif way == 1:
            backbone["architecture"] = rng.choice(["hf-hub:a/b", f"local-dir:{self.folder}", "hf_hub:a/b"])  # fmt: skip
        elif way == 2:
            backbone["kwargs"] |= {"pretrained": True, "pretrained_cfg": {"file": str(pickled)}}  # fmt: skip
        elif way == 3:
            backbone["kwargs"][rng.choice(["depth", "embed_dim", "num_heads", "img_size", "patch_size", "num_classes"])] = rng.choice([10**6, 10**9, -1, 0, 1.5, "x", None, [1]])  # fmt: skip
        elif way == 4:
            backbone["file"] = rng.choice(["../../../etc/passwd", "/dev/zero", "evil.pth", "", ".", "/etc/passwd"])  # fmt: skip
        else:
            backbone["kwargs"][rng.choice(["norm_layer", "act_layer", "block_fn", "weight_init", "global_pool", "class_token"])] = rng.choice(["os.system", True, None, 5])  # fmt: skip
        self._put("config.json", json.dumps(config).encode())
        return f"attack {way}: {json.dumps(backbone)[:300]}"

    def check(self, mutant: Mutant, rng: Random) -> tuple[Outcome, str]:
        try:
            found = self._retrieved()
        finally:
            if self.marker.exists():
                self.marker.unlink()
                raise RuntimeError("code of the bundle was executed")
        return compare_results(found, self.good)

    def restore(self) -> None:
        for name, content in self.files.items():
            self._put(name, content)
        (self.folder / "evil.pth").unlink(missing_ok=True)


def compare_results(found: xr.Dataset, good: xr.Dataset) -> tuple[Outcome, str]:
    """Hold results to the known ones; what is missing must be flagged."""
    if found.sizes.get("vignette") != good.sizes["vignette"]:
        return Outcome.SHIFT, f"{dict(found.sizes)} rows"
    missing = np.zeros(good.sizes["vignette"], bool)
    for variable in found.data_vars.values():
        if variable.dtype.kind == "f" and variable.dims == ("vignette",):
            missing |= ~np.isfinite(variable.values)
    flagged = found["quality"].values != good["quality"].values
    if (missing & ~flagged).any():
        raise AssertionError("missing or infinite results are not flagged")
    if flagged.any():
        return Outcome.FLAGGED, f"quality {found['quality'].values}"
    for name, variable in good.data_vars.items():
        if name not in found or not np.allclose(found[name].values, variable.values, rtol=1e-3, atol=1e-3):  # fmt: skip
            return Outcome.SHIFT, f"{name} changed"
    return Outcome.UNCHANGED, ""


def _damage_header(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Change the JSON header of a safetensors file, or the length of it."""
    (size,) = struct.unpack("<Q", data[:8])
    header, rest = data[8 : 8 + size], data[8 + size :]
    if rng.random() < 0.3:
        length = rng.choice([0, 1, size - 1, size + 1, len(data), 2**31, 2**63, 2**64 - 1])  # fmt: skip
        return struct.pack("<Q", length) + data[8:], f"header of {length} bytes"
    tree = json.loads(header)
    if rng.random() < 0.4:
        name = rng.choice([k for k in tree if k != "__metadata__"])
        dtype = rng.choice(["BF16", "F8_E4M3", "F16", "F64", "I8", "BOOL", "C64", "U64", "X"])  # fmt: skip
        tree[name]["dtype"] = dtype
        content, what = json.dumps(tree).encode(), f"{name} is {dtype}"
    else:
        content, what = mutate_json(rng, tree)
    return struct.pack("<Q", len(content)) + content + rest, f"header: {what}"


def _other_file(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Store the arrays otherwise, or something else."""
    from safetensors.numpy import load, save

    arrays = load(data)
    name = rng.choice(sorted(arrays))
    way = rng.choice(["nan", "inf", "huge", "zero", "float64", "int", "shape", "less", "more", "none", "pickle", "bf16", "fp8"])  # fmt: skip
    if way == "pickle":
        return b"\x80\x02c__builtin__\nexit\n(tR.", way
    if way in {"bf16", "fp8"}:
        import torch
        from safetensors.torch import save as save_torch

        kind = torch.bfloat16 if way == "bf16" else torch.float8_e4m3fn
        return save_torch({n: torch.from_numpy(a.copy()).to(kind) for n, a in arrays.items()}), way  # fmt: skip
    array = arrays[name].copy()
    if way in {"nan", "inf", "huge", "zero"}:
        array[...] = {"nan": np.nan, "inf": np.inf, "huge": 1e38, "zero": 0.0}[way]
    elif way in {"float64", "int"}:
        array = array.astype(np.float64 if way == "float64" else np.int32)
    elif way == "shape":
        array = array.reshape(-1)[: max(array.size // 2, 1)]
    arrays[name] = array
    if way == "less":
        del arrays[name]
    elif way == "more":
        arrays["x.y"] = array
    elif way == "none":
        arrays = {}
    return save(arrays), f"{name} {way}"


class Checkpoint(Kind):
    """A checkpoint of torch or safetensors, to be converted."""

    name, weight = "checkpoint", 3

    def __init__(self, base: Path, scratch: Path) -> None:
        super().__init__(base, scratch)
        import torch

        from tests.models.conftest import TINY, TINY_INPUT
        from xoceansar.models.networks.vit import build_network, network_weights

        torch.manual_seed(3)
        self.state = {n: torch.from_numpy(a.copy()) for n, a in network_weights(build_network(TINY, TINY_INPUT.size)).items()}  # fmt: skip
        self.arguments = {
            "architecture": TINY.architecture, "size": TINY_INPUT.size, "pooling": TINY.pooling,
            "kwargs": dict(TINY.kwargs),
        }  # fmt: skip
        self.folder = scratch / "checkpoint"
        self.folder.mkdir(exist_ok=True)
        torch.save({"model": self.state}, self.folder / "good.pth")
        self.good = (self.folder / "good.pth").read_bytes()
        from safetensors.torch import save

        self.safe = save(self.state)
        self.name_of_file = ""
        from xoceansar.models.bundle.conversion import convert_checkpoint

        self.known = convert_checkpoint(
            self.folder / "good.pth", **self.arguments
        ).state

    def mutate(self, rng: Random) -> Mutant:
        way = rng.choice(["bytes", "header", "content", "content", "arguments"])
        unknowable = ""
        arguments = dict(self.arguments)
        suffix, what = ".pth", ""
        if way == "bytes":
            suffix = rng.choice([".pth", ".safetensors"])
            content, what = damage_bytes(rng, self.good if suffix == ".pth" else self.safe)  # fmt: skip
            if suffix == ".safetensors":
                unknowable = "safetensors hold no checksum"
        elif way == "header":
            suffix = ".safetensors"
            content, what = _damage_header(rng, self.safe)
            unknowable = "the header is the file's own word of what it holds"
        elif way == "content":
            content, what = self._content(rng)
            unknowable = "these are other weights"
        else:
            content = self.good
            key = rng.choice([*arguments, "branch", "prefix", "channel_mean", "resize_positions"])  # fmt: skip
            arguments[key] = rng.choice([None, "x", "", 0, -1, 10**9, 1.5, [], {}, {"depth": 10**6}, {"checkpoint_path": "/x"}, "hf-hub:a/b", ("a", "b", "c"), (0.0, 0.0, 0.0)])  # fmt: skip
            what = f"{key}={arguments[key]!r}"
            unknowable = "another argument asks for another network"
        path = self.folder / f"mutant{suffix}"
        path.write_bytes(content)
        detail = {"path": path, "arguments": arguments}
        return Mutant(f"{way}: {what}", unknowable, "convert", detail)

    def _content(self, rng: Random) -> tuple[bytes, str]:
        import io

        import torch

        state: dict[str, Any] = dict(self.state)
        name = rng.choice(sorted(state))
        tensor = state[name]
        recursive: dict[str, Any] = {"a": 1}
        recursive["self"] = recursive
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            changes: dict[str, Any] = {
                "sparse": lambda: state | {name: tensor.reshape(-1).to_sparse()},
                "quantised": lambda: state | {name: torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8)},
                "complex": lambda: state | {name: tensor.to(torch.complex64)},
                "bf16": lambda: {n: t.to(torch.bfloat16) for n, t in state.items()},
                "fp8": lambda: {n: t.to(torch.float8_e5m2) for n, t in state.items()},
                "integers": lambda: state | {name: tensor.to(torch.int64)},
                "meta": lambda: state | {name: torch.empty_like(tensor, device="meta")},
                "nan": lambda: state | {name: torch.full_like(tensor, float("nan"))},
                "inf": lambda: state | {name: torch.full_like(tensor, float("inf"))},
                "double huge": lambda: state | {name: torch.full_like(tensor, 1e300, dtype=torch.float64)},
                "list": lambda: list(state.values()),
                "lists": lambda: {n: t.tolist() for n, t in state.items()},
                "a list": lambda: state | {name: [tensor, tensor]},
                "tuple": lambda: (state,),
                "tensor": lambda: tensor,
                "number": lambda: 5,
                "text": lambda: "weights",
                "none": lambda: None,
                "empty": dict,
                "keys": lambda: {k: t for k, t in enumerate(state.values())},
                "mixed keys": lambda: {**state, 5: tensor, (1, 2): tensor, None: tensor},
                "recursive": lambda: recursive | {"model": state},
                "deep": lambda: _deep(state, 300),
                "transposed": lambda: state | {name: tensor.T.contiguous() if tensor.ndim == 2 else tensor[None]},
                "expanded": lambda: state | {name: torch.zeros(1).expand(10**9)},
                "shorter": lambda: {n: t for n, t in state.items() if n != name},
                "two": lambda: {"teacher": state, "student": state},
                "empty name": lambda: state | {"": tensor, ".": tensor, "..": tensor},
                "shape": lambda: state | {name: tensor.reshape(-1)[:1]},
                "scalar": lambda: state | {name: tensor.reshape(-1)[0]},
            }  # fmt: skip
            way = rng.choice(list(changes))
            content = changes[way]()
            if rng.random() < 0.3:
                content = {rng.choice(["model", "state_dict", "teacher", "x"]): content}
            buffer = io.BytesIO()
            torch.save(content, buffer, _use_new_zipfile_serialization=rng.random() < 0.8)  # fmt: skip
        return buffer.getvalue(), f"{way} ({name})"

    def check(self, mutant: Mutant, rng: Random) -> tuple[Outcome, str]:
        from xoceansar.models.bundle.conversion import convert_checkpoint

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = convert_checkpoint(
                mutant.detail["path"], **mutant.detail["arguments"]
            )
        for name, array in found.state.items():
            if not np.isfinite(array).all():
                raise AssertionError(f"{name} is not finite, and was converted")
        same = found.state.keys() == self.known.keys() and all(np.array_equal(found.state[n], a) for n, a in self.known.items())  # fmt: skip
        return (Outcome.UNCHANGED if same else Outcome.SHIFT), "other weights"

    def restore(self) -> None:
        for path in self.folder.glob("mutant*"):
            path.unlink()


def _deep(state: Any, depth: int) -> Any:
    for _ in range(depth):
        state = {"model": state}
    return state


class Config(Kind):
    """The TOML of a pretraining."""

    name, weight = "config", 3

    def __init__(self, base: Path, scratch: Path) -> None:
        super().__init__(base, scratch)
        from importlib import resources

        configs = resources.files("xoceansar.train") / "configs"
        self.texts = [(configs / f"{n}.toml").read_text() for n in ("two-cores", "paper")]  # fmt: skip
        self.path = scratch / "config.toml"

    def mutate(self, rng: Random) -> Mutant:
        text = rng.choice(self.texts)
        lines = text.splitlines()
        notes = []
        for _ in range(rng.choice([1, 1, 2])):
            k = rng.choice([k for k, line in enumerate(lines) if "=" in line and not line.startswith("#")] or [0])  # fmt: skip
            key = lines[k].partition("=")[0]
            way = rng.choice(["value", "value", "value", "delete", "double", "unknown", "table", "kwargs"])  # fmt: skip
            if way == "value":
                value = rng.choice([*EXTREMES, '"text"', "[]", "{}", "[[1]]", "-5", "1e400", "true", "inf", "nan", '""', "[0, 0]", "[5, 1]", '"hf-hub:a/b"', "9" * 5000, "0x" + "f" * 5000, "1979-05-27", "[" * 3000, '"\\ud800"', "{a.b.c = 1}", "'''x'''"])  # fmt: skip
                lines[k] = f"{key}= {value}"
            elif way == "delete":
                del lines[k]
            elif way == "double":
                lines.insert(k, lines[k])
            elif way == "unknown":
                lines.insert(k, "unknown_key = 5")
            elif way == "table":
                lines.insert(k, rng.choice(["[x]", "[backbone]", "[[input]]", "[a.b.c]", "[" + "a." * 2000 + "a]"]))  # fmt: skip
            else:
                lines.insert(k, 'kwargs = { checkpoint_path = "/dev/shm/x", depth = 1000000 }')  # fmt: skip
            notes.append(f"{key.strip()} {way}")
        content = "\n".join(lines).encode("utf-8", "surrogatepass")
        if rng.random() < 0.15:
            content, note = damage_bytes(rng, content)
            notes.append(note)
        self.path.write_bytes(content)
        return Mutant("; ".join(notes), "a config is what its author writes", "load")

    def check(self, mutant: Mutant, rng: Random) -> tuple[Outcome, str]:
        from xoceansar.train.pretraining.config import load_config, parse_config

        config = load_config(self.path)
        if parse_config(config.to_dict()) != config:
            raise AssertionError("the config does not come back from its own dict")
        return Outcome.SHIFT, "another config"

    def restore(self) -> None:
        self.path.unlink(missing_ok=True)


KINDS: Final = (Bundle, Checkpoint, Config)
