"""Builds from products: archive, twins, images, pretraining."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xoceansar as xos
from tests.processing.products import SHAPE, write
from xoceansar.building import report_stage
from xoceansar.building.request import Request
from xoceansar.building.workspace import Workspace
from xoceansar.errors import ProductError, TrainingError
from xoceansar.io.archive.zarr_archive import open_archive
from xoceansar.simulate import write_ocn
from xoceansar.simulate.products.truth_file import truth_path
from xoceansar.simulate.sea.scenes import scene

#: As few as a split takes.
COUNT, EACH = 8, 2

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::xoceansar.errors.OceansarWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def few_rows():
    """Let so few vignettes be learned from."""
    from xoceansar.building import target_stage

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target_stage, "LEAST_ROWS", 4)
        yield


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    """Return a folder of products with their truths beside them; not to be changed."""
    folder = tmp_path_factory.mktemp("products")
    write_products(folder)
    return folder


def write_products(folder):
    """Write small products of small scenes, each of an orbit of its own."""
    for number in range(COUNT):
        scenes = [
            scene(
                EACH * number + k,
                beam=("wv1", "wv2")[k % 2],
                ocean_class="pure_ocean_waves",
                size=4_800.0,
            )
            for k in range(EACH)
        ]
        write(folder, number, n=EACH, scenes=scenes, orbit=26_300 + number)


@pytest.fixture
def asked(products):
    """Return the arguments of a build of them."""
    return {
        "inputs": products,
        "truth": sorted(products.glob("*.truth.nc")),
        "features": "statistics",
        "shape": SHAPE,
        "scheduler": "synchronous",
        "targets": ["swh", "wind_speed"],
    }


@pytest.fixture(scope="module")
def built(products, tmp_path_factory):
    """Build once, without a backbone; not to be changed."""
    return xos.build(
        products,
        tmp_path_factory.mktemp("built") / "model",
        truth=sorted(products.glob("*.truth.nc")),
        features="statistics",
        shape=SHAPE,
        scheduler="synchronous",
        targets=["swh", "wind_speed"],
    )


def test_the_archive_has_what_heads_take(built):
    ds = open_archive(built.folder / "archive" / "vignettes.zarr")
    assert ds.sizes["vignette"] == COUNT * EACH
    assert {"normalised_variance", "sigma0", "quality"} <= set(ds)
    assert {"sigma0_mean", "incidence", "beam"} <= set(ds.coords)
    assert "embedding_vector" not in ds
    taken = ("sigma0_mean_db", "incidence")
    assert built.model.heads["swh"].ancillary == taken
    assert built.model.heads["wind_speed"].ancillary == (*taken, "gmf_wind")
    predictions = open_archive(built.folder / "evaluation" / "predictions.zarr").load()
    middle = ds.incidence.load().mean("sample")
    at = list(ds.vignette_id.values).index(predictions.vignette_id.values[0])
    assert float(predictions.incidence[0]) == pytest.approx(float(middle[at]), abs=0.05)


def test_the_truth_is_that_of_the_products(built, products):
    table = open_archive(built.folder / "targets" / "targets.zarr").load()
    for path in sorted(products.glob("*.SAFE"))[:3]:
        truth = xr.load_dataset(truth_path(path))
        ids = truth.vignette_id.values.astype(str)
        own = table.isel(vignette=np.isin(table.vignette_id.values.astype(str), ids))
        np.testing.assert_array_equal(own.swh, truth.swh)


def test_a_model_without_a_backbone_retrieves_from_a_product(built, products):
    """What the user gets from a product is what was scored, but for the half precision of nothing."""
    predictions = open_archive(built.folder / "evaluation" / "predictions.zarr").load()
    assert built.model.simulated is True
    assert not built.model.heads["swh"].embedding
    wanted = predictions.isel(vignette=0)
    path = next(products.glob(f"{wanted['product'].item()}*"))
    ds = xos.open_wave_mode(path, shape=SHAPE, complex=True)
    found = ds.oceansar.swh(model=built.model).load()
    at = list(found.vignette_id.values).index(wanted.vignette_id.item())
    assert found.values[at] == pytest.approx(float(wanted.swh_predicted), rel=1e-5)


@pytest.fixture(scope="module")
def twins(products, tmp_path_factory):
    """Return a folder of Level-2 twins, of all products but one; not to be changed."""
    folder = tmp_path_factory.mktemp("ocn")
    for path in sorted(products.glob("*.SAFE"))[1:]:
        write_ocn(path, folder, swh_error=0.05, wind_error=0.2, spectra=False)
    return folder


def test_level_2_twins_are_the_truth(asked, products, twins, tmp_path):
    made = xos.build(
        to=tmp_path / "model",
        **{**asked, "truth": "ocn", "reference": twins, "until": "targets"},
    )
    table = open_archive(made.folder / "targets" / "targets.zarr").load()
    truths = [xr.load_dataset(truth_path(p)) for p in sorted(products.glob("*.SAFE"))]
    truth = xr.concat(truths, "vignette")
    at = pd.Index(truth.vignette_id.values.astype(str)).get_indexer(
        table.vignette_id.values.astype(str)
    )
    first = np.isin(at, np.arange(EACH))
    assert np.isnan(table.swh.values[first]).all()
    assert (table.part.values[first] == "").all()
    for name, error in (("swh", 0.05), ("wind_speed", 0.2)):
        off = (table[name].values - truth[name].values[at])[~first]
        assert 0.4 * error < np.std(off) < 2 * error
    np.testing.assert_allclose(table.swh_standard_error.values[~first], 0.05, atol=0.01)
    assert np.nanmax(table.collocation_distance.values) < 1
    facts = json.loads((made.folder / "targets" / "stage.json").read_text())
    assert facts["unmatched"]["no twin"] == EACH
    assert facts["simulated"] is True
    assert facts["truth_error"]["swh"] == pytest.approx(0.05, abs=0.01)
    again = Request(**json.loads((made.folder / "request.json").read_text()))
    work = Workspace(made.folder, again, tmp_path / "model")
    (section,) = report_stage._calibration(work)
    (bias,) = section.tables
    assert bias["n"].sum() <= (COUNT - 1) * EACH
    assert (
        bias["bias"].abs() < 3
    ).all()  # the simulated sea is CMOD5.N, the wind is off by 1 m/s
    listed = pd.read_csv(made.folder / "targets" / "twins.csv")
    assert len(listed) == COUNT * EACH
    assert listed["ocn"].isna().sum() == EACH


def test_one_folder_may_hold_both_levels(asked, products, twins, tmp_path):
    for path in [*products.glob("*.SAFE"), *twins.glob("*.SAFE")]:
        (tmp_path / path.name).symlink_to(path)
    made = xos.build(
        to=tmp_path / "model",
        **{**asked, "inputs": tmp_path, "truth": "ocn", "until": "targets"},
    )
    facts = json.loads((made.folder / "targets" / "stage.json").read_text())
    assert facts["with_truth"]["wind_speed"] == (COUNT - 1) * EACH
    assert made.failed == ()


def test_twins_of_other_acquisitions_are_refused_in_words(asked, products, tmp_path):
    other = write(tmp_path, 20, n=1, orbit=30_000)
    write_ocn(other, tmp_path / "ocn", spectra=False)
    with pytest.raises(
        TrainingError, match=r"none of the 16 .* has a Level-2 twin.*reference="
    ):
        xos.build(
            to=tmp_path / "model",
            **{**asked, "truth": "ocn", "reference": tmp_path / "ocn"},
        )


def test_the_report_shows_the_worst_errors_and_their_neighbours(built):
    page = built.report.read_text()
    assert page.count("<img ") >= 10
    assert 'src="data:image/png;base64,' in page
    assert "Made from simulated vignettes only" in page
    markdown = built.report.with_suffix(".md").read_text()
    for text in (
        "## Data", "## Truth", "### Worst errors of swh, later", "swh-later-worst.png", "swh-later-map.png",
        "swh-later-time.png", "swh-later-latitude.png", "swh-later-incidence.png", "## What to know",
        "was not calibrated", "Simulated vignettes",
    ):  # fmt: skip
        assert text in markdown, text
    assert (built.report.parent / "swh-later-worst.png").stat().st_size > 10_000


def test_a_product_that_cannot_be_read_is_counted_and_stops_nothing(
    asked, products, tmp_path
):
    for path in [*products.glob("*.SAFE"), *products.glob("*.nc")]:
        (tmp_path / path.name).symlink_to(path)
    broken = sorted(tmp_path.glob("*.SAFE"))[5]
    broken.unlink()
    broken.mkdir()
    (broken / "manifest.safe").write_text("<xml")
    made = xos.build(
        to=tmp_path / "model", **{**asked, "inputs": tmp_path, "until": "targets"}
    )
    ((name, reason),) = made.failed
    assert name == broken.stem
    assert reason
    facts = json.loads((made.folder / "archive" / "stage.json").read_text())
    assert (facts["products"], facts["vignettes"]) == (COUNT - 1, (COUNT - 1) * EACH)
    shutil.rmtree(broken)
    broken.symlink_to(products / broken.name)
    how = {**asked, "inputs": tmp_path, "until": "targets", "rerun": "archive"}
    mended = xos.build(to=tmp_path / "model", **how)
    assert mended.failed == ()
    assert mended.made == ("archive", "targets")
    ds = open_archive(mended.folder / "archive" / "vignettes.zarr")
    assert ds.sizes["vignette"] == COUNT * EACH


def test_an_archive_that_was_cut_short_goes_on(asked, built, tmp_path, monkeypatch):
    """Killed in the middle of the products; the rows that are there are not made again."""
    from xoceansar.processing import cluster

    process_unit, count = cluster.process_unit, []

    class Killed(BaseException):
        pass

    def dying(unit, task):
        count.append(unit)
        if len(count) == 5:
            raise Killed
        return process_unit(unit, task)

    monkeypatch.setattr(cluster, "process_unit", dying)
    monkeypatch.setattr("xoceansar.processing.run._COMMIT_SHARE", 1e9)
    monkeypatch.setattr("xoceansar.processing.run._WAITING_BYTES", 0)
    with pytest.raises(Killed):
        xos.build(to=tmp_path / "model", until="heads", **asked)
    made = xos.build(to=tmp_path / "model", until="heads", **asked)
    assert len(count) == COUNT + 1
    own, whole = (r.folder / "heads" / "bundle" for r in (made, built))
    files = sorted(p.relative_to(whole) for p in whole.rglob("*") if p.is_file())
    assert len(files) == 6
    for file in files:
        assert (own / file).read_bytes() == (whole / file).read_bytes(), file


def test_a_backbone_that_is_given_embeds_the_archive(asked, tiny_model, tmp_path):
    made = xos.build(
        to=tmp_path / "model", backbone=tiny_model.path, **{**asked, "targets": "swh"}
    )
    head = made.model.heads["swh"]
    assert head.embedding
    assert [block.name for block in head.features] == ["statistics"]
    assert made.model.weights_sha256 == tiny_model.weights_sha256
    assert [h.name for h in made.model.heads] == ["swh"]  # none of the other model's
    assert made.model.simulated == "partly"  # the tiny model says that it is not
    assert f"embedding by {tiny_model.name}" in made.model.card


def test_no_slc_product_and_no_level_2_are_said(asked, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProductError, match="holds no Wave Mode SLC product"):
        xos.build(to=tmp_path / "m", **{**asked, "inputs": tmp_path / "empty"})
    with pytest.raises((ProductError, TrainingError), match=r"OCN|Level-2"):
        xos.build(to=tmp_path / "model", **{**asked, "truth": "ocn"})


def test_a_dry_run_counts_the_products_and_measures_a_rate(asked, tmp_path):
    found = xos.build(to=tmp_path / "model", dry_run=True, **asked)
    assert (found.products, found.vignettes) == (COUNT, COUNT * EACH)
    assert found.seconds_per_vignette > 0
    assert found.hours == pytest.approx(
        found.seconds_per_vignette * COUNT * EACH / 3600
    )
    assert found.archive_bytes == COUNT * EACH * (4 * 3 + 2 * 64 * 64 + 200)
    assert list(tmp_path.iterdir()) == []


def test_a_backbone_is_pretrained_on_what_is_not_scored_and_goes_on_after_a_kill(
    asked, tmp_path
):
    pytest.importorskip("lightning_fabric")
    from tests.train.test_pretrain import recipe
    from xoceansar.train.pretraining.checkpoint_files import checkpoints

    (tmp_path / "tiny.toml").write_text(recipe().to_toml())
    more = {"backbone": "pretrain", "recipe": tmp_path / "tiny.toml"}

    xos.build(to=tmp_path / "model", until="targets", **asked, **more)
    shutil.copytree(tmp_path / "model.build", tmp_path / "killed.build")
    more["until"] = "heads"
    made = xos.build(to=tmp_path / "model", **asked, **more)
    assert made.kept == ("archive", "targets")
    assert made.made == ("backbone", "embedding", "heads")
    model = xos.load_model(made.folder / "heads" / "bundle")
    assert model.simulated is True
    assert model.heads["swh"].embedding
    part = open_archive(made.folder / "targets" / "targets.zarr").part.values
    seen = int(np.isin(part, ["learned", "calibration"]).sum())
    assert 8 <= seen < COUNT * EACH
    embedded = open_archive(made.folder / "embedding" / "vignettes.zarr")
    made_by = embedded.embedding_vector.attrs["weights_sha256"]
    assert made_by == model.weights_sha256

    # the same from a checkpoint in the middle, as a kill leaves it
    whole = made.folder / "backbone"
    killed = tmp_path / "killed.build" / "backbone"
    shutil.copytree(whole / "run" / "checkpoints", killed / "run" / "checkpoints")
    checkpoints(killed / "run" / "checkpoints")[-1].unlink()
    shutil.copy(whole / "begun.json", killed)
    again = xos.build(to=tmp_path / "killed", **asked, **more)
    assert again.kept == ("archive", "targets")
    resumed = xos.load_model(again.folder / "heads" / "bundle")
    assert resumed.weights_sha256 == model.weights_sha256
    assert resumed.heads["swh"].sha256 == model.heads["swh"].sha256
