import pickle
from dataclasses import replace

import pytest
from dask.base import tokenize

from xoceansar.errors import BundleError
from xoceansar.models import BackboneSpec, HeadSpec, InputSpec, ModelHandle

SHA = "a" * 64
SWH = HeadSpec(
    name="waves",
    kind="linear",
    target="swh",
    units="m",
    pooling="cls",
    backbone_sha256=SHA,
    ancillary=("sigma0_mean_db", "incidence"),
    lower_bound=0.0,
)
CLASSES = HeadSpec(
    name="ocean_class",
    kind="logistic",
    target="ocean_class",
    units="1",
    classes=("pure_ocean_waves", "sea_ice"),
    pooling="cls",
    backbone_sha256=SHA,
)
HANDLE = ModelHandle(
    name="vit-s16",
    path="/somewhere/vit-s16",
    backbone=BackboneSpec(
        architecture="vit_small_patch16_224",
        embedding_dim=384,
        pooling="cls",
        kwargs={"init_values": 1e-5},
        sha256=SHA,
    ),
    input=InputSpec(scale="dB", size=256),
    heads=(SWH, CLASSES),
)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scale": "db"}, "input.scale"),
        ({"centre": "mean"}, "input.centre"),
        ({"size": 0}, "input.size"),
        ({"spacing": -50.0}, "input.spacing"),
        ({"floor": 0.0}, "input.floor"),
        ({"relative_floor": 0.0}, "input.relative_floor"),
        ({"relative_floor": 1.0}, "input.relative_floor"),
        ({"std": 0.0}, "input.std"),
        ({"std": (1.0, 2.0, 3.0)}, "input.std"),
        ({"std": (1.0, 0.0)}, "input.std"),
        ({"mean": None}, "input.mean"),
        ({"mean": (1.0, 2.0)}, "input.mean"),
        ({"centre": "beam"}, "input.mean"),
        ({"centre": "beam", "mean": (1.0,)}, "input.mean"),
        ({"centre": "vignette"}, "input.mean"),
    ],
)
def test_input_refuses_what_makes_no_sense_and_names_the_field(change, field):
    with pytest.raises(BundleError, match=field):
        InputSpec(**{"scale": "dB", "size": 256, **change})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"pooling": "avg"}, "backbone.pooling"),
        ({"embedding_dim": 0}, "backbone.embedding_dim"),
        ({"pooling": "cls+mean+std", "embedding_dim": 100}, "multiple of 3"),
        ({"patch_size": 0}, "backbone.patch_size"),
        ({"kwargs": {"img_size": 256}}, "img_size"),
        ({"architecture": ""}, "backbone.architecture"),
    ],
)
def test_backbone_refuses_what_makes_no_sense(change, field):
    with pytest.raises(BundleError, match=field):
        replace(HANDLE.backbone, **change)


AXIS = replace(
    SWH,
    name="wind_to_direction",
    target="wind_to_direction",
    units="degree",
    lower_bound=None,
    encoding="axis",
    ancillary=("gmf_wind", "texture_cos2"),
)


def test_an_axis_has_two_outputs_and_says_what_its_inputs_are_made_from():
    assert (SWH.n_outputs, AXIS.n_outputs, CLASSES.n_outputs) == (
        1,
        2,
        len(CLASSES.classes),
    )
    needed = [s for s in ("sigma0_mean", "incidence", "texture") if AXIS.needs(s)]
    assert needed == ["sigma0_mean", "incidence", "texture"]
    assert not SWH.needs("texture")


@pytest.mark.parametrize(
    ("head", "change", "field"),
    [
        (SWH, {"name": "wave height"}, "name"),
        (SWH, {"kind": "forest"}, "kind"),
        (SWH, {"target": ""}, "target"),
        (SWH, {"ancillary": ("incidence", "sigma0_mean_db")}, "ancillary"),
        (SWH, {"classes": ("a", "b")}, "kind"),
        (SWH, {"target": "ocean_class"}, "target"),
        (CLASSES, {"target": "swh"}, "target"),
        (CLASSES, {"kind": "linear"}, "kind"),
        (CLASSES, {"classes": ("sea_ice",)}, "classes"),
        (CLASSES, {"classes": ()}, "classes"),
        (CLASSES, {"lower_bound": 0.0}, "lower_bound"),
        (AXIS, {"encoding": "vector"}, "encoding"),
        (AXIS, {"target": "wind_speed"}, "target"),
        (AXIS, {"units": "radian"}, "units"),
        (AXIS, {"kind": "logistic", "classes": ("a", "b")}, "kind"),
        (AXIS, {"lower_bound": 0.0}, "lower_bound"),
        (AXIS, {"ancillary": ("gmf_wind", "incidence")}, "ancillary"),
    ],
)
def test_head_refuses_what_makes_no_sense(head, change, field):
    with pytest.raises(BundleError, match=rf"heads\[.*\]\.{field}"):
        replace(head, **change)


