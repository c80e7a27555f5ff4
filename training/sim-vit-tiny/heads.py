"""Fit the heads, score them beside the baselines, write the bundle."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from data import CACHE, Labelled
from detector import fitted
from direction import fit_wind_direction
from distance import fit_distance_score
from values import fit_values

from xoceansar import models
from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.models import Head, HeadSpec, ModelHandle, load_model
from xoceansar.models.bundle.library import BUNDLES
from xoceansar.models.bundle.schema import read_provenance, write_config
from xoceansar.models.bundle.weight_files import read_arrays
from xoceansar.models.heads.head import head_inputs, save_head
from xoceansar.models.networks.vit import network_weights
from xoceansar.models.spec import POOLINGS
from xoceansar.train import fit_logistic, fit_ridge
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
    sizes = config["data"]
    train = Labelled("train", sizes["n_embedded"])
    test = Labelled("test", sizes["n_test"])
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
    heads, shipped = fit_values(handle, sizes)
    direction = fit_wind_direction(train, test, handle)
    further = Labelled("calibration", sizes["n_calibration"])
    heads += [direction, fit_distance_score(further, handle)]
    detector = fitted(handle, config["detector"], arguments)
    scores = {"shipped heads": shipped}
    scores["linear heads on the embedding"] = linear_scores(train, test, handle)
    scores["the same, before pretraining"] = linear_scores(train, test, untrained())
    scores |= baselines(Labelled("train", sizes["n_train"]), test)
    models.write_bundle(
        BUNDLES / NAME,
        heads=heads,
        detectors=[detector],
        card=card(scores, direction),
        **arguments,
    )
    keep(scores)


def refit_values(config: dict[str, Any]) -> None:
    """Fit anew the heads that take no embedding, in the bundle that there is."""
    handle = load_model(BUNDLES / NAME)
    folder = Path(handle.path)
    heads, shipped = fit_values(handle, config["data"])
    saved = {head.spec.name: save_head(head, folder) for head in heads}
    kept = tuple(saved.get(spec.name, spec) for spec in handle.heads)
    write_config(replace(handle, heads=kept), read_provenance(folder))
    keep({"shipped heads": shipped})


def card(scores: dict[str, Any], direction: Head) -> str:
    """Return the card of the bundle."""
    text = (HERE / "card.md").read_text().replace("{scores}", table(scores))
    for name, value in direction.spec.metrics.items():
        text = text.replace(f"{{{name}}}", f"{value:.0f}")
    return text


def keep(scores: dict[str, Any]) -> None:
    """Write scores beside those that are there, and print them."""
    path = HERE / "scores.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | scores, indent=1) + "\n")
    print(table(scores))


def untrained() -> ModelHandle:
    """Write the same network before its first step."""
    recipe = load_config(HERE / "pretrain.toml").to_dict()
    recipe["backbone"] |= {"pooling": POOLING}
    config = parse_config(recipe)
    return models.write_bundle(
        CACHE / "untrained",
        name="untrained",
        backbone=backbone_spec(config),
        backbone_state=network_weights(build_student(config).backbone.vit),
        input=config.input.spec(),
        simulated=True,
    )


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


def linear_scores(
    train: Labelled, test: Labelled, handle: ModelHandle
) -> dict[str, float]:
    """Fit ridge and logistic heads on the embedding; score them."""
    learned, seen = train.embedding(handle), test.embedding(handle)
    scores: dict[str, float] = {}
    for target in (*TARGETS, "ocean_class"):
        kind = "logistic" if target == "ocean_class" else "linear"
        fit = fit_logistic if kind == "logistic" else fit_ridge
        head = fit(
            learned[:, :-2],
            train.truth[target],
            spec_of(target, kind, handle),
            sigma0_mean=learned[:, -2],
            incidence=train.incidence,
        )
        inputs = head_inputs(seen[:, :-2], seen[:, -2], test.incidence, head.spec)
        scores[target] = measure(head(inputs), test, target)
    return scores


def measure(out: np.ndarray, data: Labelled, target: str) -> float:
    """RMSE over the open sea, or accuracy over all."""
    if target == "ocean_class":
        return float((out.argmax(1) == data.classes).mean())
    error = out[:, 0] - data.truth[target]
    return float(np.sqrt(np.nanmean(error**2)))


def baselines(train: Labelled, test: Labelled) -> dict[str, Any]:
    """Fit ridge and logistic on the level alone and on the hand features; keep the numbers."""

    def level(d: Labelled) -> np.ndarray:
        return np.c_[d.hand[:, 0] * (10 / np.log(10)), d.beam == "wv1"]

    def hand(d: Labelled) -> np.ndarray:
        return d.hand

    scores: dict[str, Any] = {}
    kept: dict[str, np.ndarray] = {}
    for name, inputs in (("mean sigma0 and beam", level), ("68 hand features", hand)):
        scores[name] = {}
        for target in (*TARGETS, "ocean_class"):
            kind = "logistic" if target == "ocean_class" else "linear"
            fit = fit_logistic if kind == "logistic" else fit_ridge
            x = inputs(train).astype(np.float32)
            head = fit(x, train.truth[target], spec_of(target, kind, None))
            out = head(inputs(test).astype(np.float32))
            scores[name][target] = measure(out, test, target)
            key = f"{'level' if inputs is level else 'hand'}/{target}"
            kept |= {f"{key}/{k}": v for k, v in head.arrays.items()}
    spread = {t: float(np.nanstd(test.truth[t])) for t in TARGETS}
    largest = np.bincount(test.classes).max() / len(test)
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
