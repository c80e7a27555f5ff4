"""The config of a pretraining: what it takes, what it refuses and how it says so."""

import doctest
import math
import os
import re
import subprocess
import sys
import tomllib
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from xoceansar.errors import TrainingError
from xoceansar.models.spec import InputSpec
from xoceansar.train.pretraining.config import (
    SHIPPED,
    PretrainConfig,
    load_config,
    parse_config,
)

CONFIGS = resources.files("xoceansar.train") / "configs"
DOCS = Path(__file__).parents[2] / "docs"


def text_of(name):
    return (CONFIGS / f"{name}.toml").read_text(encoding="utf-8")


def refused(change):
    """Return the message that a changed table of the two-core config gives."""
    table = load_config("two-cores").to_dict()
    for key, value in change.items():
        *path, last = key.split(".")
        inner = table
        for part in path:
            inner = inner[part]
        inner[last] = value
    with pytest.raises(TrainingError) as error:
        parse_config(table, where="my.toml")
    assert str(error.value).startswith("my.toml cannot be used:\n")
    return str(error.value)


# ------------------------------------------------------------------ the shipped configs


def test_every_file_in_the_package_is_listed():
    assert {path.name for path in CONFIGS.iterdir()} == {f"{n}.toml" for n in SHIPPED}


@pytest.mark.parametrize("name", SHIPPED)
def test_no_value_is_silent_or_unexplained(name):
    table = tomllib.loads(text_of(name))
    for key, field in PretrainConfig.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        if inner is None:
            assert key in table
            continue
        section = re.search(rf"\[{key}\]\n(.*?)(\n\[|\Z)", text_of(name), re.DOTALL)[1]
        for part in inner:
            line = re.search(rf"^{part} = .*# .*\[(paper|DINOv2|ours)\]", section, re.M)
            left_out = re.search(rf"^# {part}: left out", section, re.M)
            assert (line is None) != (left_out is None), f"{key}.{part}"
            assert (part in table[key]) == (line is not None), f"{key}.{part}"


def test_paper_has_what_is_published_and_the_defaults_of_dinov2():
    config = load_config("paper")
    assert (config.backbone.architecture, config.backbone.pooling) == (
        "vit_small_patch16_224",
        "cls",
    )
    assert (config.input.size, config.input.spacing) == (256, 50.0)
    assert (
        config.crops.global_size,
        config.crops.local_size,
        config.crops.n_local,
    ) == (
        224,
        96,
        8,
    )
    assert config.backbone.kwargs == {"init_values": 1e-5, "drop_path_rate": 0.3}
    assert (config.head.prototypes, config.head.hidden, config.head.bottleneck) == (
        65536,
        2048,
        256,
    )
    optimisation = config.optimisation
    assert config.peak_learning_rate == 4e-3
    assert optimisation.steps == 100 * 1250
    assert optimisation.warmup_steps == 10 * 1250
    assert optimisation.temperature_warmup_steps == 30 * 1250
    assert config.curation.enabled


def test_two_cores_train_for_five_minutes():
    config = load_config("two-cores")

    def tokens(side):
        return (side // config.backbone.patch_size) ** 2 + 1

    crops = config.crops
    passes = 8 * tokens(crops.global_size) + 3 * crops.n_local * tokens(
        crops.local_size
    )
    seconds = config.optimisation.steps * config.optimisation.batch * passes / 8000
    assert passes == 398
    assert 240 < seconds < 360


@pytest.mark.parametrize("name", SHIPPED)
def test_the_network_of_a_shipped_config_can_be_built(name):
    from xoceansar.models.networks.vit import create_network

    config = load_config(name)
    network = create_network(
        config.backbone.architecture,
        config.input.size,
        config.backbone.patch_size,
        {**config.backbone.kwargs, "depth": 1},
    )
    assert network.patch_embed.grid_size == (16, 16)


@pytest.mark.skipif(not DOCS.is_dir(), reason="a source archive has no docs")
def test_the_arithmetic_of_the_page_is_right():
    found = doctest.testfile(str(DOCS / "pretraining.md"), module_relative=False)
    assert found.attempted >= 5
    assert found.failed == 0


# ------------------------------------------------------------------ what it gives


def test_input_spec_is_that_of_the_bundle():
    assert load_config("two-cores").input.spec() == InputSpec(
        scale="dB",
        size=256,
        centre="vignette",
        mean=None,
        std=1.5,
        relative_floor=0.02,
    )


def test_constants_for_each_beam():
    table = load_config("two-cores").to_dict()
    table["input"] |= {"centre": "beam", "mean": [-6.5, -15], "std": [3, 5.0]}
    spec = parse_config(table).input.spec()
    assert spec.mean == (-6.5, -15.0)
    assert spec.std == (3.0, 5.0)


def test_views_have_the_numbers_of_the_config():
    table = load_config("two-cores").to_dict()
    table["augmentation"] |= {"gain_db": 0.25, "looks": [50, 75], "flip_across": 0}
    views = parse_config(table).views()
    assert (views.global_size, views.local_size, views.n_local) == (96, 64, 2)
    assert (views.gain_db, views.looks) == (0.25, (50.0, 75.0))
    assert (views.flip_along, views.flip_across) == (0.5, 0.0)


@pytest.mark.parametrize(
    ("change", "peak"),
    [
        ({}, 2e-3 / math.sqrt(32)),
        ({"accumulate": 4}, 2e-3 / math.sqrt(32)),
        ({"batch": 4096}, 4e-3),
        ({"scaling": "none"}, 2e-3),
    ],
)
def test_the_learning_rate_follows_the_batch(change, peak):
    table = load_config("two-cores").to_dict()
    table["optimisation"] |= {"learning_rate": 2e-3, "scaling": "sqrt"} | change
    assert parse_config(table).peak_learning_rate == pytest.approx(peak)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 10**7))
