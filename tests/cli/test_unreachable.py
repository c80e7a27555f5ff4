"""Archives on object storage that cannot be reached: one line and exit code 2 of every command."""

import pytest

pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")

COMMANDS = {
    "status": ("process", "--status", "--to", "s3://bucket/a.zarr"),
    "process": ("process", ".", "--to", "s3://bucket/a.zarr", "--outputs", "quality"),
    "icechunk": ("process", ".", "--to", "s3://bucket/a", "--outputs", "quality", "--store",
                 "icechunk"),
    "input": ("process", "s3://bucket/wv", "--to", "new.zarr", "--outputs", "quality"),
    "check": ("check", "s3://bucket/a.zarr"),
    "similar": ("similar", "s3://bucket/a.zarr", "0"),
    "export": ("export", "s3://bucket/a.zarr", "--to", "a.nc"),
    "map": ("map", "s3://bucket/a.zarr", "--to", "a.png"),
}  # fmt: skip


@pytest.fixture(scope="module")
def server():
    """A server that speaks S3 and has no bucket."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["no server", "no credentials", "no bucket"])
def trouble(request, server, monkeypatch, tmp_path):
    """An environment in which nothing on object storage can be reached."""
    from xoceansar.io.remote import open_filesystem

    endpoint = "http://127.0.0.1:9" if request.param == "no server" else server
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        if request.param == "no credentials":
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, "test")
    monkeypatch.chdir(tmp_path)

    def forget():
        s3fs.S3FileSystem.clear_instance_cache()
        open_filesystem.cache_clear()

    forget()
    yield request.param
    forget()


@pytest.mark.parametrize("command", COMMANDS)
def test_what_cannot_be_reached_is_one_line(run, product, trouble, command):
    if command == "icechunk":
        pytest.importorskip("icechunk")
    arguments = [str(product) if a == "." else a for a in COMMANDS[command]]
    done = run(*arguments)
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert "s3://bucket" in line
    assert not done.stdout
