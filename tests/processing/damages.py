"""Ways in which archives are damaged, or edited by other programs, chosen by chance."""

import json
import shutil
import warnings

import numpy as np
import xarray as xr
import zarr


def one_of(rng, choices):
    return choices[int(rng.integers(len(choices)))]


def chunk_of(rng, path):
    return one_of(rng, sorted(f for f in path.rglob("c*/**/*") if f.is_file()))


def metadata_of(rng, path):
    """The root's as often as all others together."""
    return (
        path / "zarr.json"
        if rng.random() < 0.5
        else one_of(rng, sorted(path.rglob("zarr.json")))
    )


# Chunks


def cut_chunk(rng, path):
    file = chunk_of(rng, path)
    content = file.read_bytes()
    file.write_bytes(content[: int(rng.integers(len(content)))])


def flip_chunk(rng, path):
    file = chunk_of(rng, path)
    content = bytearray(file.read_bytes())
    content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
    file.write_bytes(content)


def lose_chunk(rng, path):
    chunk_of(rng, path).unlink()


def folder_for_chunk(rng, path):
    file = chunk_of(rng, path)
    file.unlink()
    file.mkdir()


# Metadata


def cut_metadata(rng, path):
    file = metadata_of(rng, path)
    content = file.read_bytes()
    file.write_bytes(content[: int(rng.integers(len(content)))])


def odd_metadata(rng, path):
    odd = [b"null", b"[]", b"{}", b'"x"', b"3", b"\x00\xff" * 40, b"[" * 100_000, b"NaN",
           b'{"zarr_format": 3, "node_type": "group"}',
           b'{"zarr_format": 3, "node_type": "array"}']  # fmt: skip
    metadata_of(rng, path).write_bytes(one_of(rng, odd))


def lose_metadata(rng, path):
    metadata_of(rng, path).unlink()


def edit_metadata(rng, path):
    """Change one entry of a metadata file, at any depth."""
    file = metadata_of(rng, path)
    content = json.loads(file.read_text())
    places = []

    def walk(node):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in list(items):
            places.append((node, key))
            if isinstance(value, dict | list):
                walk(value)

    walk(content)
    node, key = one_of(rng, places)
    value = one_of(rng, [None, 2, -1, "x", [], {}, 10**12, 1.5, True, "remove"])
    if value == "remove":
        del node[key]
    else:
        node[key] = value
    file.write_text(json.dumps(content))


def other_format(rng, path):
    file = metadata_of(rng, path)
    content = json.loads(file.read_text())
    content["zarr_format"] = one_of(rng, [2, 4, "3", None])
    file.write_text(json.dumps(content))


def drop_consolidated(rng, path):
    file = path / "zarr.json"
    content = json.loads(file.read_text())
    consolidated = content["consolidated_metadata"]
    choice = int(rng.integers(4))
    if choice == 0:
        del content["consolidated_metadata"]
    elif choice == 1:
        content["consolidated_metadata"] = None
    elif choice == 2:
        consolidated["metadata"] = {}
    else:
        del consolidated["metadata"][one_of(rng, sorted(consolidated["metadata"]))]
    file.write_text(json.dumps(content))


# Other programs


def add_attribute(rng, path):
    consolidated = bool(rng.integers(2))
    group = zarr.open_group(path, mode="r+", use_consolidated=consolidated)
    node = (
        group if rng.random() < 0.5 else group[one_of(rng, ["swh", "quality", "units"])]
    )
    node.attrs["note"] = "mine"


def add_variable(rng, path):
    rows = (
        int(rng.integers(1, 9))
        if rng.random() < 0.3
        else zarr.open_array(path / "swh").shape[0]
    )
    if rng.random() < 0.5:
        group = zarr.open_group(path, mode="r+", use_consolidated=False)
        dims = one_of(rng, [("vignette",), ("mine",)])
        group.create_array("note", data=np.arange(rows), dimension_names=dims)
    else:
        ds = xr.Dataset({"note": (one_of(rng, ["vignette", "mine"]), np.arange(rows))})
        ds.to_zarr(path, mode="a", consolidated=one_of(rng, [None, True, False]))


def add_rows(rng, path):
    ds = xr.open_zarr(path, chunks=None).load().isel(vignette=slice(2)).drop_encoding()
    text = [n for n in ds.variables if ds[n].dtype.kind in "OUT"]
    ds = ds.drop_vars([n for n, v in ds.variables.items() if "vignette" not in v.dims])
    ds = ds.assign_coords({n: ds[n].astype(object) for n in text if n in ds})
    ds.to_zarr(
        path, append_dim="vignette", consolidated=one_of(rng, [None, True, False])
    )


def resize(rng, path):
    name = one_of(rng, ["swh", "quality", "vignette_id", "units/row_count"])
    array = zarr.open_group(path, mode="r+")[name]
    array.resize((int(rng.integers(0, 12)), *array.shape[1:]))


def lose_array(rng, path):
    name = one_of(
        rng, ["swh", "quality", "vignette_id", "units/row_count", "units", "time"]
    )
    shutil.rmtree(path / name)


def link_array(rng, path):
    name = one_of(rng, ["swh", "quality/c", "units", "units/product", "swh/zarr.json"])
    elsewhere = path.with_name(f"{path.name}-elsewhere")
    shutil.move(path / name, elsewhere)
    (path / name).symlink_to(elsewhere)


DAMAGES = (
    cut_chunk, flip_chunk, lose_chunk, folder_for_chunk, cut_metadata, odd_metadata,
    lose_metadata, edit_metadata, edit_metadata, other_format, drop_consolidated,
    add_attribute, add_variable, add_rows, resize, lose_array, link_array,
)  # fmt: skip


def damage(rng, path):
    """Damage an archive in one way, and say in which."""
    way = one_of(rng, DAMAGES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        way(rng, path)
    return way.__name__