def test_another_length_keeps_the_shape_of_the_schedules(steps):
    before, after = (c.optimisation for c in (load_config("paper"), _of(steps)))
    assert after.steps == steps
    for key in ("warmup_steps", "temperature_warmup_steps", "freeze_last_layer_steps"):
        share = getattr(before, key) / before.steps
        assert share * steps - 1 < getattr(after, key) <= share * steps
    same = {
        "steps",
        "warmup_steps",
        "temperature_warmup_steps",
        "freeze_last_layer_steps",
    }
    assert before.model_dump(exclude=same) == after.model_dump(exclude=same)


def _of(steps):
    return load_config("paper").with_steps(steps)


def test_no_steps_are_refused():
    with pytest.raises(TrainingError, match=r"optimisation\.steps must be greater"):
        _of(0)


@settings(max_examples=30, deadline=None)
@given(
    number=st.floats(1e-30, 1e30),
    words=st.text(st.characters(codec="utf-8", exclude_characters="\x7f")),
    switch=st.booleans(),
    levels=st.sets(st.integers(1, 10**9), min_size=1, max_size=4),
)
def test_toml_and_dict_say_all_of_it(tmp_path_factory, number, words, switch, levels):
    table = load_config("one-gpu").to_dict()
    table["losses"]["ibot"] = number
    table["backbone"]["kwargs"] = {"qkv_bias": switch, "pos_embed": "", "depth": 3}
    table["data"]["exclude"] = [words]
    table["curation"]["levels"] = sorted(levels, reverse=True)
    config = parse_config(table)
    assert parse_config(config.to_dict()) == config
    path = tmp_path_factory.mktemp("config") / "again.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    assert load_config(path) == config


def test_defaults_and_frozen():
    table = load_config("two-cores").to_dict()
    for name in (
        "data",
        "augmentation",
        "masks",
        "losses",
        "curation",
        "watch",
        "seed",
    ):
        del table[name]
    config = parse_config(table)
    assert config.seed == 0
    assert config.losses.koleo == 0.1
    assert not config.curation.enabled
    with pytest.raises(ValidationError):
        config.seed = 1


