"""A build from a store and a truth: what comes out, and that it resumes to the bit."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xoceansar as xos
from tests.building.archives import made_up
from xoceansar.building.archive_stage import open_vignettes
from xoceansar.building.request import Request
from xoceansar.building.workspace import Workspace
from xoceansar.errors import ArchiveError, TrainingError, UnitsError
from xoceansar.io.archive.zarr_archive import open_archive


class Killed(BaseException):
    """What no handler of errors catches, as a process that is killed."""


def files_of(folder):
    """Return the content of every file."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.fixture(scope="module")
def built(store, tmp_path_factory):
    """Build once; not to be changed."""
    from xoceansar.building import evaluation_stage, report_stage

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation_stage, "DRAWS", 5)
        # a map takes seconds; tests/building/test_products.py has some
        patch.setattr(report_stage, "residual_map", report_stage.scatter_density)
        return xos.build(
            store / "archive.zarr",
            tmp_path_factory.mktemp("built") / "model",
            truth=store / "truth.nc",
            features="statistics",
        )


def test_the_heads_are_those_of_the_truth_and_better_than_no_image(built):
    assert [head.name for head in built.model.heads] == [
        "swh",
        "wind_speed",
        "ood_score",
    ]
    for target, least in (("swh", 0.55), ("wind_speed", 0.85)):
        for part in ("test", "later"):
            scores = built.scores[target][part]
            assert scores["model"]["rmse"] < least < scores["no image"]["rmse"]
            assert scores["model"]["n"] in range(120, 241)


def test_the_bundle_gives_what_the_archive_was_scored_with(built, store):
    predictions = open_archive(built.folder / "evaluation" / "predictions.zarr").load()
    ds = open_archive(store / "archive.zarr").load()
    result = ds.oceansar.retrieve(model=built.model, confidence=0.9).compute()
    at = pd.Index(result.vignette_id.values).get_indexer(predictions.vignette_id.values)
    for name in ("swh", "wind_speed"):
        for end, column in (
            ("", "predicted"),
            ("_lower", "lower"),
            ("_upper", "upper"),
        ):
            np.testing.assert_allclose(
                result[name + end].values[at],
                predictions[f"{name}_{column}"],
                rtol=1e-6,
            )
    assert 0 <= float(result.ood_score.min()) <= float(result.ood_score.max()) <= 1


def test_intervals_hold_the_truth_about_as_often_as_they_say(built):
    (rows,) = [
        json.loads((built.folder / "evaluation" / "stage.json").read_text())["coverage"]
    ]
    assert len(rows) == 4
    for (
        row
    ) in rows:  # 150 to 240 rows: three standard errors of a share of 0.9 are 0.07
        assert row["held"] == pytest.approx(0.9, abs=0.07)


def test_no_pass_is_in_two_parts_and_the_later_ones_are_the_last(built):
    table = open_archive(built.folder / "targets" / "targets.zarr").load()
    assert (table["swh"].attrs["units"], table["truth_source"].values[0]) == (
        "m",
        "truth.nc",
    )
    by_pass = (
        pd.Series(table["part"].values).groupby(table["orbit_pass"].values).nunique()
    )
    assert (by_pass == 1).all()
    part = table["part"].values
    assert set(part) == {"learned", "calibration", "test", "later"}
    assert (
        table["time"].values[part == "later"].min()
        > table["time"].values[part != "later"].max()
    )
    share = pd.Series(part).value_counts(normalize=True)
    assert share["later"] == pytest.approx(0.15, abs=0.04)
    assert share["calibration"] == pytest.approx(0.25, abs=0.04)


def test_the_card_says_what_went_in(built):
    card = built.model.card
    for text in (
        "1200 vignettes of 30 orbit passes", "2021-01-01T00:00:00 to 2021-02-28", "S1A (1200)",
        "003.71 (1200)", "truth.nc, by vignette_id", "swh: 1200 of 1200", "its own error is not stated",
        "statistics", "VV, wv1/wv2",
    ):  # fmt: skip
        assert text in card, text
    rmse = built.scores["swh"]["later"]["model"]["rmse"]
    assert (
        f"| swh | later | model | {built.scores['swh']['later']['model']['n']} | {rmse:.3g}"
        in card
    )


