import json
import pickle
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.models.conftest import TINY, TINY_INPUT
from xoceansar.errors import BundleError, OceansarWarning, WeightsMismatchError
from xoceansar.models import (
    DEFAULT_MODEL,
    Head,
    HeadSpec,
    InputSpec,
    list_models,
    load_model,
    write_bundle,
)
from xoceansar.models.bundle import library, schema
from xoceansar.models.bundle.weight_files import read_arrays

huggingface_hub = pytest.importorskip("huggingface_hub")

STATE = {"weight": np.array([[1.0, 1 / 3]], dtype=np.float32)}


def linear_head(sha256: str, **changes) -> Head:
    spec = HeadSpec(
        name="swh",
        kind="linear",
        target="swh",
        units="m",
        pooling=TINY.pooling,
        backbone_sha256=sha256,
        metrics={"cv_rmse": 0.5},
    )
    n = TINY.embedding_dim
    arrays = {
        "mean": np.zeros(n, np.float32),
        "std": np.ones(n, np.float32),
        "weight": np.ones((n, 1), np.float32),
        "bias": np.zeros(1, np.float32),
    }
    return Head(replace(spec, **changes), arrays)


def write(folder: Path, **changes):
    arguments = {
        "name": "m",
        "backbone": TINY,
        "backbone_state": STATE,
        "input": TINY_INPUT,
    }
    return write_bundle(folder, **{**arguments, **changes})


@pytest.fixture
def config(tmp_path):
    """Path and content of the config.json of a bundle with a head."""
    sha256 = write(tmp_path).weights_sha256
    write(tmp_path, heads=[linear_head(sha256)])
    path = tmp_path / "config.json"
    return path, json.loads(path.read_text())


def test_a_bundle_of_partly_simulated_data_says_so(tmp_path, tiny_model):
    from xoceansar.models.bundle.schema import read_config, write_config

    shutil.copytree(tiny_model.path, tmp_path / "b")
    mixed = replace(tiny_model, path=str(tmp_path / "b"), simulated="partly")
    write_config(mixed, {})
    found = read_config(tmp_path / "b")
    assert (found.simulated, found.origin) == ("partly", "partly simulated data")
    assert "trained on partly simulated data" in repr(found)
    content = json.loads((tmp_path / "b" / "config.json").read_text())
    assert (content["schema_version"], content["simulated"]) == (3, "partly")


def test_written_and_loaded_handles_are_equal(tmp_path):
    sha256 = write(tmp_path).weights_sha256
    spec = InputSpec(
        scale="linear",
        size=32,
        centre="beam",
        mean=(0.3, 0.03),
        std=(0.1, 0.01),
        relative_floor=0.02,
    )
    written = write(
        tmp_path,
        input=spec,
        heads=[linear_head(sha256)],
        simulated=True,
        card="# Card\n",
        provenance={"seed": 3},
    )
    assert load_model(tmp_path) == written
    assert load_model(str(tmp_path)) == written
    assert written.input == spec
    assert written.simulated
    assert written.card == "# Card\n"
    assert written.heads[0].metrics == {"cv_rmse": 0.5}
    assert written.heads[0].file == "heads/swh.safetensors"
    assert json.loads((tmp_path / "config.json").read_text())["provenance"] == {
        "seed": 3
    }
    assert not list(tmp_path.rglob("*.partial"))


def test_a_config_that_is_not_the_one_that_was_written_is_refused(tmp_path):
    """A digit that changes a value and leaves a valid config."""
    handle = write(tmp_path)
    path = tmp_path / "config.json"
    text = path.read_text()
    assert '"spacing": 50.0' in text
    path.write_text(text.replace('"spacing": 50.0', '"spacing": 40.0'))
    with pytest.raises(WeightsMismatchError, match=r"config\.json.*delete .*sha256"):
        load_model(tmp_path)
    (tmp_path / "config.sha256").unlink()
    assert load_model(tmp_path).input.spacing == 40.0
    assert write(tmp_path) == load_model(tmp_path) == handle
    [*_, name] = (tmp_path / "config.sha256").read_text().split()
    assert name == "config.json"


@pytest.mark.parametrize("content", [b"", b"0" * 64, b"\xff" * 80])
def test_a_checksum_that_is_none_is_another(tmp_path, content):
    write(tmp_path)
    (tmp_path / "config.sha256").write_bytes(content)
    with pytest.raises(WeightsMismatchError, match="not the file that was written"):
        load_model(tmp_path)


def test_every_shipped_config_has_its_checksum():
    for name in library.list_models():
        assert (library.BUNDLES / name / "config.sha256").is_file()
        assert load_model(name).name == name


