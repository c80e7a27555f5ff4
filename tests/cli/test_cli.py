"""The command line: what it prints, writes and refuses."""

import ast
import os
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from xoceansar import __version__, open_wave_mode, to_zarr
from xoceansar.cli import printed_tables
from xoceansar.conventions import class_attrs, mask_attrs
from xoceansar.errors import OceansarWarning

COMMANDS = ("open", "retrieve", "map", "simulate", "demo")


@pytest.fixture(scope="module")
def store(product, model, tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "result.zarr"
    return to_zarr(open_wave_mode(product).oceansar.retrieve(model=model), path)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_example(run, command):
    done = run(command, "--help")
    assert done.exit_code == 0
    assert f"xoceansar {command} " in done.stdout
    assert "Examples" in done.stdout


def test_top_help_lists_the_commands_and_version_is_the_package_s(run):
    done = run("--help")
    assert all(command in done.stdout for command in COMMANDS)
    assert run("--version").stdout.strip() == __version__


def test_open_lists_what_is_there(run, product):
    done = run("open", product)
    assert done.exit_code == 0, done.stderr
    ds = open_wave_mode(product)
    assert repr(ds.oceansar).splitlines()[1] in done.stdout
    rows = [
        line.split() for line in done.stdout.splitlines() if "2021-04-03 08:30" in line
    ]
    listed = [r for r in rows if "wv1" in r or "wv2" in r]
    assert len(listed) == 2
    assert f"{float(ds.latitude[1]):.2f}" in " ".join(listed[1])
    assert f"{float(ds.incidence[1].mean()):.1f}" in listed[1]


def test_open_keeps_one_beam(run, product):
    for typed in ("wv2", "WV2"):
        done = run("open", product, "--beam", typed)
        assert "1 vignettes" in done.stdout
        assert "wv1" not in done.stdout
    assert "2 vignettes" in run("open", product, "--beam", "WV1,wv2").stdout
    refused = run("open", product, "--beam", "wv3")
    assert refused.exit_code == 2
    assert "'wv3' is not one of ['wv1', 'wv2']" in refused.stderr


def test_long_lists_say_what_they_leave_out(product):
    ds = open_wave_mode(product).isel(vignette=np.arange(30) % 2)
    table = printed_tables.vignette_table(ds, most=24)
    assert table.row_count == 24
    assert "6 more" in table.caption
    assert printed_tables.vignette_table(ds, most=30).caption is None


def test_retrieve_writes_what_the_library_retrieves(run, product, model, tmp_path):
    out = tmp_path / "deep" / "out.zarr"
    done = run("retrieve", product, "--to", out, "--model", model)
    assert done.exit_code == 0, done.stderr
    found = xr.open_zarr(out).load()
    expected = open_wave_mode(product).oceansar.retrieve(model=model).compute()
    for name in ("swh", "wind_speed", "ocean_class", "quality"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5)
    assert np.isfinite(found.swh).all()
    assert found.corner_longitude.dims == ("vignette", "corner")
    assert f"median {float(found.swh.median()):.2f}" in done.stdout
    assert "tiny-dB-0" in done.stdout


def test_retrieve_passes_the_level_on(run, product, model, tmp_path):
    given = ("retrieve", product, "--to", tmp_path / "o.zarr", "--model", model)
    done = run(*given, "--confidence", "90")
    assert done.exit_code == 2
    assert "was not calibrated" in done.stderr


def test_retrieve_refuses_to_replace_unless_told(run, product, model, tmp_path):
    out = tmp_path / "out.zarr"
    first = ("retrieve", product, "--to", out, "--model", model, "--beam", "wv1")
    assert run(*first).exit_code == 0
    again = run(*first)
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    assert run(*first, "--overwrite").exit_code == 0
    assert xr.open_zarr(out).sizes["vignette"] == 1


@pytest.mark.parametrize(
    "options", [("--world",), ("--region", "-50", "20", "-10", "50")]
)
def test_map_writes_a_figure(run, store, tmp_path, options):
    to = tmp_path / "figures" / "map.png"
    done = run(
        "map", store, "--variable", "ocean_class", "--to", to, "--dpi", 50, *options
    )
    assert done.exit_code == 0, done.stderr
    image = plt.imread(to)
    assert image.std() > 0.05
    assert not plt.get_fignums()


def test_simulate_makes_a_product_that_opens(run, tmp_path):
    done = run(
        "simulate", tmp_path, "--n", 1, "--seed", 5, "--scale", 0.05, "--ipf", "2.91",
        "--platform", "S1B", "--polarisation", "HH",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    (product,) = tmp_path.glob("*.SAFE")
    assert str(product) in done.stdout
    ds = open_wave_mode(product)
    assert ds.platform.item() == "S1B"
    assert ds.polarisation.item() == "HH"
    assert ds.ipf_version.item() == "002.91"
    (truth,) = tmp_path.glob("*.truth.nc")
    assert str(truth) in done.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("open", "nowhere.SAFE"), "does not exist"),
        (
            ("retrieve", "nowhere.SAFE", "--to", "x.zarr", "--model", "no-such"),
            "no model",
        ),
        (("map", "nowhere.zarr", "--to", "x.png"), "not a Zarr store"),
        (("simulate", ".", "--scale", "9"), "scale"),
    ],
)
def test_errors_are_one_message_without_a_traceback(
    run, args, words, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    done = run(*args)
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: ")
    assert words in done.stderr
    assert "Traceback" not in done.output
    assert not list(tmp_path.iterdir())


def test_wrong_map_requests(run, store, tmp_path):
    done = run("map", store, "--variable", "hs", "--to", tmp_path / "m.png")
    assert done.exit_code == 2
    assert "'hs'" in done.stderr
    assert "swh" in done.stderr
    done = run("map", store, "--to", tmp_path / "map.docx")
    assert done.exit_code == 2
    assert "Use .png" in done.stderr
    assert run("map", store).exit_code == 2


def test_a_bad_vignette_is_a_note_and_a_missing_row(run, product, model, tmp_path):
    import shutil

    broken = tmp_path / product.name
    shutil.copytree(product, broken)
    next((broken / "measurement").glob("*wv1*.tiff")).unlink()
    out = tmp_path / "out.zarr"
    done = run("retrieve", broken, "--to", out, "--model", model)
    assert done.exit_code == 0, done.stderr
    assert "Note: " in done.stderr
    assert "unreadable 1" in done.stdout
    swh = xr.open_zarr(out).swh.values
    assert np.isnan(swh[0])
    assert np.isfinite(swh[1])


def test_warnings_of_others_stay_silent_and_filters_are_restored(
    run, product, monkeypatch
):
    from xoceansar.cli import open as command

    def noisy(*args):
        warnings.warn("not yours", RuntimeWarning, stacklevel=1)
        warnings.warn("yours", OceansarWarning, stacklevel=1)
        return open_wave_mode(product)

    monkeypatch.setattr(command, "opened", noisy)
    before = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        done = run("open", product)
    assert warnings.showwarning is before
    assert "Note: yours" in done.stderr
    assert "not yours" not in done.stderr


def test_demo_compares_with_the_truth(run, model, tmp_path):
    done = run("demo", "--to", tmp_path, "--n", 2, "--scale", 0.2, "--model", model)
    assert done.exit_code == 0, done.stderr
    for name in ("results.zarr", "map.png", "world.png", "vignettes.png"):
        assert (tmp_path / name).exists()
        assert f"written: {tmp_path / name}" in done.stdout
    result = xr.open_zarr(tmp_path / "results.zarr").load()
    (path,) = tmp_path.glob("*.truth.nc")
    truth = xr.open_dataset(path, engine="scipy").load()
    rmse = float(((result.swh - truth.swh) ** 2).mean() ** 0.5)
    assert f"SWH: RMSE {rmse:.2f} m" in done.stdout
    for value in (*result.swh.values, *truth.swh.values):
        assert f"{value:.2f}" in done.stdout
    assert "simulated" in done.stdout
    assert "seconds" in done.stdout


def test_summary_counts_the_missing():
    result = xr.Dataset(
        {
            "swh": ("vignette", [1.0, 3.0, np.nan], {"units": "m"}),
            "ocean_class": ("vignette", np.array([0, 0, -1], np.int8), class_attrs()),
            "quality": (
                "vignette",
                np.array([0, 0, 65], np.uint8),
                mask_attrs("quality"),
            ),
        }
    )
    cells = dict(
        zip(*(c._cells for c in printed_tables.summarise(result).columns), strict=True)
    )
    assert cells == {
        "swh": "median 2.00, 1.00 to 3.00 m; 1 missing",
        "ocean_class": "pure ocean waves 2, missing 1",
        "quality": "nothing to report 2, no data 1, unreadable 1",
    }
    decoded = result.assign(
        ocean_class=result.ocean_class.where(result.ocean_class >= 0),
        quality=result.quality.where([True, False, True]),
    )
    cells = dict(
        zip(*(c._cells for c in printed_tables.summarise(decoded).columns), strict=True)
    )
    assert cells["ocean_class"] == "pure ocean waves 2, missing 1"
    assert cells["quality"] == "nothing to report 1, no data 1, unreadable 1, missing 1"


def test_comparison_is_right_about_errors():
    def values(swh, classes):
        return xr.Dataset(
            {
                "swh": ("vignette", np.array(swh)),
                "wind_speed": ("vignette", np.array(swh) * 3),
                "ocean_class": ("vignette", np.array(classes, np.int8), class_attrs()),
            }
        )

    table, summary = printed_tables.compare(
        values([2.0, 4.0, np.nan], [1, 2, -1]), values([1.0, 4.0, 9.0], [1, 3, 4])
    )
    assert table.row_count == 3
    lines = summary.splitlines()
    assert lines[0].startswith("SWH: RMSE 0.71 m, bias +0.50 m (2 vignettes")
    assert lines[1].startswith("wind speed: RMSE 2.12 m/s, bias +1.50 m/s (2 vignettes")
    assert lines[2] == "class: 1 of 3 right"

    ice = values([2.0, 4.0, 3.0], [1, 2, 5])
    _, summary = printed_tables.compare(ice, values([1.0, 4.0, 9.0], [1, 3, 5]))
    assert summary.startswith("SWH: RMSE 0.71 m, bias +0.50 m (2 vignettes of open sea")
    assert "class: 2 of 3 right" in summary


#: The command line as its console script starts it.
SCRIPT = (
    "import sys\nfrom _xoceansar_command import main\n"
    "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
    "print('loaded', [m for m in {modules} if m in sys.modules])"
)


def run_script(*arguments, modules=()):
    """What the console script prints, and which of some modules it has loaded."""
    code = SCRIPT.format(modules=modules)
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    printed, _, loaded = done.stdout.rpartition("loaded ")
    return printed, ast.literal_eval(loaded)


@pytest.mark.parametrize("command", [(), ("benchmark",), ("process",), ("demo",)])
def test_help_loads_nothing_of_what_computes(command):
    heavy = ("xarray", "pandas", "numpy", "scipy", "dask", "torch", "numba", "zarr")
    printed, loaded = run_script(*command, "--help", modules=heavy)
    assert "Usage: xoceansar" in printed
    assert loaded == []


def test_the_console_script_is_the_one_that_loads_nothing():
    project = Path(__file__).parents[2] / "pyproject.toml"
    declared = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["scripts"]
    assert declared == {"xoceansar": "_xoceansar_command:main"}


def test_commands_need_no_accessor(product, tmp_path):
    printed, loaded = run_script("open", product, modules=("xoceansar.accessor",))
    assert "2 vignettes" in printed
    assert loaded == []


def test_help_and_the_plot_package_load_nothing_heavy():
    code = (
        "import sys, xoceansar.plot\nfrom typer.testing import CliRunner\nfrom xoceansar.cli import app\n"
        "assert CliRunner().invoke(app, ['demo', '--help']).exit_code == 0\n"
        "heavy = {'torch', 'timm', 'xsar', 'rasterio', 'matplotlib', 'cartopy', 'numba'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_units_are_whole_in_the_summary():
    from xoceansar.conventions import annotate

    wind = annotate(xr.DataArray([5.0, 7.0, 8.0], dims="vignette"), "wind_speed")
    share = annotate(xr.DataArray([0.1, 0.2, 1.0], dims="vignette"), "ood_score")
    table = printed_tables.summarise(
        xr.Dataset({"wind_speed": wind, "ood_score": share})
    )
    _, results = (list(column.cells) for column in table.columns)
    assert results == ["median 7.00, 5.00 to 8.00 m s-1", "median 0.20, 0.10 to 1.00"]


def test_no_table_is_cut_in_a_pipe():
    script = (
        "from rich.table import Table; from xoceansar.cli import shell; "
        "table = Table('a'); table.add_row('x' * 200); shell.out.print(table)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert 200 * "x" in done.stdout


def test_hints_are_flags_of_the_command_line(run, product, model, tmp_path):
    store = to_zarr(xr.Dataset({"a": ("vignette", [1])}), tmp_path / "a.zarr")
    done = run("retrieve", product, "--to", store, "--model", model)
    assert done.exit_code == 2
    assert "--overwrite" in done.stderr
    assert "mode=" not in done.stderr


def test_a_folder_that_is_no_bundle(run, product, tmp_path):
    done = run("retrieve", product, "--to", tmp_path / "a.zarr", "--model", tmp_path)
    assert done.exit_code == 2
    assert "is not a model bundle" in done.stderr
    assert "convert_checkpoint" in done.stderr


def test_python_m_xoceansar():
    done = subprocess.run(
        [sys.executable, "-m", "xoceansar", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == __version__


def test_embed_writes_what_the_accessor_gives(run, product, model, tmp_path):
    store = tmp_path / "embeddings.zarr"
    done = run(
        "embed",
        product,
        "--to",
        store,
        "--model",
        model,
        "--shape",
        320,
        256,
    )
    assert done.exit_code == 0, done.stderr
    made = xr.open_zarr(store).embedding_vector
    expected = open_wave_mode(product, shape=(320, 256)).oceansar.embed(model)
    np.testing.assert_array_equal(made, expected)
    assert (
        f"{made.sizes['vignette']} embeddings of length {made.sizes['embedding']}"
        in done.stdout
    )


def test_models_lists_what_the_package_has(run):
    done = run("models")
    assert done.exit_code == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if "sim-vit-tiny" in line)
    assert "swh" in row
    assert "icebergs" in row
    assert "simulated" in row
