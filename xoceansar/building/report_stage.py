"""The report of a build: a page that a reviewer would read before the model is used."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from xoceansar._optional import require
from xoceansar._typing import Array
from xoceansar.building.archive_stage import ARCHIVE, open_vignettes
from xoceansar.building.evaluation_stage import EVALUATION, open_predictions
from xoceansar.building.head_stage import CALIBRATION, part_of, rows_of, simulated_of
from xoceansar.building.target_stage import (
    PART,
    TEST_PARTS,
    names_of_targets,
    open_targets,
)
from xoceansar.building.twin_truth import MODEL_WIND
from xoceansar.building.workspace import Facts, Workspace, digest_values
from xoceansar.conventions import VIGNETTE
from xoceansar.conventions.texts import text_values
from xoceansar.errors import OceansarError
from xoceansar.evaluate.benchmark_result import OVERALL
from xoceansar.evaluate.report.page import Figure, Section, to_html, to_markdown
from xoceansar.evaluate.report.residual_charts import (
    FEWEST,
    Residuals,
    coverage_chart,
    residual_against,
    residual_map,
    scatter_density,
)
from xoceansar.models.bundle.library import load_model
from xoceansar.models.heads.head import load_head
from xoceansar.models.spec.choices import origin_in_words
from xoceansar.ops.backscatter_bias import calibration_bias
from xoceansar.plot.quicklooks import vignettes as draw_vignettes

REPORT: Final = "report"
#: Against what errors are drawn, where the vignettes have it.
_AGAINST: Final = ("incidence", "time", "latitude")
#: Worst errors that are shown, and neighbours of each among what was learned from.
_WORST: Final = 6
_NEIGHBOURS: Final = 3
#: Rows of a table of failures.
_LISTED: Final = 20
_DPI: Final = 110


def make_report(work: Workspace, folder: Path) -> Facts:
    """Write ``report.html`` and ``report.md``, with the figures beside them."""
    require("matplotlib.pyplot", extra="plot")
    origin = origin_in_words(simulated_of(work))
    caution = (
        f"Made from {origin}: no measure of skill on the real sea." if origin else ""
    )
    sections = [
        *_about(work),
        *_calibration(work),
        *_results(work, folder, caution),
        *_doubts(work),
    ]
    title = f"{work.model.name}: report of the build"
    (folder / "report.md").write_text(
        to_markdown(title, caution, sections), encoding="utf-8"
    )
    (folder / "report.html").write_text(
        to_html(title, caution, sections, folder), encoding="utf-8"
    )
    titles = [section.title for section in sections]
    return {"sections": titles, "digest": digest_values({"sections": titles})}


def _about(work: Workspace) -> Iterator[Section]:
    archive, targets = work.found(ARCHIVE), work.found("targets")
    request = work.request
    facts = {
        "vignettes": archive["vignettes"],
        "orbit passes": archive["passes"],
        "products": archive["products"],
        "products that failed": len(archive["failed"]),
        "period": " to ".join(archive["period"]),
        "inputs of the heads": ", ".join(request.inputs_of_heads),
        "heads": request.head,
    }
    counts = [
        pd.DataFrame(
            {"vignettes": list(found.values())}, index=pd.Index(found, name=name)
        )
        for name, found in archive["counts"].items()
    ]
    yield Section("Data", tables=[_column(facts), *counts])
    if archive["failed"]:
        rows = pd.DataFrame(archive["failed"][:_LISTED], columns=["product", "why"])
        yield Section("Products that failed", 3, tables=[rows.set_index("product")])
    known = {
        name: f"{n} of {targets['vignettes']}"
        for name, n in targets["with_truth"].items()
    }
    errors = {f"{n}, its own error": v for n, v in targets["truth_error"].items()}
    match = {k.replace("_", " "): v for k, v in targets["collocation"].items()}
    left = {f"left out: {why}": n for why, n in targets["unmatched"].items() if n}
    odd = {f"{n} that no sea has": v for n, v in targets["impossible"].items()}
    parts = pd.DataFrame({"vignettes": targets["parts"], "passes": targets["passes"]})
    yield Section(
        "Truth",
        text=[f"{targets['truth']}. A score against it holds its error too."],
        tables=[
            _column({**known, **errors, **match, **left, **odd}),
            parts.rename_axis("part"),
        ],
    )
    dropped = {
        f"{name}: {why}": n
        for name, about in work.found("heads")["heads"].items()
        for why, n in about["dropped"].items()
    }
    if dropped:
        yield Section("Left out of the fit", 3, tables=[_column(dropped)])


def _calibration(work: Workspace) -> Iterator[Section]:
    """Hold the images against CMOD5.N, where the truth came with a wind that has a direction."""
    targets = open_targets(work)
    pairs = (MODEL_WIND, ("wind_speed", "wind_to_direction"))
    wind = next(
        (targets[list(pair)] for pair in pairs if set(pair) <= set(targets)), None
    )
    ds = open_vignettes(work)
    if wind is None or "sigma0_mean" not in ds.coords:
        return
    title = "Are the images calibrated?"
    text = (
        "Mean sigma0 less CMOD5.N of the wind that came with the truth, dB. Look for steps in time, and for beams "
        "and satellites that differ."
    )
    try:
        found = calibration_bias(ds.reset_coords("sigma0_mean"), wind)
    except OceansarError as error:
        yield Section(title, text=[f"Not compared with CMOD5.N: {error}"])
        return
    first = str(found.columns[0])
    yield Section(
        title, text=[text], tables=[found.astype({first: str}).set_index(first)]
    )


def _column(facts: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame({"": list(facts.values())}, index=list(facts))


def _results(work: Workspace, folder: Path, caution: str) -> Iterator[Section]:
    predictions = open_predictions(work)
    for target in names_of_targets(work):
        for part in TEST_PARTS:
            kept = np.flatnonzero(text_values(predictions[PART].values) == part)
            tables = list(_score_tables(work, target, part))
            if not tables and not len(kept):
                continue
            figures: list[Figure] = []
            residuals = _residuals(predictions.isel({VIGNETTE: kept}), target, caution)
            if residuals is not None:
                figures = list(_figures(residuals, folder, f"{target}-{part}"))
            when = {"test": "other passes of the same time", "later": "a later time"}[
                part
            ]
            yield Section(f"{target} on {when}", tables=tables, figures=figures)
            if residuals is not None:
                yield _worst(work, residuals, folder, part)
    covered = pd.read_csv(work.path(EVALUATION) / "coverage.csv")
    if len(covered):
        figures = []
        if covered["n"].max() >= FEWEST:
            figure = coverage_chart(covered, caution=caution)
            file = _save(figure, folder, "coverage")
            figures = [Figure(file, "coverage, over all and within each division")]
        shown = covered.set_index(["target"]).drop(columns="wanted")
        yield Section(
            "Coverage of the intervals",
            text=[
                f"Each is to hold the truth with {100 * covered['wanted'].iloc[0]:g} %."
            ],
            tables=[shown],
            figures=figures,
        )


def _residuals(ds: xr.Dataset, target: str, caution: str) -> Residuals | None:
    """Return the errors of a number; None of classes, or where there are none."""
    true = ds[f"{target}_true"]
    predicted = ds[f"{target}_predicted"]
    if predicted.dtype.kind != "f" or "units" not in true.attrs:
        return None
    own = ds[[]].assign(true=true, predicted=predicted)
    known = np.isfinite(own["true"].values) & np.isfinite(own["predicted"].values)
    if not known.any():
        return None
    kept = own.isel({VIGNETTE: np.flatnonzero(known)})
    return Residuals(target, str(true.attrs["units"]), kept, caution)


def _figures(residuals: Residuals, folder: Path, stem: str) -> Iterator[Figure]:
    yield Figure(
        _save(scatter_density(residuals), folder, f"{stem}-scatter"),
        "predicted against true",
    )
    if {"longitude", "latitude"} <= set(residuals.ds.coords):
        file = _save(residual_map(residuals), folder, f"{stem}-map")
        yield Figure(file, "error where it lies")
    for variable in _AGAINST:
        if variable in residuals.ds.coords:
            file = _save(
                residual_against(residuals, variable), folder, f"{stem}-{variable}"
            )
            yield Figure(file, f"error against {variable}")


def _save(figure: Any, folder: Path, stem: str) -> str:
    figure.savefig(folder / f"{stem}.png", dpi=_DPI)
    return f"{stem}.png"


def _score_tables(work: Workspace, target: str, part: str) -> Iterator[pd.DataFrame]:
    """Arrange the scores of a benchmark: over all, then the first score in each bin."""
    file = work.path(EVALUATION) / f"{target}-{part}.json"
    if not file.exists():
        return
    rows = pd.DataFrame(json.loads(file.read_text(encoding="utf-8"))["scores"])
    rows["text"] = [_with_limits(row) for row in rows.to_dict("records")]
    whole = rows[rows["stratum"] == OVERALL]
    yield _wide(whole, "metric")
    first = whole["metric"].iloc[0]
    for stratum, own in rows[rows["stratum"] != OVERALL].groupby("stratum", sort=False):
        table = _wide(own[own["metric"] == first], "bin")
        table.index.name = f"{first} by {stratum}"
        yield table


def _wide(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    wide = rows.pivot(index="model", columns=by, values="text")
    return wide.loc[list(dict.fromkeys(rows["model"])), list(dict.fromkeys(rows[by]))]


def _with_limits(row: dict[Any, Any]) -> str:
    values = [row[k] for k in ("value", "lower", "upper")]
    shown = ["-" if v is None or not np.isfinite(v) else f"{v:.3g}" for v in values]
    return shown[0] if "-" in shown[1:] else f"{shown[0]} [{shown[1]}, {shown[2]}]"


def _worst(work: Workspace, residuals: Residuals, folder: Path, part: str) -> Section:
    """Show the worst errors, each beside what was learned from that looks most like it."""
    error = residuals.error
    worst = np.argsort(-np.abs(error), kind="stable")[:_WORST]
    ds = residuals.ds.isel({VIGNETTE: worst}).assign(error=(VIGNETTE, error[worst]))
    columns = [
        n
        for n in ("time", "latitude", "longitude", "beam", "product")
        if n in ds.coords
    ]
    table = pd.DataFrame(
        {
            **{n: np.asarray(ds[n].values) for n in ("true", "predicted", "error")},
            **{n: np.asarray(ds[n].values) for n in columns},
        },
        index=pd.Index(text_values(ds["vignette_id"].values), name="vignette"),
    )
    title = f"Worst errors of {residuals.name}, {part}"
    vignettes = open_vignettes(work, images=True)
    if "sigma0" not in vignettes:
        return Section(title, 3, ["The archive has no images to look at."], [table])
    figure = _neighbours(work, residuals.name, list(table.index), vignettes, part)
    file = _save(figure, folder, f"{residuals.name}-{part}-worst")
    text = (
        f"Each row: an error, and its {_NEIGHBOURS} nearest neighbours among what was learned from, in "
        "the inputs of the head. Predicted, and in brackets the truth."
    )
    return Section(
        title, 3, [text], [table], [Figure(file, "worst errors and neighbours")]
    )


def _neighbours(
    work: Workspace, target: str, worst: list[str], vignettes: xr.Dataset, part: str
) -> Any:
    handle = load_model(work.path(CALIBRATION) / "bundle")
    spec = handle.head(target)
    head = load_head(spec, Path(handle.path))
    sides = {}
    for name in ("learned", part):
        ds, targets = part_of(work, name)
        rows = rows_of(ds, targets, spec, handle, work.request)
        inputs = rows.inputs(spec)
        ids = text_values(rows.coords["vignette_id"].values)
        standard = (inputs - head.arrays["mean"]) / head.arrays["std"]
        sides[name] = (ids, standard, head(inputs)[:, 0], rows.truth.values)
    learned, own = sides["learned"], sides[part]
    chosen: list[tuple[str, float, float]] = []
    for name in worst:
        at = int(np.flatnonzero(own[0] == name)[0])
        near = np.argsort(_squared(learned[1], own[1][at]), kind="stable")[:_NEIGHBOURS]
        chosen.append((name, own[2][at], own[3][at]))
        chosen += [(str(learned[0][i]), learned[2][i], learned[3][i]) for i in near]
    position = pd.Index(text_values(vignettes["vignette_id"].values))
    images = vignettes[["sigma0"]].isel(
        {VIGNETTE: position.get_indexer(pd.Index([c[0] for c in chosen]))}
    )
    images = images.load().astype({"sigma0": np.float32})
    images[target] = (VIGNETTE, np.array([c[1] for c in chosen]), {"units": spec.units})
    truth = xr.Dataset({target: (VIGNETTE, np.array([c[2] for c in chosen]))})
    return draw_vignettes(
        images,
        truth=truth,
        labels={target: f"{{:.2f}} {spec.units}"},
        columns=1 + _NEIGHBOURS,
        limit=len(chosen),
    )


def _squared(rows: Array, one: Array) -> Array:
    return np.asarray(((rows - one) ** 2).sum(axis=1))


def _doubts(work: Workspace) -> Iterator[Section]:
    notes: dict[str, None] = {}
    for file in sorted(work.path(EVALUATION).glob("*.json")):
        found = json.loads(file.read_text(encoding="utf-8"))
        notes |= dict.fromkeys(found.get("notes", []))
    skipped = work.found(CALIBRATION)["skipped"]
    lines = [f"{name} was not calibrated: {why}" for name, why in skipped.items()]
    lines += [
        f"There is no head for {name}: {why}"
        for name, why in work.found("targets")["skipped"].items()
    ]
    yield Section("What to know", text=[*lines, *notes])
