"""``xoceansar process``: what it prints, and its exit codes."""

import json
import shutil

import pytest
import xarray as xr

ARGUMENTS = ("--outputs", "swh,quality", "--scheduler", "synchronous")


@pytest.fixture
def target(tmp_path):
    return tmp_path / "archive.zarr"


def test_help_teaches_by_example(run):
    done = run("process", "--help")
    assert done.exit_code == 0
    assert "xoceansar process archive/2021 --to 2021.zarr" in done.stdout


def test_products_become_an_archive_and_a_second_run_adds_nothing(
    run, product, model, target
):
    done = run("process", product, "--to", target, "--model", model, *ARGUMENTS)
    assert done.exit_code == 0, done.output
    assert "1 products processed, 0 there already; 2 vignettes added" in done.stdout
    made = xr.open_zarr(target).load()
    assert made.sizes["vignette"] == 2
    assert "swh" in made
    assert "embedding_vector" not in made
    again = run("process", product, "--to", target, "--model", model, *ARGUMENTS)
    assert "0 products processed, 1 there already; 0 vignettes added" in again.stdout
    status = run("process", "--status", "--to", target)
    assert "2 vignettes of 1 products; 0 products failed" in status.stdout


def test_a_product_that_fails_is_named_and_tried_again(
    run, product, model, target, tmp_path
):
    folder = tmp_path / "in"
    copied = folder / product.name
    shutil.copytree(product, copied)
    (copied / "manifest.safe").rename(tmp_path / "manifest.safe")
    arguments = ("process", folder, "--to", target, "--model", model, *ARGUMENTS)
    done = run(*arguments)
    assert done.exit_code == 3
    assert product.stem in done.stdout
    assert "--retry-failed" in done.stdout
    assert "0 vignettes of 0 products; 1 products failed" in run(
        "process", "--status", "--to", target
    ).stdout.replace("\n", " ")
    (tmp_path / "manifest.safe").rename(copied / "manifest.safe")
    assert run(*arguments).exit_code == 3
    assert run(*arguments, "--retry-failed").exit_code == 0
    assert "2 vignettes of 1 products; 0 products failed" in run(
        "process", "--status", "--to", target
    ).stdout.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "x.zarr"], "at least one product"),
        (["nowhere", "--to", "x.zarr"], "does not exist"),
        (["--status", "--to", "nothing.zarr"], "no archive"),
        (["in", "--to", "x.zarr", "--storage-options", "{"], "no JSON"),
        (["in", "--to", "x.zarr", "--storage-options", "[1]"], "an object"),
    ],
)
def test_mistakes_are_said_in_words(run, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    done = run("process", *arguments)
    assert done.exit_code == 2
    assert said in done.output
    assert list(tmp_path.iterdir()) == []


def test_options_of_the_file_system_reach_it(run, monkeypatch, target):
    from xoceansar.processing import run as module

    seen = {}

    def record(inputs, to, **kwargs):
        seen.update(kwargs, inputs=inputs)
        return module.ProcessReport(str(to), 0, 0, 0, (), 0.0)

    monkeypatch.setattr(module, "process", record)
    options = json.dumps({"anon": True})
    run("process", "s3://b/x", "--to", target, "--storage-options", options,
        "--scheduler", "tcp://10.0.0.1:8786", "--workers", "4", "--retry-failed")  # fmt: skip
    assert seen["storage_options"] == {"anon": True}
    assert seen["target_options"] == {"anon": True}
    assert (seen["scheduler"], seen["workers"]) == ("tcp://10.0.0.1:8786", 4)
    assert seen["retry_failed"]
    assert seen["inputs"] == ["s3://b/x"]


def test_an_icechunk_archive_is_made_added_to_searched_and_exported(
    run, product, model, tmp_path, target
):
    pytest.importorskip("icechunk")
    to = tmp_path / "archive.icechunk"
    arguments = ("--model", model, "--outputs", "embedding,swh", *ARGUMENTS[2:])
    done = run("process", product, "--to", to, "--store", "icechunk", *arguments)
    assert done.exit_code == 0, done.output
    assert "2 vignettes added" in done.stdout
    assert "1 there already" in run("process", product, "--to", to, *arguments).stdout
    status = run("process", "--status", "--to", to)
    assert "2 vignettes of 1 products; 0 products failed" in status.stdout
    run("process", product, "--to", target, *arguments)
    pair = (to, target)
    similar = [run("similar", path, 0, 1, "-k", 1) for path in pair]
    assert similar[0].exit_code == 0, similar[0].output
    assert similar[0].stdout == similar[1].stdout
    files = [tmp_path / f"{path.suffix}.nc" for path in pair]
    for path, file in zip(pair, files, strict=True):
        assert run("export", path, "--to", file).exit_code == 0
    made, expected = (xr.load_dataset(file) for file in files)
    xr.testing.assert_equal(made, expected)
    refused = run("process", product, "--to", to, "--store", "zarr", *arguments)
    assert refused.exit_code == 2
    assert "say icechunk" in refused.stderr.replace("\n", " ")


def test_simulated_products_do_not_share_time_and_orbit(run, tmp_path, target):
    for number, start in enumerate(("2021-04-03T08:30:25", "2021-05-03T08:30:25")):
        done = run("simulate", tmp_path / "in", "--n", 2, "--scale", 0.17, "--seed", number,
                   "--start", start, "--orbit", 26300 + number)  # fmt: skip
        assert done.exit_code == 0, done.output
    arguments = ("--outputs", "quality", "--scheduler", "synchronous")
    done = run("process", tmp_path / "in", "--to", target, *arguments)
    assert "2 products processed, 0 there already; 4 vignettes added" in done.stdout
    assert "left out" not in done.stdout
    made = xr.open_zarr(target)
    assert sorted({str(t)[:10] for t in made.time.values}) == [
        "2021-04-03",
        "2021-05-03",
    ]


def test_products_that_are_given_again_are_counted(run, product, target, tmp_path):
    shutil.copytree(product, tmp_path / "copy.SAFE")
    arguments = ("--to", target, "--outputs", "quality", "--scheduler", "synchronous")
    done = run("process", product, tmp_path / "copy.SAFE", *arguments)
    assert "1 products processed" in done.stdout
    assert "left out: 1 inputs that name a product again, 0 vignettes" in done.stdout


def test_check_says_what_is_wrong_and_mends_it(run, product, target):
    run("process", product, "--to", target, "--outputs", "quality", "--scheduler",
        "synchronous")  # fmt: skip
    whole = run("check", target)
    assert whole.exit_code == 0, whole.output
    assert "2 vignettes of 1 products\nNothing is wrong with it." in whole.stdout
    (target / "quality" / "zarr.json").unlink()
    found = run("check", target)
    assert found.exit_code == 3
    assert (
        "can be mended, with --mend:\n  quality/zarr.json: it is missing"
        in found.stdout
    )
    mended = run("check", target, "--mend")
    assert mended.exit_code == 0
    assert "mended:\n  quality/zarr.json" in mended.stdout
    (target / "quality" / "c" / "0").write_bytes(b"x")
    lost = run("check", target)
    assert lost.exit_code == 3
    assert "cannot be mended:\n  quality/c/0: the chunk is damaged" in lost.stdout
    assert run("check", target / "nothing").exit_code == 2