def test_handle_refuses_two_heads_of_one_name_and_unknown_devices():
    with pytest.raises(BundleError, match="waves"):
        replace(HANDLE, heads=(SWH, SWH))
    with pytest.raises(BundleError, match="device"):
        replace(HANDLE, device="gpu")
    with pytest.raises(BundleError, match="precision"):
        replace(HANDLE, precision="fp16")


def test_no_head_has_the_name_of_what_another_gives():
    """A head is found by its name first: the wave height would be that of another target."""
    crossed = replace(SWH, name="ocean_class"), replace(CLASSES, name="swh")
    with pytest.raises(
        BundleError, match=r"heads must be not named.*'ocean_class': 'swh'"
    ):
        replace(HANDLE, heads=crossed)
    with pytest.raises(BundleError, match=r"\{'swh': 'wind_speed'\}"):
        replace(HANDLE, heads=(SWH, replace(SWH, name="swh", target="wind_speed")))


def test_handle_is_small_hashable_and_survives_pickling():
    content = pickle.dumps(HANDLE)
    again = pickle.loads(content)
    assert again == HANDLE
    assert hash(again) == hash(HANDLE)
    assert {HANDLE: 1}[again] == 1
    assert len(content) < 1500


def test_token_is_of_the_results_and_not_of_the_place():
    same = tokenize(HANDLE)
    assert tokenize(pickle.loads(pickle.dumps(HANDLE))) == same
    assert tokenize(replace(HANDLE, path="/elsewhere")) == same
    others = [
        replace(HANDLE, backbone=replace(HANDLE.backbone, sha256="b" * 64)),
        replace(HANDLE, backbone=replace(HANDLE.backbone, kwargs={})),
        replace(HANDLE, input=replace(HANDLE.input, mean=1.0)),
        replace(HANDLE, heads=(replace(SWH, sha256="c" * 64),)),
        replace(HANDLE, precision="bf16"),
    ]
    assert same not in {tokenize(other) for other in others}
    assert len({tokenize(other) for other in others}) == len(others)


def test_heads_are_found_by_name_then_by_target():
    assert HANDLE.head("waves") is SWH
    assert HANDLE.head("swh") is SWH
    second = replace(SWH, name="swh")
    assert replace(HANDLE, heads=(SWH, second)).head("swh") is second
    with pytest.raises(BundleError, match=r"no head for 'wind_speed'.*swh"):
        HANDLE.head("wind_speed")


def test_repr_says_what_the_model_is():
    text = repr(replace(HANDLE, simulated=True))
    for part in (
        "vit-s16",
        "256 x 256 px at 50 m",
        "swh [m]",
        "2 classes",
        "simulated",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("size", "patch", "tokens"), [(256, 16, 256), (384, 16, 576), (256, None, 256)]
)
def test_tokens_are_counted_per_patch(size, patch, tokens):
    assert replace(HANDLE.backbone, patch_size=patch).tokens(size) == tokens


def test_needs_incidence_where_constants_or_the_gmf_depend_on_it():
    assert not HANDLE.input.needs_incidence
    assert replace(HANDLE.input, scale="roughness").needs_incidence
    assert replace(HANDLE.input, centre="beam", mean=(-7.0, -15.0)).needs_incidence
    assert replace(HANDLE.input, std=(1.0, 2.0)).needs_incidence


def test_heads_are_found_by_name_and_by_position(tiny_model):
    names = [head.name for head in tiny_model.heads]
    assert [tiny_model.heads[name] for name in names] == list(tiny_model.heads)
    assert tiny_model.heads[0] is tiny_model.heads[names[0]]
    again = pickle.loads(pickle.dumps(tiny_model))
    assert again == tiny_model
    assert again.heads[names[-1]] == tiny_model.heads[-1]
    with pytest.raises(BundleError, match=f"no 'tides' in this model.*{names[0]}"):
        tiny_model.heads["tides"]
