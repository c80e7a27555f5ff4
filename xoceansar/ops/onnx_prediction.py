"""Features of vignettes through a network that others published."""

from collections.abc import Hashable
from typing import Any, cast

import numpy as np
import xarray as xr

from xoceansar.conventions import VARIABLES, annotate, product_attrs
from xoceansar.conventions.attributes import attribute_text
from xoceansar.errors import DimensionError, MissingVariableError, UnitsError
from xoceansar.layout.images import in_one_chunk
from xoceansar.models.inference.onnx_session import onnx_block
from xoceansar.models.spec.onnx_spec import NamedArray, OnnxNetwork


def predict(ds: xr.Dataset, network: OnnxNetwork) -> xr.Dataset:
    """Apply a network of an ONNX file to the features of each vignette.

    Parameters
    ----------
    ds : Dataset
        With the variables that the network takes, along ``vignette`` or whatever dims the vignettes have.
    network : OnnxNetwork
        From `xoceansar.open_onnx`.

    Returns
    -------
    Dataset
        The variables that the network gives, named as it was opened, and, where a domain was stated,
        ``inputs_out_of_range`` (...): how many of its inputs are beyond it. NaN for a vignette of
        which an input is missing, and where the network gives no finite number.

    Raises
    ------
    MissingVariableError
        If a feature is absent.
    DimensionError
        If a feature has other dims, or the network another number of inputs.
    UnitsError
        If a feature is no real number, or not in the units that were stated.
    BundleError, WeightsMismatchError
        While computing, if the network fails, or its file was changed.

    Notes
    -----
    Lazy: with Dask input nothing is computed; chunks along the vignettes stay. What a network was trained on
    and how good it is stays its authors' word.

    Examples
    --------
    >>> import xoceansar as xos
    >>> network = xos.open_onnx(  # doctest: +SKIP
    ...     "hs.onnx", inputs=["cwave[cwave_parameter]"], outputs={"pred": "swh"}
    ... )
    >>> sea = xos.simulate.vignettes(4, seed=1)
    >>> sea.oceansar.cwave().oceansar.predict(network)  # doctest: +SKIP
    """
    arrays = [_feature(ds, feature, network) for feature in network.features]
    own = [list(feature.dims) for feature in network.features]
    shapes = tuple(
        tuple(array.sizes[dim] for dim in dims)
        for array, dims in zip(arrays, own, strict=True)
    )
    _check_shapes(shapes, network)
    variables = [v for _, _, given in network.outputs for v in given]
    sizes: dict[Hashable, int] = {}
    for _, shape, given in network.outputs:
        sizes |= dict(zip(given[0].dims, shape, strict=False))
    *values, outside = xr.apply_ufunc(
        onnx_block,
        *(in_one_chunk(array, dims) for array, dims in zip(arrays, own, strict=True)),
        kwargs={"network": network, "shapes": shapes},
        input_core_dims=own,
        output_core_dims=[*(list(v.dims) for v in variables), []],
        dask="parallelized",
        output_dtypes=[*(np.float32 for _ in variables), np.int16],
        dask_gufunc_kwargs={"output_sizes": sizes},
    )
    units = dict(network.units)
    about = {"network": network.name, "network_sha256": network.sha256}
    named = {
        v.name: _labelled(array, v.name, units, about)
        for v, array in zip(variables, values, strict=True)
    }
    if network.domain:
        named["inputs_out_of_range"] = annotate(outside, "inputs_out_of_range", **about)
        for variable in variables:
            named[variable.name].attrs["ancillary_variables"] = "inputs_out_of_range"
    attrs = product_attrs(f"predict by {network.name}", previous=ds.attrs, **about)
    return xr.Dataset(named, attrs=attrs)


def _labelled(
    array: xr.DataArray, name: str, units: dict[str, str], about: dict[str, str]
) -> xr.DataArray:
    if name in VARIABLES and units.get(name, VARIABLES[name].get("units")) == VARIABLES[
        name
    ].get("units"):
        return annotate(array, name, **about)
    return array.rename(name).assign_attrs({"units": units[name], **about})


def _feature(ds: xr.Dataset, feature: NamedArray, network: OnnxNetwork) -> xr.DataArray:
    """Find a feature and hold it to what was stated of it."""
    if feature.name not in ds.variables:
        absent = [str(f) for f in network.features if f.name not in ds.variables]
        raise MissingVariableError(
            f"{network.name} takes {[str(f) for f in network.features]}; absent: {absent}. The Dataset has "
            f"{sorted(map(str, ds.data_vars))[:20]}. Compute them (ds.oceansar.cwave(), .cutoff(), "
            f".image_statistics()), or rename what there is: ds.rename(name={feature.name!r})."
        )
    array: Any = ds[feature.name]
    absent_dims = [dim for dim in feature.dims if dim not in array.dims]
    if absent_dims:
        raise DimensionError(
            f"{network.name} takes {feature!s}; the variable has the dims {array.dims}, without "
            f"{absent_dims}. Rename them, or name its own dims in inputs=."
        )
    wanted = dict(network.units).get(feature.name)
    found = attribute_text(array.attrs, "units")
    if wanted is not None and found != wanted:
        raise UnitsError(
            f"{network.name} takes {feature.name!r} in {wanted!r}; its units are "
            f"{'not given' if found is None else repr(found)}. Convert it, and say so: "
            f"ds[{feature.name!r}].attrs['units'] = {wanted!r}."
        )
    if array.dtype.kind not in "fiu":
        raise UnitsError(
            f"{network.name} takes {feature.name!r} as real numbers; it is {array.dtype}."
        )
    return cast("xr.DataArray", array)


def _check_shapes(shapes: tuple[tuple[int, ...], ...], network: OnnxNetwork) -> None:
    """Refuse features that do not fill the inputs of the graph."""
    at = 0
    for name, shape, features in network.inputs:
        own = shapes[at : at + len(features)]
        at += len(features)
        counts = [int(np.prod(s, dtype=int)) for s in own]
        got = own[0] if len(shape) > 1 else (sum(counts),)
        stated = [len(low) for key, low, _ in network.domain if key == "*"]
        for needed, what in (
            (shape, f"input {name!r} of {network.name}"),
            (tuple(stated), "the scaler"),
        ):
            if needed and any(
                n not in (None, k) for n, k in zip(needed, got, strict=True)
            ):
                listed = {str(f): n for f, n in zip(features, counts, strict=True)}
                raise DimensionError(
                    f"{what} takes the shape {needed} for each vignette; the features give {got}: "
                    f"{listed}. Name the dims of a variable that has several numbers, as "
                    "'cwave[cwave_parameter]', or open the network with other inputs."
                )