def test_loading_reads_no_weights(tmp_path):
    written = write(tmp_path, heads=[linear_head(write(tmp_path).weights_sha256)])
    for file in tmp_path.rglob("*.safetensors"):
        file.unlink()
    assert load_model(tmp_path) == written


def test_same_weights_give_the_same_identity(tmp_path):
    state = {"b": np.ones(3), "a": np.zeros((2, 2))}
    swapped = {"a": np.zeros((2, 2)), "b": np.ones(3)}
    first = write(tmp_path / "1", backbone_state=state)
    assert write(tmp_path / "2", backbone_state=swapped) == replace(
        first, path=str(tmp_path / "2")
    )
    other = write(tmp_path / "3", backbone_state={**state, "b": np.zeros(3)})
    assert other.weights_sha256 != first.weights_sha256


@pytest.mark.parametrize(("dtype", "error"), [("float32", 0), ("float16", 1e-4)])
def test_weights_are_stored_as_asked_and_read_as_float32(tmp_path, dtype, error):
    handle = write(tmp_path, dtype=dtype)
    out = read_arrays(tmp_path / "backbone.safetensors", handle.weights_sha256)[
        "weight"
    ]
    assert out.dtype == np.float32
    found = abs(out - STATE["weight"]).max()
    assert found == 0 if error == 0 else 0 < found < error


def test_weights_that_overflow_are_refused(tmp_path):
    with pytest.raises(BundleError, match=r"'weight'.*float16"):
        write(tmp_path, backbone_state={"weight": np.array([1e6])}, dtype="float16")
    with pytest.raises(BundleError, match="not finite"):
        write(tmp_path, backbone_state={"weight": np.array([np.nan])})


def test_changed_weights_are_refused(tmp_path):
    handle = write(tmp_path)
    file = tmp_path / "backbone.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(WeightsMismatchError, match="changed or cut short"):
        read_arrays(file, handle.weights_sha256)
    file.unlink()
    with pytest.raises(BundleError, match="missing from the bundle"):
        read_arrays(file, handle.weights_sha256)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pooling": "cls"}, "fitted on 'cls'"),
        ({"backbone_sha256": "b" * 64}, "bbbbbbbb"),
    ],
)
def test_head_of_another_backbone_is_refused_before_anything_is_replaced(
    tmp_path, change, message
):
    handle = write(tmp_path)
    head = linear_head(handle.weights_sha256, **change)
    with pytest.raises(WeightsMismatchError, match=message):
        write(tmp_path, backbone_state={"weight": np.zeros(1)}, heads=[head])
    assert read_arrays(tmp_path / "backbone.safetensors", handle.weights_sha256)
    assert load_model(tmp_path) == handle


def set_in(content, path, value):
    *parents, last = path
    for key in parents:
        content = content[key]
    if value is None:
        del content[last]
    else:
        content[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["schema_version"], 4, "schema_version must be 3 or less; got 4"),
        (["schema_version"], True, "schema_version must be 3 or less; got True"),
        (["schema_version"], None, "schema_version must be 3 or less; got None"),
        (["name"], None, "name"),
        (["name"], 3, "name must be text; got 3"),
        (["nme"], "x", "'nme'.*'name'"),
        (["backbone"], None, "backbone"),
        (["backbone"], "vit", "backbone must be an object"),
        (["backbone", "pooling"], "avg", "backbone.pooling must be one of"),
        (
            ["backbone", "patch_size"],
            1.5,
            "backbone.patch_size must be a whole number or",
        ),
        (["backbone", "embeding_dim"], 3, "'embeding_dim'.*'embedding_dim'"),
        (["backbone", "sha256"], "abc", "backbone.sha256"),
        (["backbone", "file"], "../x.safetensors", "inside the bundle"),
        (["backbone", "file"], "weights.bin", ".safetensors file"),
        (["input", "size"], None, "input lacks .*size"),
        (["input", "size"], True, "input.size must be a whole number"),
        (["input", "mean"], [-7.0, "x"], "input.mean"),
        (["input", "beams"], "wv1", "input.beams must be a list of text"),
        (["input", "scale"], "log", "input.scale must be one of"),
        (["heads"], {}, "heads must be a list"),
        (["heads", 0, "kind"], "svm", r"heads\[0\].kind must be one of"),
        (["heads", 0, "target"], None, r"heads\[0\] lacks .*target"),
        (["heads", 0, "ancillary"], ["latitude"], r"heads\[0\].ancillary"),
        (["simulated"], "yes", "simulated must be true or false"),
    ],
)
def test_config_is_read_strictly_and_the_message_names_the_field(
    config, path, value, message
):
    file, content = config
    set_in(content, path, value)
    file.write_text(json.dumps(content))
    with pytest.raises(BundleError, match=f"config.json: .*{message}"):
        load_model(file.parent)


