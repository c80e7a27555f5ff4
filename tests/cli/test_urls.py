"""URLs where they cannot be written to, and servers that do not answer: one line, exit code 2."""

import socket

import pytest

URL = "s3://bucket/there"
LISTED = "s3://bucket/S1A_WV_SLC__1SSV_20210403T083025_20210403T083110_026300_032390_DABF.SAFE"

WRITERS = {
    "export": ["export", "archive.zarr", "--to", f"{URL}.nc"],
    "map": ["map", "archive.zarr", "--to", f"{URL}.png"],
    "demo": ["demo", "--to", URL],
    "fit": ["fit", "data.zarr", "swh", "--to", URL],
    "pretrain": ["pretrain", "data.zarr", "run.toml", "--to", URL],
    "simulate": ["simulate", URL],
    "icebergs": ["icebergs", "product.SAFE", "--to", f"{URL}.geojson"],
    "benchmark": ["benchmark", "swh", "archive.zarr", "--to", URL],
    "benchmark --cache": ["benchmark", "swh", "archive.zarr", "--cache", URL],
    "experiment": ["experiment", "calibration", "--to", URL],
}


@pytest.mark.parametrize("arguments", WRITERS.values(), ids=WRITERS.keys())
def test_a_url_that_cannot_be_written_to_is_refused_first(
    run, arguments, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    assert (
        "is a URL, and what this command makes is written to local paths only"
        in lines[0]
    )
    assert list(tmp_path.iterdir()) == []


READERS = {
    "open": ["open", LISTED],
    "open, a pattern": ["open", "s3://bucket/*.SAFE"],
    "retrieve": ["retrieve", LISTED, "--to", "out.zarr"],
    "icebergs": ["icebergs", LISTED, "--to", "out.geojson"],
    "process, a folder": [
        "process",
        "s3://bucket/all",
        "--to",
        "out.zarr",
        "--outputs",
        "quality",
    ],
    "process --to": ["process", "product", "--to", URL, "--outputs", "quality"],
    "process --status": ["process", "--status", "--to", URL],
    "similar": ["similar", URL, "0"],
    "export": ["export", URL, "--to", "out.nc"],
    "map": ["map", URL, "--to", "map.png"],
    "collocate": ["collocate", LISTED, URL, "--to", "out.zarr"],
}


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """A user without configuration, and a port where nobody listens."""
    pytest.importorskip("s3fs")
    for name in (
        "AWS_PROFILE",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.chdir(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")


def said(result):
    assert result.exit_code == 2, (result.output, result.exception)
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error:")]
    assert len(errors) == 1
    assert "Traceback" not in result.output
    return errors[0]


@pytest.mark.parametrize("arguments", READERS.values(), ids=READERS.keys())
def test_no_server_is_one_line(run, arguments, alone, monkeypatch, product, tmp_path):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    (tmp_path / "product").symlink_to(product)
    assert "Could not connect to the endpoint" in said(run(*arguments))


@pytest.mark.parametrize("command", ["open", "process --to", "similar"])
def test_no_credentials_are_one_line(run, command, alone, product, tmp_path):
    (tmp_path / "product").symlink_to(product)
    assert "credentials" in said(run(*READERS[command])).lower()