def test_the_report_has_the_scores_and_the_coverage(built):
    scores = built.scores["swh"]["later"]
    markdown = built.report.with_suffix(".md").read_text()
    page = built.report.read_text()
    for text in (
        "swh on a later time",
        "Coverage of the intervals",
        "rmse by beam",
        "rmse by sea state",
    ):
        assert text in markdown, text
        assert text in page, text
    assert f"| model | {scores['model']['rmse']:.3g}" in markdown
    assert "The archive has no images" in markdown
    assert "no measure of skill" not in markdown
    for figure in re.findall(r"\]\((\S+\.png)\)", markdown):
        assert (built.report.parent / figure).exists(), figure
    assert page.count("<img ") == markdown.count(".png)")


def test_the_worst_errors_of_the_report_are_those_of_the_predictions(built):
    predictions = open_archive(built.folder / "evaluation" / "predictions.zarr").load()
    own = predictions.isel(vignette=predictions.part.values == "later")
    error = np.abs((own.swh_predicted - own.swh_true).values)
    worst = own.vignette_id.values[error.argsort()[::-1][:6]]
    markdown = built.report.with_suffix(".md").read_text()
    section = markdown.split("### Worst errors of swh, later")[1].split("\n## ")[0]
    assert re.findall(r"^\| (s1a-\S+) ", section, re.M) == worst.tolist()


def test_the_same_call_makes_nothing_again(built, store):
    before = files_of(built.folder)
    again = xos.build(
        store / "archive.zarr",
        built.folder.with_suffix(""),
        truth=store / "truth.nc",
        features="statistics",
    )
    assert again.made == ()
    assert again.kept == built.made
    assert files_of(built.folder) == before


@pytest.mark.parametrize("simulated", ["both", "truth", "neither"])
def test_simulated_follows_from_what_went_in(simulated, tmp_path):
    ds, truth = made_up(simulated=simulated != "neither")
    if simulated == "truth":
        del ds.attrs["simulated"]
    xos.to_zarr(ds, tmp_path / "a.zarr")
    truth.to_netcdf(tmp_path / "truth.nc")
    made = xos.build(
        tmp_path / "a.zarr",
        tmp_path / "model",
        truth=tmp_path / "truth.nc",
        targets="swh",
        features="statistics",
    )
    wanted = {"both": True, "truth": "partly", "neither": False}[simulated]
    assert made.model.simulated == wanted
    assert xos.load_model(tmp_path / "model").simulated == wanted
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["schema_version"] == (3 if wanted == "partly" else 2)
    assert ("not measurements of the real sea" in made.model.card) == bool(wanted)


