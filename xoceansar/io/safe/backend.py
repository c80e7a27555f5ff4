"""Let ``xarray.open_dataset(path, engine="oceansar")`` open Wave Mode products."""

import os
from collections.abc import Iterable
from typing import Any

import xarray as xr
from xarray.backends import BackendEntrypoint

from xoceansar.conventions.beams import Beams
from xoceansar.io.eopf.eopf_stems import eopf_kind
from xoceansar.io.eopf.slc_listing import is_eopf_name
from xoceansar.io.remote import StorageOptions
from xoceansar.io.safe.product_names import parse_product
from xoceansar.io.safe.wave_mode import Chunks, Selection, open_wave_mode

__all__ = ["OceansarBackendEntrypoint"]


class OceansarBackendEntrypoint(BackendEntrypoint):
    """Backend of xarray for Sentinel-1 Wave Mode SLC products.

    Examples
    --------
    >>> import xarray as xr
    >>> ds = xr.open_dataset(path, engine="oceansar", chunks={})  # doctest: +SKIP
    """

    description = "Sentinel-1 Wave Mode SLC products, calibrated"
    open_dataset_parameters = (
        "filename_or_obj",
        "drop_variables",
        "reader",
        "spacing",
        "shape",
        "vignettes",
        "beam",
        "vignette_chunks",
        "on_error",
        "uncalibrated",
        "complex",
        "verify",
        "storage_options",
        "root",
    )

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        reader: Any = "direct",
        spacing: float = 50.0,
        shape: tuple[int, int] = (384, 384),
        vignettes: Selection | None = None,
        beam: Beams | None = None,
        vignette_chunks: Chunks = 8,
        on_error: Any = "flag",
        uncalibrated: bool = False,
        complex: bool = False,
        verify: bool = True,
        storage_options: StorageOptions | None = None,
        root: str | os.PathLike[str] | None = None,
    ) -> xr.Dataset:
        """Open a product; every argument as for `xoceansar.open_wave_mode`.

        Parameters
        ----------
        filename_or_obj : str or path-like
            A ``.SAFE`` folder, its manifest or a zip archive of it; or a product in the EOPF format.
        drop_variables : str or iterable of str, optional
            Variables to leave out.
        reader : {"direct", "xsar"}, optional
            Who calibrates.
        spacing : float, optional
            Metres between pixels.
        shape : tuple of int, optional
            Number of pixels in azimuth and in range.
        vignettes : int, slice, str, iterable of int or str, or mask, optional
            Which vignettes; all by default.
        beam : str or iterable of str, optional
            Keep one beam.
        vignette_chunks : int or mapping, optional
            The `chunks` of `xoceansar.open_wave_mode`; xarray keeps that name for its own.
        on_error : {"flag", "raise"}, optional
            What to do with a vignette that cannot be read.
        uncalibrated : bool, optional
            Whether to keep a vignette whose calibration or noise file is missing.
        complex : bool, optional
            Whether to give the complex image too.
        verify : bool, optional
            Whether the pixels are held to their checksums.
        storage_options : mapping, optional
            For URLs: keyword arguments of the fsspec file system.
        root : str or path-like, optional
            For what a catalogue lists: a folder in which files are looked for first.

        Returns
        -------
        Dataset
            As `xoceansar.open_wave_mode` returns it. As for every engine, give
            ``chunks={}`` to `xarray.open_dataset` to keep the Dask arrays; without it the
            variables are read on first use.

        Examples
        --------
        >>> import xarray as xr
        >>> ds = xr.open_dataset(path, engine="oceansar", beam="wv1")  # doctest: +SKIP
        """
        ds = open_wave_mode(
            filename_or_obj,
            reader=reader,
            spacing=spacing,
            shape=shape,
            vignettes=vignettes,
            beam=beam,
            chunks=vignette_chunks,
            on_error=on_error,
            uncalibrated=uncalibrated,
            complex=complex,
            verify=verify,
            storage_options=storage_options,
            root=root,
        )
        # What chunks={} keeps; without it xarray would join all vignettes in one chunk.
        for variable in ds.data_vars.values():
            variable.encoding["preferred_chunks"] = dict(variable.chunksizes)
        dropped = (
            [drop_variables] if isinstance(drop_variables, str) else drop_variables
        )
        return ds.drop_vars(list(dropped or []), errors="ignore")

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Say whether a path is named as a Wave Mode SLC product is.

        Parameters
        ----------
        filename_or_obj : Any
            What was given to ``xarray.open_dataset``.

        Returns
        -------
        bool
            True for a folder, archive or manifest of ``S1x_WV_SLC__...``, and for ``S01SWVSLC_....zarr``.

        Examples
        --------
        >>> backend = OceansarBackendEntrypoint()
        >>> name = "S1A_WV_SLC__1SSV_20210403T083025_20210403T084453_037285_046494_5C25.SAFE"
        >>> backend.guess_can_open(name), backend.guess_can_open("swh.nc")
        (True, False)
        """
        if not isinstance(filename_or_obj, str | os.PathLike):
            return False
        path = os.fspath(filename_or_obj).rstrip("/")
        if os.path.basename(path).lower() == "manifest.safe":
            path = os.path.dirname(path)
        if is_eopf_name(path):
            return eopf_kind(os.path.basename(path)) == "SLC"
        name = parse_product(os.path.basename(path))
        return name is not None and (name.mode, name.kind) == ("WV", "SLC")
