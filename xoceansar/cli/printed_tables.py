"""Tables on the terminal."""

from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    import xarray as xr


_TITLE: dict[str, Any] = {"title_justify": "left", "title_style": "bold"}


def vignette_table(ds: "xr.Dataset", *, most: int) -> Table:
    """List the vignettes of a Dataset.

    The caption counts the rows that are left out.
    """
    n = ds.sizes["vignette"]
    caption = None if n <= most else f"... and {n - most} more: --all lists them"
    table = Table(
        title=f"{n} vignettes", caption=caption, caption_justify="left", **_TITLE
    )
    for name in (
        "#",
        "beam",
        "pol",
        "time (UTC)",
        "latitude",
        "longitude",
        "incidence",
        "IPF",
    ):
        numeric = name in ("#", "latitude", "longitude", "incidence")
        table.add_column(name, justify="right" if numeric else "left", no_wrap=True)
    for i in range(min(n, most)):
        row = ds.isel(vignette=i)
        table.add_row(
            str(i),
            _text(row, "beam"),
            _text(row, "polarisation"),
            _text(row, "time")[:19].replace("T", " "),
            _number(row, "latitude", ".2f"),
            _number(row, "longitude", ".2f"),
            _number(row, "incidence", ".1f"),
            _text(row, "ipf_version"),
        )
    return table


def _text(row: "xr.Dataset", name: str) -> str:
    return str(row[name].values) if name in row.variables else ""


def _number(row: "xr.Dataset", name: str, form: str) -> str:
    return format(float(row[name].mean()), form) if name in row.variables else ""


def summarise(result: "xr.Dataset", *, title: str = "Retrieved from") -> Table:
    """Sum up what was retrieved.

    Range of each number, count of each class and of each quality flag.
    """
    n = result.sizes["vignette"]
    table = Table("quantity", "result", title=f"{title} {n} vignettes", **_TITLE)
    for name, data in result.data_vars.items():
        if data.dims != ("vignette",) or data.dtype.kind not in "biufm":
            continue
        kind = "flag_values" in data.attrs, "flag_masks" in data.attrs
        if kind[0]:
            table.add_row(str(name), _class_counts(data))
        elif kind[1]:
            table.add_row(str(name), _flag_counts(data))
        else:
            table.add_row(str(name), _spread(data))
    return table


def _spread(data: "xr.DataArray") -> str:
    if data.dtype.kind == "m":
        data = data.dt.total_seconds().assign_attrs(units="s")
    valid = data.dropna("vignette")
    missing = data.size - valid.size
    text = "none"
    if valid.size:
        units = str(data.attrs.get("units", "1"))
        low, middle, high = (float(v) for v in valid.quantile([0, 0.5, 1]))
        text = f"median {middle:.2f}, {low:.2f} to {high:.2f}"
        text += "" if units == "1" else f" {units}"
    return text + (f"; {missing} missing" if missing else "")


def _class_counts(data: "xr.DataArray") -> str:
    names = str(data.attrs["flag_meanings"]).split()
    values = [int(v) for v in data.attrs["flag_values"]]
    counts = {n: int((data == v).sum()) for n, v in zip(names, values, strict=True)}
    parts = [f"{n.replace('_', ' ')} {c}" for n, c in counts.items() if c]
    missing = data.size - sum(counts.values())
    return ", ".join(parts + ([f"missing {missing}"] if missing else []))


def _flag_counts(data: "xr.DataArray") -> str:
    names = str(data.attrs["flag_meanings"]).split()
    masks = [int(v) for v in data.attrs["flag_masks"]]
    flags = data.dropna("vignette").astype(int)  # floats where some are missing
    counts = {n: int((flags & m > 0).sum()) for n, m in zip(names, masks, strict=True)}
    parts = [f"{n.replace('_', ' ')} {c}" for n, c in counts.items() if c]
    missing = data.size - flags.size
    parts += [f"missing {missing}"] if missing else []
    return ", ".join([f"nothing to report {int((flags == 0).sum())}", *parts])


def compare(result: "xr.Dataset", truth: "xr.Dataset") -> tuple[Table, str]:
    """Set what was retrieved beside the truth.

    A row for each vignette; and in words the root mean square errors and the share of right
    classes, with the number behind each: wave height and wind of the open sea alone.
    """
    from xoceansar.conventions import OCEAN_CLASSES

    table = Table(title="Retrieved beside the truth of the simulation", **_TITLE)
    table.add_column("#", justify="right")
    table.add_column("beam")
    for name in ("SWH (m)", "true", "wind (m/s)", "true"):
        table.add_column(name, justify="right", style="dim" if name == "true" else None)
    table.add_column("class")
    table.add_column("true", style="dim")
    found, known = (
        _class_names(result["ocean_class"]),
        _class_names(truth["ocean_class"]),
    )
    for i in range(result.sizes["vignette"]):
        right = found[i] == known[i]
        table.add_row(
            str(i),
            _text(result.isel(vignette=i), "beam"),
            *(
                f"{float(ds[name][i]):.2f}"
                for name in ("swh", "wind_speed")
                for ds in (result, truth)
            ),
            f"[green]{found[i]}[/green]" if right else f"[red]{found[i]}[/red]",
            known[i],
        )
    # under ice there is no sea whose height or wind could be told
    ice = truth["ocean_class"] == OCEAN_CLASSES.index("sea_ice")
    sea = truth[["swh", "wind_speed"]].where(~ice)
    hits = sum(a == b for a, b in zip(found, known, strict=True))
    lines = [
        _rmse(result["swh"], sea["swh"], "SWH", "m"),
        _rmse(result["wind_speed"], sea["wind_speed"], "wind speed", "m/s"),
        f"class: {hits} of {len(known)} right",
    ]
    return table, "\n".join(lines)


def _class_names(data: "xr.DataArray") -> list[str]:
    names = [n.replace("_", " ") for n in str(data.attrs["flag_meanings"]).split()]
    values = [float(v) for v in data.attrs["flag_values"]]
    table = dict(zip(values, names, strict=True))
    return [table.get(float(v), "missing") for v in data.values]


def _rmse(found: "xr.DataArray", true: "xr.DataArray", name: str, unit: str) -> str:
    error = (found - true.values).dropna("vignette")
    if not error.size:
        return f"{name}: none retrieved"
    rmse, bias = float((error**2).mean() ** 0.5), float(error.mean())
    spread = float(true.std())
    return (
        f"{name}: RMSE {rmse:.2f} {unit}, bias {bias:+.2f} {unit} ({error.size} vignettes of open sea; "
        f"the truth varies by {spread:.2f} {unit})"
    )