def test_killed_in_any_stage_and_resumed_the_bundle_is_the_same(
    built, asked, tmp_path, monkeypatch
):
    """At the beginning, in the middle and at the end of each stage, and where it is delivered."""
    from xoceansar.building import workspace

    write, moments = workspace.write_file, []

    def dying(path, content):
        moments.append(path.name)
        if len(moments) == dying.at:
            if len(moments) % 2:  # half of a file is left behind
                path.parent.mkdir(parents=True, exist_ok=True)
                path.with_name(path.name + ".partial").write_bytes(
                    content[: len(content) // 2]
                )
            raise Killed
        write(path, content)

    monkeypatch.setattr(workspace, "write_file", dying)
    model = tmp_path / "model"
    kills = 0
    for at in range(40):
        dying.at = 2 + at % 2  # the second or the third file from where it stands
        moments.clear()
        try:
            xos.build(to=model, **asked)
        except Killed:
            kills += 1
            continue
        break
    assert kills >= 7
    assert (tmp_path / "model.build" / "report" / "stage.json").exists()
    assert files_of(model) == files_of(built.folder.with_suffix(""))


def test_a_half_written_stage_is_made_again_and_the_others_stay(built, asked, tmp_path):
    work = tmp_path / "model.build"
    shutil.copytree(built.folder, work)
    shutil.copytree(built.folder.with_suffix(""), tmp_path / "model")
    (work / "heads" / "stage.json").write_text('{"digest": "ab')
    made = xos.build(to=tmp_path / "model", **asked)
    assert made.made == ("heads",)
    assert files_of(tmp_path / "model") == files_of(built.folder.with_suffix(""))


def test_one_stage_is_made_again_where_it_is_asked_for(built, asked, tmp_path):
    work = tmp_path / "model.build"
    shutil.copytree(built.folder, work)
    shutil.copytree(built.folder.with_suffix(""), tmp_path / "model")
    made = xos.build(to=tmp_path / "model", rerun="calibration", **asked)
    assert made.made == ("calibration",)
    shutil.rmtree(work / "targets")
    assert xos.build(to=tmp_path / "model", **asked).made == ("targets",)


def test_another_request_in_the_folder_is_refused_in_words(built, asked, tmp_path):
    work = tmp_path / "model.build"
    shutil.copytree(built.folder, work)
    with pytest.raises(
        TrainingError, match=r"head 'linear', now 'mlp'.*another folder"
    ):
        xos.build(to=tmp_path / "model", head="mlp", **asked)


def test_a_folder_that_is_something_else_is_left_alone(asked, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.txt").write_text("years")
    with pytest.raises(TrainingError, match="exists"):
        xos.build(to=tmp_path / "model", **asked)
    assert (tmp_path / "model" / "thesis.txt").read_text() == "years"
    (tmp_path / "other.build").mkdir()
    (tmp_path / "other.build" / "notes.txt").write_text("x")
    with pytest.raises(TrainingError, match=r"notes\.txt"):
        xos.build(to=tmp_path / "other", **asked)


def test_two_builds_in_one_folder_are_refused(asked, tmp_path, monkeypatch):
    def meanwhile(self):
        monkeypatch.undo()
        xos.build(to=tmp_path / "model", **asked)

    monkeypatch.setattr(Workspace, "begin", meanwhile)
    with pytest.raises(ArchiveError, match="is being written by process"):
        xos.build(to=tmp_path / "model", **asked)


def test_a_full_disk_is_said_and_nothing_is_lost(asked, tmp_path, monkeypatch):
    import errno

    from xoceansar.building import head_stage

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(head_stage, "extend_bundle", full)
        with pytest.raises(
            TrainingError, match=r"No space left on device.*run the same"
        ):
            xos.build(to=tmp_path / "model", **asked)
    assert not (tmp_path / "model").exists()
    made = xos.build(to=tmp_path / "model", **asked)
    assert made.kept == ("backbone", "archive", "targets")


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(asked, tmp_path):
    found = xos.build(to=tmp_path / "model", dry_run=True, **asked)
    assert found.vignettes == 1200
    assert [done for _, _, done in found.stages] == [False] * 8
    assert list(tmp_path.iterdir()) == []
    assert "1200 vignettes" in str(found)


# What goes in may be bad


def truth_with(folder, store, change):
    """Write a truth that is another one."""
    truth = xr.load_dataset(store / "truth.nc")
    change(truth).to_netcdf(folder / "other.nc")
    return folder / "other.nc"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda t: t.assign(swh=t.swh * np.nan), TrainingError, "missing for all 1200"),
        (lambda t: t.assign(swh=t.swh.assign_attrs(units="cm")), UnitsError, "must be in 'm'"),
        (
            lambda t: t.assign(swh=(100 * t.swh).assign_attrs(units="m")),
            UnitsError,
            "median of 2[0-9][0-9]",
        ),
        (
            lambda t: t.assign(wind_speed=(1.0 + t.wind_speed * 3).assign_attrs(units="m s-1")),
            UnitsError,
            "'wind_speed' has a median of 2",
        ),
        (lambda t: t.isel(vignette=slice(0, 160)), TrainingError, r"found 4 pass\(es\) with 160"),
        (
            lambda t: t.assign(ocean_class=("vignette", ["sea_ice"] * t.sizes["vignette"])),
            TrainingError,
            r"1 class\(es\), \['sea_ice'\]",
        ),
        (
            lambda t: t.isel(vignette=np.r_[np.arange(1200), 7]),
            TrainingError,
            "two rows for the vignette",
        ),
    ],
    ids=["all missing", "units", "centimetres", "knots and more", "few passes", "one class", "twice"],
)  # fmt: skip
def test_a_bad_truth_is_refused_in_words(change, error, words, store, asked, tmp_path):
    asked["truth"] = truth_with(tmp_path, store, change)
    named = xr.open_dataset(asked["truth"]).data_vars
    with pytest.raises(error, match=words):
        xos.build(to=tmp_path / "model", targets=list(named), **asked)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("bad", ["missing", "one class"])
