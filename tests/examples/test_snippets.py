"""Every code block of README and docs runs as printed, page by page, from top to bottom.

A page's blocks share one namespace that starts empty. Shell blocks go through the command line of
the library; what installs, and what runs for hours, is only looked up.
"""

import os
import shlex
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from tests.catalogue.file_server import bucket_files
from tests.catalogue.items import item_of
from tests.catalogue.stac_server import serve
from tests.examples import world

sybil = pytest.importorskip("sybil")
pytest.importorskip("moto.server")

PAGES = [world.ROOT / "README.md", *sorted((world.ROOT / "docs").glob("*.md"))]
#: Commands that are not run: the file or target they name must be there.
LOOKED_UP = ("pip", "python", "make", "torchrun", "pytest", "git", "cd", "conda")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """All files that the pages name; not to be changed."""
    return world.build(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def bucket(made):
    """Serve ``s3://bucket`` on this machine, and return what makes clients find it."""
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    options = {"endpoint_url": environment["AWS_ENDPOINT_URL"], "key": "test", "secret": "test"}  # fmt: skip
    s3 = s3fs.S3FileSystem(**options)
    s3.mkdir("bucket")
    product = next((made / "archive" / "2021").glob("*.SAFE"))
    s3.put(str(product), f"bucket/wv/{product.name}", recursive=True)
    s3.mkdir("eodata")
    for path, data in bucket_files(item_of(product), product).items():
        s3.pipe(path[1:], data)
    yield environment
    server.stop()


@pytest.fixture(scope="module")
def catalogue(made):
    """Serve a STAC catalogue of a product of that bucket on this machine."""
    product = next((made / "archive" / "2021").glob("*.SAFE"))
    with serve([item_of(product)]) as (_, url):
        yield url


@pytest.fixture
def folder(made, bucket, catalogue, tmp_path, monkeypatch):
    """Stand in a copy of the world, with stand-ins for what this machine has not."""
    import distributed

    copied = tmp_path / "world"
    shutil.copytree(made, copied, symlinks=True, copy_function=os.link)
    monkeypatch.chdir(copied)
    for name, value in {**bucket, "MPLBACKEND": "Agg", "HF_HUB_OFFLINE": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("xoceansar.catalogue.vignette_search.COPERNICUS", catalogue)
    import xsar
    from safe_s1.sentinel1_xml_mappings import compounds_vars

    monkeypatch.setattr(xsar, "Sentinel1Dataset", world.stand_in_for_xsar())
    for name in ("swath_merging", "noise_lut_range_raw"):  # what `repair_xsar` replaces
        monkeypatch.setitem(compounds_vars[name], "func", compounds_vars[name]["func"])
    for module, cluster in (
        ("dask_jobqueue", "SLURMCluster"),
        ("dask_cuda", "LocalCUDACluster"),
    ):
        stand_in = ModuleType(module)

        class Cluster(distributed.LocalCluster):
            """One worker in this process, whatever is asked for."""

            def __init__(self, **asked_for):
                super().__init__(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None)  # fmt: skip

            def scale(self, n=0, *, jobs=0):
                """Keep one worker."""

        setattr(stand_in, cluster, Cluster)
        monkeypatch.setitem(sys.modules, module, stand_in)
    return copied


@pytest.fixture
def short_runs(monkeypatch):
    """Make what takes hours short, and let a name on the Hub stand for a local bundle."""
    import huggingface_hub

    from xoceansar import simulate, train
    from xoceansar.processing import run
    from xoceansar.train.pretraining import entry as pretraining
    from xoceansar.train.pretraining.config import load_config

    # a page in the browser, which ends at once
    monkeypatch.setattr("xoceansar.cli.explore.wait", lambda: None)
    monkeypatch.setattr("webbrowser.open", lambda url: True)
    simulated, fit_detector = simulate.vignettes, train.fit_detector
    pretrain = pretraining.pretrain

    def shortened(ds, config, folder, **kwargs):
        return pretrain(ds, load_config("two-cores").with_steps(2), folder, **kwargs)

    def few(n, *args, **kwargs):
        small = max(kwargs.get("shape", (384, 384))) <= 64
        return simulated(min(n, 100 if small else 32), *args, **kwargs)

    def briefly(*args, **kwargs):
        recipe = train.DetectorRecipe(steps=4)
        return fit_detector(*args, **{"recipe": recipe, **kwargs})

    outcomes = run.outcomes

    def in_this_process(units, task, scheduler, workers):
        return outcomes(units, task, scheduler or "synchronous", workers)

    monkeypatch.setattr(pretraining, "pretrain", shortened)
    monkeypatch.setattr(run, "outcomes", in_this_process)
    monkeypatch.setattr(simulate, "vignettes", few)
    monkeypatch.setattr(train, "fit_detector", briefly)
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda *a, **k: "path/to/bundle"
    )


def run_shell(example):
    """Run the lines of a shell block that call the library; look the others up."""
    from xoceansar.cli import app

    runner = CliRunner(env={"COLUMNS": "160", "TERM": "dumb"})
    for line in joined_lines(example.parsed):
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0] == "xoceansar":
            done = runner.invoke(app, words[1:])
            assert done.exit_code == 0, f"{line}\n{done.output}\n{done.stderr}"
        elif words[0] == "for":
            return
        else:
            assert words[0] in LOOKED_UP, f"nothing is known of `{line}`"
            for word in words[1:]:
                if word.endswith(".py"):
                    assert (world.ROOT / word).exists(), line


def joined_lines(text):
    """Return lines, those that end in a backslash with the next."""
    return text.replace("\\\n", " ").splitlines()


def parse(page):
    """Return the code blocks of a page, in order."""
    from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

    parsers = [PythonCodeBlockParser()]
    parsers += [CodeBlockParser(language="sh", evaluator=run_shell)]
    return sybil.Sybil(parsers=parsers, path=str(world.ROOT)).parse(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_blocks_of_a_page_run(page, folder, short_runs):
    from matplotlib import pyplot

    if page.stem == "published-networks":
        pytest.importorskip("onnxruntime")
    document = parse(page)
    document.namespace["__name__"] = "__main__"
    for example in document.examples():
        example.evaluate()
        pyplot.close("all")


def test_blocks_are_of_a_language_that_is_run():
    for page in PAGES:
        fences = [line for line in page.read_text().splitlines() if line[:3] == "```"]
        languages = {line[3:].strip() for line in fences[::2]}
        assert languages <= {"python", "sh", "toml", "text"}, page.name


def test_paths_of_pages_are_there():
    """Links between pages, and to scripts, name files."""
    import re

    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
            assert Path(page.parent, target).exists(), f"{page.name}: {target}"
