"""Fit the heads on the frozen backbone, score them beside the baselines, write the bundle."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from calibration import Embedded, calibrated, distance_head
from data import CACHE, LABELLED, Labelled, embedding
from detector import fitted
from direction import fit_wind_direction

from xoceansar import models
from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.models import Head, HeadSpec, ModelHandle, load_model
from xoceansar.models.bundle.library import BUNDLES
from xoceansar.models.bundle.weight_files import read_arrays
from xoceansar.models.heads.head import head_inputs
from xoceansar.models.networks.vit import network_weights
from xoceansar.models.spec import POOLINGS
from xoceansar.train import fit_logistic, fit_mlp, fit_ridge
from xoceansar.train.pretraining.config import load_config, parse_config
from xoceansar.train.pretraining.learner import backbone_spec, build_student

HERE = Path(__file__).parent
NAME = "sim-vit-tiny"
BOTH = ("sigma0_mean_db", "incidence")
#: The wind that CMOD5.N reads from the level: what a linear head cannot make of it.
FURTHER_INPUTS = {"wind_speed": ("gmf_wind",)}
#: The maximum of the patches tells what is rare within a vignette: an iceberg, a front.
POOLING = "cls+mean+std+max"
#: target -> (units, physical minimum)
TARGETS = {"swh": ("m", 0.0), "wind_speed": ("m s-1", 0.0)}


def fit_heads(config: dict[str, Any]) -> None:
    """Write the bundle, the baselines and the scores."""
    data = {name: Labelled(name) for name in LABELLED}
    pretrained = load_model(CACHE / "run/bundle")
    width = pretrained.backbone.width
    backbone = replace(
        pretrained.backbone, pooling=POOLING, embedding_dim=POOLINGS[POOLING] * width
    )
    arguments: dict[str, Any] = {
        "name": NAME,
        "backbone": backbone,
        "backbone_state": read_arrays(
            Path(pretrained.path) / pretrained.backbone.file, pretrained.weights_sha256
        ),
        "input": pretrained.input,
        "simulated": True,
        "dtype": "float16",
        "provenance": {
            "script": "training/sim-vit-tiny/train.py",
            "config": config,
            "pretraining": load_config(HERE / "pretrain.toml").to_dict(),
        },
    }
    handle = models.write_bundle(BUNDLES / NAME, **arguments)
    embedded = {name: embed(data[name], name, handle) for name in LABELLED}
    heads, scores = choose_heads(data, embedded, handle, config["heads"])
    further = Embedded(("calibration", "calibration_2"), handle, POOLING)
    heads = [calibrated(head, further) for head in heads]
    direction = fit_wind_direction(data, embedded, handle, config["data"])
    heads += [direction, distance_head(handle, further)]
    detector = fitted(handle, config["detector"], arguments)
    scores |= before_training(data)
    scores |= baselines(data)
    card = (HERE / "card.md").read_text().replace("{scores}", table(scores))
    for name, value in direction.spec.metrics.items():
        card = card.replace(f"{{{name}}}", f"{value:.0f}")
    models.write_bundle(
        BUNDLES / NAME, heads=heads, detectors=[detector], card=card, **arguments
    )
    (HERE / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    print(table(scores))


def before_training(data: dict[str, Labelled]) -> dict[str, Any]:
    """Score linear heads on the same network before its first step."""
    recipe = load_config(HERE / "pretrain.toml").to_dict()
    recipe["backbone"] |= {"pooling": POOLING}
    config = parse_config(recipe)
    handle = models.write_bundle(
        CACHE / "untrained",
        name="untrained",
        backbone=backbone_spec(config),
        backbone_state=network_weights(build_student(config).backbone.vit),
        input=config.input.spec(),
        simulated=True,
    )
    sets = {name: embed(data[name], name, handle) for name in ("train", "test")}
    scores = {
        target: score(
            fit_linear(target, data["train"], sets["train"], handle),
            data["test"],
            sets["test"],
        )
        for target in (*TARGETS, "ocean_class")
    }
    return {"linear heads, before pretraining": scores}


def embed(data: Labelled, name: str, handle: ModelHandle) -> np.ndarray:
    """Embed a set through the function that Dask calls; keep the result in the cache."""
    return embedding(name, data.ds, handle, POOLING)


def spec_of(target: str, kind: str, handle: ModelHandle | None) -> HeadSpec:
    """Describe a head: of the bundle, or of a baseline that has no backbone."""
    classes = OCEAN_CLASSES if target == "ocean_class" else ()
    units, low = TARGETS.get(target, ("1", None))
    return HeadSpec(
        name=target,
        kind=kind,
        target=target,
        units=units,
        classes=classes,
        ancillary=(*BOTH, *FURTHER_INPUTS.get(target, ())) if handle else (),
        lower_bound=low,
        pooling=handle.backbone.pooling if handle else "cls",
        backbone_sha256=handle.weights_sha256 if handle else "",
    )


def fit_linear(
    target: str, data: Labelled, embedded: np.ndarray, handle: ModelHandle
) -> Head:
    """Fit a ridge or logistic head."""
    sample = {
        "features": embedded[:, :-2],
        "targets": data.truth[target],
        "sigma0_mean": embedded[:, -2],
        "incidence": data.incidence,
    }
    if target != "ocean_class":
        return fit_ridge(spec=spec_of(target, "linear", handle), **sample)
    spec = spec_of(target, "logistic", handle)
    return fit_logistic(spec=spec, strengths=(1e-3, 1e-2, 1e-1), **sample)


def fit_perceptron(
    target: str,
    data: Labelled,
    embedded: np.ndarray,
    handle: ModelHandle,
    config: dict[str, Any],
) -> Head:
    """Fit a perceptron of three layers."""
    return fit_mlp(
        embedded[:, :-2],
        data.truth[target],
        spec_of(target, "mlp", handle),
        sigma0_mean=embedded[:, -2],
        incidence=data.incidence,
        hidden=(config["mlp_hidden"],) * 2,
        seed=config["mlp_seed"],
        dropout=config["mlp_dropout"],
        weight_decay=config["mlp_weight_decay"],
    )


def choose_heads(
    data: dict[str, Labelled],
    embedded: dict[str, np.ndarray],
    handle: ModelHandle,
    config: dict[str, Any],
) -> tuple[list[Head], dict[str, Any]]:
    """Fit a linear head and a perceptron for each target; keep the better on validation."""
    chosen: list[Head] = []
    scores: dict[str, dict[str, float]] = {"linear heads": {}, "shipped heads": {}}
    for target in (*TARGETS, "ocean_class"):
        sample = target, data["train"], embedded["train"], handle
        candidates = [fit_linear(*sample), fit_perceptron(*sample, config)]
        by_validation = [
            score(head, data["validation"], embedded["validation"])
            for head in candidates
        ]
        print(target, [c.spec.kind for c in candidates], by_validation)
        pick = np.argmax if target == "ocean_class" else np.argmin
        best = candidates[int(pick(by_validation))]
        chosen.append(best)
        test = data["test"], embedded["test"]
        scores["linear heads"][target] = score(candidates[0], *test)
        scores["shipped heads"][target] = score(best, *test)
    return chosen, scores


def score(head: Head, data: Labelled, embedded: np.ndarray) -> float:
    """RMSE, or accuracy, of a head on a set."""
    inputs = head_inputs(embedded[:, :-2], embedded[:, -2], data.incidence, head.spec)
    return measure(head(inputs), data, head.spec.target)


def measure(out: np.ndarray, data: Labelled, target: str) -> float:
    """RMSE over the open sea, or accuracy over all."""
    if target == "ocean_class":
        return float((out.argmax(1) == data.classes).mean())
    error = out[:, 0] - data.truth[target]
    return float(np.sqrt(np.nanmean(error**2)))


def baselines(data: dict[str, Labelled]) -> dict[str, Any]:
    """Fit ridge and logistic on the level alone and on the hand features; keep the numbers."""

    def level(d: Labelled) -> np.ndarray:
        return np.c_[d.mean_db, d.wv1]

    def hand(d: Labelled) -> np.ndarray:
        return d.hand

    scores: dict[str, Any] = {}
    kept: dict[str, np.ndarray] = {}
    for name, inputs in (("mean sigma0 and beam", level), ("68 hand features", hand)):
        scores[name] = {}
        for target in (*TARGETS, "ocean_class"):
            kind = "logistic" if target == "ocean_class" else "linear"
            fit = fit_logistic if kind == "logistic" else fit_ridge
            x = inputs(data["train"]).astype(np.float32)
            head = fit(x, data["train"].truth[target], spec_of(target, kind, None))
            out = head(inputs(data["test"]).astype(np.float32))
            scores[name][target] = measure(out, data["test"], target)
            key = f"{'level' if inputs is level else 'hand'}/{target}"
            kept |= {f"{key}/{k}": v for k, v in head.arrays.items()}
    spread = {t: float(np.nanstd(data["test"].truth[t])) for t in TARGETS}
    largest = np.bincount(data["test"].classes).max() / len(data["test"])
    scores["no image (mean of the set, largest class)"] = {
        **spread,
        "ocean_class": float(largest),
    }
    np.savez_compressed(HERE / "baselines.npz", **kept)
    return scores


def table(scores: dict[str, Any]) -> str:
    """Markdown table of the scores on the test set."""
    lines = [
        "| on simulated vignettes unseen in training | SWH RMSE (m) | wind RMSE (m/s) | class accuracy |",
        "|---|---|---|---|",
    ]
    for name, row in scores.items():
        lines.append(
            f"| {name} | {row['swh']:.2f} | {row['wind_speed']:.2f} | {row['ocean_class']:.3f} |"
        )
    return "\n".join(lines)