def test_a_target_that_nobody_named_and_cannot_be_learned_is_skipped(
    bad, store, asked, tmp_path
):
    def change(truth):
        if bad == "missing":
            return truth.assign(swh=truth.swh * np.nan)
        return truth.assign(ocean_class=("vignette", ["sea_ice"] * 1200))

    asked["truth"] = truth_with(tmp_path, store, change)
    name = {"missing": "swh", "one class": "ocean_class"}[bad]
    with pytest.warns(UserWarning, match=f"no head for '{name}'"):
        made = xos.build(to=tmp_path / "model", until="targets", **asked)
    facts = json.loads((made.folder / "targets" / "stage.json").read_text())
    assert list(facts["skipped"]) == [name]
    assert name not in facts["targets"]
    assert "wind_speed" in facts["targets"]


def test_what_has_no_truth_is_counted_and_said(store, asked, tmp_path):
    """A truth of half of the vignettes, and a value that no sea has."""

    def fewer(truth):
        swh = truth.swh.copy()
        swh[3] = 99.0
        return truth.assign(swh=swh).isel(vignette=slice(0, 590))

    asked["truth"] = truth_with(tmp_path, store, fewer)
    with pytest.warns(
        UserWarning, match=r"589 of 1200 vignettes have a truth of 'swh'"
    ) as told:
        made = xos.build(to=tmp_path / "model", **asked)
    assert any("610" in str(w.message) for w in told)
    facts = json.loads((made.folder / "targets" / "stage.json").read_text())
    assert facts["unmatched"] == {"not named by the truth": 610}
    assert facts["impossible"] == {"swh": 1}
    assert sum(facts["parts"].values()) == 590  # wind is known of all of them
    assert "610 vignettes (not named by the truth)" in made.model.card
    assert "1 values of swh that no sea has" in made.model.card


def test_too_few_to_calibrate_is_a_counted_skip(tmp_path):
    ds, truth = made_up(n_passes=12, per_pass=10)
    xos.to_zarr(ds, tmp_path / "a.zarr")
    truth.to_netcdf(tmp_path / "truth.nc")
    with pytest.warns(UserWarning, match="without a calibration"):
        made = xos.build(
            tmp_path / "a.zarr",
            tmp_path / "model",
            truth=tmp_path / "truth.nc",
            features="statistics",
        )
    assert made.model.heads["swh"].intervals is None
    assert "`swh` was not calibrated" in made.model.card


def test_a_table_of_places_and_times_is_collocated(store, asked, tmp_path):
    """A buoy at the place of each vignette, 5 km and 10 minutes off; one in four too far away."""
    ds, truth = made_up()
    near = np.where(np.arange(1200) % 4 == 3, 5.0, 0.045)
    table = pd.DataFrame(
        {
            "time": ds.time.values + np.timedelta64(10, "m"),
            "longitude": ds.longitude.values,
            "latitude": ds.latitude.values + near,
            "swh": truth.swh.values,
        }
    )
    table.to_csv(tmp_path / "buoys.csv", index=False)
    asked["truth"] = tmp_path / "buoys.csv"
    with pytest.raises(UnitsError, match="units are not given"):
        xos.build(to=tmp_path / "none", **asked)
    made = xos.build(
        to=tmp_path / "model", units={"swh": "m"}, max_distance="20 km", **asked
    )
    found = open_archive(made.folder / "targets" / "targets.zarr").load()
    good = np.arange(1200) % 4 != 3
    np.testing.assert_allclose(found.swh.values[good], truth.swh.values[good])
    assert (
        np.isnan(found.swh.values[~good]).mean() > 0.9
    )  # but where another one is near
    np.testing.assert_allclose(found.collocation_distance.values[good], 5.0, atol=0.1)
    lag = found.collocation_time_offset.values[good] / np.timedelta64(1, "m")
    np.testing.assert_allclose(lag, 10.0)
    facts = json.loads((made.folder / "targets" / "stage.json").read_text())
    assert facts["collocation"]["median_lag_min"] == 10
    assert "5 km, 10 min (medians of distance and lag)" in made.model.card


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"features": "textures"}, "features are some of"),
        ({"features": ()}, "backbone, of features, or of both"),
        ({"targets": "wave"}, "'wave'"),
        ({"head": "forest"}, "'linear', 'mlp' or 'knn'"),
        ({"later": 0.9}, "leave a fifth"),
        ({"test": 0.0}, "fraction above 0"),
        ({"confidence": 90}, "between 0 and 1"),
        ({"truth": "era5"}, "needs the files of ERA5"),
        ({"until": "fame"}, "no stage 'fame'"),
        ({"rerun": "fame"}, "no stage 'fame'"),
        ({"targets": "ocean_class"}, "is to have"),
    ],
)
def test_a_wrong_request_is_refused_in_words(how, words, asked, tmp_path):
    with pytest.raises(ValueError, match=words):
        xos.build(to=tmp_path / "model", **{**asked, **how})