def test_checking_a_config_needs_no_torch():
    code = (
        "import sys; from xoceansar.train.pretraining.config import load_config; "
        "load_config('paper').to_toml(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ------------------------------------------------------------------ what it refuses


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("optimisation.warm_up_steps", ["[optimisation]", "'warmup_steps'"]),
        ("losses.koelo", ["[losses]", "'koleo'"]),
        ("crops.zzz", ["[crops]", "global_size, local_size, n_local"]),
        ("optimization", ["at the top", "'optimisation'"]),
    ],
)
def test_an_unknown_key_is_named_with_its_table_and_the_nearest(key, words):
    message = refused({key: 1})
    assert repr(key.split(".")[-1]) in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"optimisation.steps": "100"}, "optimisation.steps must be a valid integer; got '100'"),
        ({"optimisation.steps": 1.5}, "optimisation.steps must be"),
        ({"optimisation.steps": True}, "optimisation.steps must be a valid integer; got True"),
        ({"optimisation.batch": 0}, "optimisation.batch must be greater than or equal to 1; got 0"),
        ({"optimisation.learning_rate": math.nan}, "optimisation.learning_rate must be a finite"),
        ({"optimisation.betas": [0.9]}, "optimisation.betas"),
        ({"optimisation.betas": [0.9, 1.5]}, "optimisation.betas[1] must be less than or equal to 1"),
        ({"optimisation.scaling": "linear"}, "optimisation.scaling must be 'sqrt' or 'none'; got 'linear'"),
        ({"optimisation.accumulate": 5}, "optimisation.batch must be a multiple of optimisation.accumulate 5; got 32"),
        ({"optimisation.warmup_steps": 180}, "optimisation.warmup_steps must be less than optimisation.steps 180"),
        ({"optimisation.final_learning_rate": 1e-2}, "optimisation.final_learning_rate must not exceed"),
        ({"losses.dino": -1}, "losses.dino must be greater than or equal to 0; got -1"),
        ({"losses.dino": 0, "losses.ibot": 0, "losses.koleo": 0}, "all are 0"),
        ({"losses.targets": "centring"}, "losses.targets must be 'centering' or 'sinkhorn'"),
        ({"input.mean": -12.0}, "input.mean, with centre 'vignette', must be null"),
        ({"input.centre": "global"}, "input.mean, with centre 'global', must be a number"),
        ({"input.centre": "beam", "input.mean": [-6.5]}, "input.mean, with centre 'beam', must be one number per"),
        ({"input.mean": "low"}, "input.mean must be a valid number; got 'low'"),
        ({"input.size": 250}, "input.size must be a multiple of backbone.patch_size 16"),
        ({"crops.global_size": 272}, "crops.global_size must be a multiple of backbone.patch_size 16 and at most input.size 256; got 272"),
        ({"crops.local_size": 100}, "crops.local_size must be a multiple"),
        ({"curation.size": 1024}, "curation.size must be a multiple"),
        ({"curation.levels": [10, 10]}, "curation.levels must have fewer clusters at each level"),
        ({"curation.levels": []}, "curation.levels"),
        ({"curation.preference": -1.5}, "curation.preference must be greater than or equal to -1"),
        ({"masks.ratio": [0.5, 0.1]}, "masks.ratio must be the lower and then the higher"),
        ({"augmentation.looks": [400, 100]}, "augmentation.looks must be the lower"),
        ({"augmentation.looks": [1, 100]}, "augmentation.looks[0] must be greater than or equal to 10"),
        ({"name": "a/b"}, "name"),
        ({"seed": -1}, "seed must be greater than or equal to 0; got -1"),
        ({"crops": 3}, "crops must be"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_what_was_needed_and_found(change, words):
    assert words in refused(change)


def test_every_mistake_is_listed_and_nothing_else():
    message = refused({"losses.dino": -1, "watch.keeep": 3, "seed": "x"})
    assert len(message.splitlines()) == 4
    missing = load_config("two-cores").to_dict()
    del missing["head"], missing["crops"]["n_local"]
    with pytest.raises(TrainingError) as error:
        parse_config(missing)
    assert [line.strip() for line in str(error.value).splitlines()[1:]] == [
        "crops.n_local is missing.",
        "head is missing.",
    ]


@pytest.mark.parametrize("content", [b"steps = = 3", b"\xff\xfe\x00"])
def test_a_file_that_is_no_toml(tmp_path, content):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"bad\.toml is not a TOML file"):
        load_config(path)


@pytest.mark.parametrize("name", ["papr", "no/such.toml", "."])
def test_no_such_config(name):
    with pytest.raises(TrainingError, match="paper, one-gpu, two-cores"):
        load_config(name)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("seed = 0", "seed = 1" + "0" * 5000, "not a TOML file.*digits"),
        ("seed = 0", "seed = 0x1" + "0" * 5000, "thousands of digits"),
        ("seed = 0", "seed = " + "[" * 100_000, "not a TOML file.*recursion"),
        ("seed = 0", "seed = " + "[" * 300 + "]" * 300, "recursion limit"),
        ("seed = 0", "seed = 1" + "0" * 400, r"seed must be less than \d+; got 1"),
        ("steps = ", "steps = 1" + "0" * 400 + " # ", "steps must be less than"),
        ("prototypes = ", "prototypes = 1" + "0" * 400 + " # ", "prototypes must be"),
        (
            "cache_gib = ",
            "cache_gib = 1" + "0" * 400 + " # ",
            "cache_gib must be a fin",
        ),
        (
            "[backbone.kwargs]",
            '[backbone.kwargs]\ncheckpoint_path = "x"',
            "checkpoint_p",
        ),
        (
            "[backbone.kwargs]",
            "[backbone.kwargs]\ndepth = 1000000",
            r"\['depth'\] must",
        ),
        ("architecture = ", 'architecture = "hf-hub:a/b" # ', "architecture must be"),
    ],
)
def test_hostile_files_are_refused_in_one_short_message(
    tmp_path, before, after, message
):
    text = load_config("two-cores").to_toml()
    assert text.count(f"\n{before}") == 1
    path = tmp_path / "config.toml"
    path.write_text(text.replace(f"\n{before}", f"\n{after}"))
    with pytest.raises(TrainingError, match=f"config.toml(.|\n)*{message}") as caught:
        load_config(path)
    assert len(str(caught.value)) < 2000


def test_a_config_that_is_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "config.toml")
    with pytest.raises(TrainingError, match="named pipe"):
        load_config(tmp_path / "config.toml")