def test_config_that_is_no_object_or_no_json_is_refused(config):
    file, _ = config
    file.write_text("[1]")
    with pytest.raises(BundleError, match="must hold an object"):
        load_model(file.parent)
    file.write_text("{")
    with pytest.raises(BundleError, match="not valid JSON"):
        load_model(file.parent)
    file.unlink()
    with pytest.raises(BundleError, match="not a model bundle"):
        load_model(file.parent)


def test_unknown_names_list_the_known_ones(monkeypatch, tmp_path):
    write(tmp_path / "sim-one")
    monkeypatch.setattr(library, "BUNDLES", tmp_path)
    assert list_models() == ["sim-one"]
    assert load_model("sim-one").name == "m"
    with pytest.raises(BundleError, match=r"no model 'sim-two'.*\['sim-one'\]"):
        load_model("sim-two")
    with pytest.raises(BundleError, match="no model"):
        load_model(tmp_path / "sim-two")


def test_default_is_the_shipped_bundle(monkeypatch, tmp_path):
    write(tmp_path / DEFAULT_MODEL)
    monkeypatch.setattr(library, "BUNDLES", tmp_path)
    assert load_model() == load_model(DEFAULT_MODEL)


def test_relative_paths_are_made_absolute_for_the_workers(monkeypatch, tmp_path):
    write(tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    assert load_model("here").path == str(tmp_path / "here")


def test_device_and_precision_are_the_users(tmp_path):
    handle = write(tmp_path)
    chosen = load_model(tmp_path, device="cpu", precision="fp32")
    assert (chosen.device, chosen.precision) == ("cpu", "fp32")
    assert load_model(chosen) == chosen
    assert load_model(chosen, precision="bf16").device == "cpu"
    assert load_model(handle, device="cuda:1").device == "cuda:1"


def test_network_in_memory_is_refused_with_the_way_out():
    with pytest.raises(BundleError, match="write_bundle"):
        load_model(object())


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub of one repository; returns the calls that were made."""
    write(tmp_path / "snapshot")
    calls = []

    def snapshot_download(repo_id, **kwargs):
        calls.append((repo_id, kwargs))
        if repo_id != "galeio/ocean":
            raise huggingface_hub.errors.OfflineModeIsEnabled("no network")
        return str(tmp_path / "snapshot")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return calls


@pytest.mark.parametrize(
    ("name", "revision"),
    [
        ("galeio/ocean", None),
        ("hf://galeio/ocean", None),
        ("hf://galeio/ocean@v1.0", "v1.0"),
    ],
)
def test_hub_names_fetch_text_and_safetensors_only(hub, name, revision):
    assert load_model(name).name == "m"
    (repo, kwargs) = hub[0]
    assert (repo, kwargs["revision"]) == ("galeio/ocean", revision)
    assert set(kwargs["allow_patterns"]) == {
        "*.json",
        "config.sha256",
        "*.safetensors",
        "README.md",
    }


def test_hub_out_of_reach_is_explained(hub):
    with pytest.raises(BundleError, match=r"galeio/none.*no network.*local bundle"):
        load_model("galeio/none")


def test_local_folders_never_ask_the_hub(hub, monkeypatch, tmp_path):
    write(tmp_path / "galeio" / "ocean")
    monkeypatch.chdir(tmp_path)
    assert load_model("galeio/ocean").path == str(tmp_path / "galeio" / "ocean")
    with pytest.raises(BundleError, match="no model"):
        load_model(Path("some/where"))
    assert hub == []


def test_simulated_models_warn_once_in_a_process(monkeypatch, tmp_path):
    monkeypatch.setattr(library, "_warned", False)
    real, simulated = write(tmp_path / "1"), write(tmp_path / "2", simulated=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        library.warn_if_simulated(real)
    with pytest.warns(
        OceansarWarning, match="not measurements of the real sea"
    ) as caught:
        library.warn_if_simulated(simulated)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        library.warn_if_simulated(simulated)


def test_config_survives_another_round(tmp_path):
    handle = write(
        tmp_path, input=replace(TINY_INPUT, centre="vignette", mean=None, std=None)
    )
    text = (tmp_path / "config.json").read_text()
    schema.write_config(load_model(tmp_path), {})
    assert (tmp_path / "config.json").read_text() == text
    assert pickle.loads(pickle.dumps(handle)) == handle