def test_the_stages_up_to_one_are_made(asked, tmp_path):
    made = xos.build(to=tmp_path / "model", until="targets", **asked)
    assert (made.made, made.model, made.scores) == (
        ("backbone", "archive", "targets"),
        None,
        {},
    )
    assert not (tmp_path / "model").exists()


def test_era5_is_interpolated_and_its_wind_is_of_the_components(store, asked, tmp_path):
    """A wave height that is linear in latitude comes out exactly."""
    ds, _ = made_up()
    hours = np.unique(ds.time.dt.floor("h").values)
    hours = np.unique(np.r_[hours, hours + np.timedelta64(1, "h")])
    lat, lon = np.arange(52, -52.1, -2.0), np.arange(314, 354, 2.0)
    shape = (hours.size, lat.size, lon.size)
    heights = np.broadcast_to((3 + 0.02 * lat)[None, :, None], shape)
    dims = ("valid_time", "latitude", "longitude")
    fields = xr.Dataset(
        {
            "swh": (dims, heights.astype("f4"), {"units": "m"}),
            "u10": (dims, np.full(shape, 3.0, "f4"), {"units": "m s**-1"}),
            "v10": (dims, np.full(shape, -4.0, "f4"), {"units": "m s**-1"}),
        },
        {"valid_time": hours, "latitude": lat, "longitude": lon},
    )
    fields.to_netcdf(tmp_path / "era5.nc")
    asked["truth"] = "era5"
    made = xos.build(
        to=tmp_path / "model",
        reference=tmp_path / "era5.nc",
        max_distance="200 km",
        max_time="60 min",
        until="targets",
        **asked,
    )
    table = open_archive(made.folder / "targets" / "targets.zarr").load()
    np.testing.assert_allclose(table.swh, 3 + 0.02 * table.latitude, atol=1e-3)
    np.testing.assert_allclose(table.wind_speed, 5.0, atol=1e-5)
    assert set(table.collocation_flag.values.tolist()) == {0}
    facts = json.loads((made.folder / "targets" / "stage.json").read_text())
    assert facts["targets"] == ["swh", "wind_speed"]
    assert facts["truth"] == "ERA5, interpolated"
    assert facts["simulated"] is False


def test_images_of_a_store_are_measured(tmp_path):
    """Level and statistics of images whose mean and looks are known."""
    ds, truth = made_up(n_passes=8, per_pass=4)
    rng = np.random.default_rng(0)
    level = np.linspace(0.02, 0.3, 32)
    sigma0 = level[:, None, None] * rng.gamma(5.0, 1 / 5, (32, 64, 64))
    ds = ds[["quality"]].drop_vars("sigma0_mean")
    ds["sigma0"] = (("vignette", "line", "sample"), sigma0.astype("f4"), {"units": "1"})
    xos.to_zarr(ds, tmp_path / "a.zarr")
    truth.to_netcdf(tmp_path / "truth.nc")
    made = xos.build(
        tmp_path / "a.zarr",
        tmp_path / "model",
        truth=tmp_path / "truth.nc",
        features="statistics",
        until="archive",
    )
    found = open_archive(made.folder / "archive" / "vignettes.zarr").load()
    np.testing.assert_allclose(found.sigma0_mean, sigma0.mean(axis=(1, 2)), rtol=1e-4)
    np.testing.assert_allclose(found.normalised_variance, 0.2, atol=0.03)
    assert "sigma0" not in found
    assert found.vignette_id.values.tolist() == ds.vignette_id.values.tolist()
    again = Request(**json.loads((made.folder / "request.json").read_text()))
    work = Workspace(made.folder, again, tmp_path / "model")
    images = open_vignettes(work, images=True)
    np.testing.assert_array_equal(images.sigma0, sigma0.astype("f4"))
    assert "sigma0" not in open_vignettes(work)
