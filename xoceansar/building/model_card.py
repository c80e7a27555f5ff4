"""The bundle that a build is for, with a card written from what the stages found."""

import shutil
from pathlib import Path
from typing import Any, Final

from xoceansar._version import __version__
from xoceansar.building.head_stage import CALIBRATION, simulated_of, write_heads
from xoceansar.building.workspace import Facts, Workspace, digest_bundle
from xoceansar.models.bundle.library import load_model
from xoceansar.models.heads.head import load_head
from xoceansar.models.spec.choices import origin_in_words

BUNDLE: Final = "bundle"
_STAGES: Final = (
    "archive",
    "targets",
    "backbone",
    "heads",
    "calibration",
    "evaluation",
)


def make_bundle(work: Workspace, folder: Path) -> Facts:
    """Write the bundle and its card."""
    handle = load_model(work.path(CALIBRATION) / "bundle")
    heads = [load_head(spec, Path(handle.path)) for spec in handle.heads]
    found = {stage: work.found(stage) for stage in _STAGES}
    write_heads(
        folder / "bundle",
        handle,
        heads,
        simulated_of(work),
        _provenance(work, found),
        work.model.name,
        card=card(work, found),
    )
    return {"digest": digest_bundle(folder / "bundle")}


def deliver(work: Workspace) -> None:
    """Put the bundle where it was asked for, whole or not at all."""
    source = work.path(BUNDLE) / "bundle"
    if work.model.exists() and _same(source, work.model):
        return
    draft = work.model.with_name(f".{work.model.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(source, draft)
    shutil.rmtree(work.model, ignore_errors=True)
    draft.rename(work.model)


def _same(one: Path, other: Path) -> bool:
    files = {p.relative_to(one) for p in one.rglob("*") if p.is_file()}
    return files == {
        p.relative_to(other) for p in other.rglob("*") if p.is_file()
    } and all((one / f).read_bytes() == (other / f).read_bytes() for f in files)


def _provenance(work: Workspace, found: dict[str, Facts]) -> dict[str, Any]:
    """Keep what the card is written from."""
    request = work.request
    archive, targets = found["archive"], found["targets"]
    return {
        "made_by": f"xoceansar {__version__}, build",
        "seed": request.seed,
        "features": list(request.inputs_of_heads),
        "archive": {
            k: archive.get(k)
            for k in (
                "vignettes",
                "passes",
                "products",
                "counts",
                "period",
                "simulated",
            )
        },
        "failed": len(archive.get("failed", [])),
        "targets": {k: v for k, v in targets.items() if k not in ("digest", "needs")},
        "backbone": {
            k: found["backbone"][k]
            for k in ("name", "weights_sha256", "simulated", "used")
        },
        "heads": found["heads"]["heads"],
        "not_calibrated": found["calibration"]["skipped"],
        "scores": found["evaluation"]["scores"],
        "coverage": found["evaluation"]["coverage"],
    }


def card(work: Workspace, found: dict[str, Facts]) -> str:
    """Write the model card."""
    parts = [f"# {work.model.name}"]
    origin = origin_in_words(simulated_of(work))
    if origin:
        parts.append(
            f"**Trained on {origin}. Its numbers are not measurements of the real sea.**"
        )
    parts += [
        _data(found["archive"]),
        _truth(found["targets"]),
        _made(work, found),
        _scores(work, found["evaluation"]),
        _limits(work, found),
    ]
    return "\n\n".join(parts) + "\n"


def _data(archive: Facts) -> str:
    counts = archive["counts"]
    lines = [
        "## Data",
        "",
        f"- {archive['vignettes']} vignettes of {archive['passes']} orbit passes"
        + (f", of {archive['products']} products" if archive["products"] else ""),
    ]
    if archive["period"]:
        lines.append(f"- period: {' to '.join(archive['period'])} UTC")
    for name, label in (
        ("platform", "platforms"),
        ("beam", "beams"),
        ("polarisation", "polarisation"),
        ("ipf_version", "IPF versions"),
    ):
        if name in counts:
            listed = ", ".join(
                f"{k or 'unknown'} ({n})" for k, n in counts[name].items()
            )
            lines.append(f"- {label}: {listed}")
    if archive["failed"]:
        lines.append(f"- {len(archive['failed'])} products could not be processed")
    return "\n".join(lines)


def _truth(targets: Facts) -> str:
    lines = ["## Truth", "", f"- {targets['truth']}"]
    for name, n in targets["with_truth"].items():
        error = targets["truth_error"].get(name)
        told = (
            f"its own standard error {error:.3g} (median)"
            if error
            else "its own error is not stated"
        )
        lines.append(f"- {name}: {n} of {targets['vignettes']} vignettes; {told}")
    match = targets["collocation"]
    if match:
        lines.append(
            "- matched at "
            + ", ".join(f"{v:.3g} {k.rpartition('_')[2]}" for k, v in match.items())
            + " (medians of distance and lag)"
        )
    lines += [f"- no head for {n}: {why}" for n, why in targets["skipped"].items()]
    for reason, n in targets["unmatched"].items():
        if n:
            lines.append(f"- left out: {n} vignettes ({reason})")
    for name, n in targets["impossible"].items():
        lines.append(f"- left out: {n} values of {name} that no sea has")
    parts, passes = targets["parts"], targets["passes"]
    divided = ", ".join(f"{parts[p]} {p} ({passes[p]} passes)" for p in parts)
    return "\n".join([*lines, f"- divided by orbit pass: {divided}"])


def _made(work: Workspace, found: dict[str, Facts]) -> str:
    backbone = found["backbone"]
    network = (
        f"embedding by {backbone['name']} (weights {backbone['weights_sha256'][:12]})"
        if backbone["used"]
        else "no network: the backbone of the bundle is untrained, and no head takes it"
    )
    lines = ["## How it was made", "", f"- {network}"]
    if work.request.features:
        lines.append(f"- physical parameters: {', '.join(work.request.features)}")
    for name, about in found["heads"]["heads"].items():
        lines.append(
            f"- `{name}`: {about['kind']}, fitted on {about['n_fit']} vignettes of "
            f"{about['groups']['fit']} passes"
        )
        lines += [f"  - left out: {n} ({why})" for why, n in about["dropped"].items()]
    return "\n".join(lines)


def _scores(work: Workspace, evaluation: Facts) -> str:
    lines = [
        "## Scores",
        "",
        "Of passes that nothing was learned from: `test` in the same period, `later` after it.",
        "",
        "| target | part | model | n | RMSE | bias | accuracy |",
        "|---|---|---|---|---|---|---|",
    ]
    for target, parts in evaluation["scores"].items():
        for part, models in parts.items():
            for model, scores in models.items():
                cells = [_number(scores.get(k)) for k in ("rmse", "bias", "accuracy")]
                lines.append(
                    f"| {target} | {part} | {model} | {scores['n']} | {' | '.join(cells)} |"
                )
    for row in evaluation["coverage"]:
        lines += [
            "",
            f"Intervals of {row['target']} that are to hold {100 * row['wanted']:g} % hold "
            f"{100 * row['held']:.1f} % of {row['n']} ({row['part']}).",
        ]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _limits(work: Workspace, found: dict[str, Facts]) -> str:
    lines = ["## Limits", ""]
    spec = load_model(work.path(CALIBRATION) / "bundle").input
    lines.append(
        f"- {'/'.join(spec.polarisations)}, {'/'.join(spec.beams)}, {spec.size} x {spec.size} pixels of "
        f"{spec.spacing:g} m; anything else is flagged as out of domain"
    )
    for name, reason in found["calibration"]["skipped"].items():
        lines.append(f"- `{name}` was not calibrated: {reason}")
    lines.append(
        "- a score against a truth holds the error of that truth too; it is no error against the sea"
    )
    return "\n".join(lines)
