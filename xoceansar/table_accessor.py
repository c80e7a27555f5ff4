"""Accessor methods that turn results into tables, and write them for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from pandas import DataFrame

__all__ = ["TableMethods"]


class TableMethods:
    """Results along ``vignette``, and icebergs, as rows."""

    _obj: xr.Dataset

    def to_table(self) -> "DataFrame":
        """Turn results along ``vignette``, or icebergs, into a flat table.

        Returns
        -------
        DataFrame
            One row for each vignette or iceberg; units and where they come from in ``attrs``. Loads
            the values; see `xoceansar.io.to_table`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
        >>> table = sea.oceansar.to_table()
        >>> table.beam.tolist(), table.attrs["units"]["swh"]
        (['wv1', 'wv2'], 'm')
        """
        from xoceansar.io.export.tables import to_table

        return to_table(self._obj)

    def to_csv(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write results along ``vignette``, or icebergs, as comma-separated values.

        Parameters
        ----------
        path : str or Path
            File to write, ``.csv``.
        overwrite : bool, default False
            Replace a file that exists.

        Returns
        -------
        Path
            `path`; see `xoceansar.io.to_csv`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
        >>> header, *rows = sea.oceansar.to_csv("sea.csv").read_text().splitlines()
        >>> "swh [m]" in header, len(rows)
        (True, 2)
        """
        from xoceansar.io.export.tabular_files import to_csv

        return to_csv(self._obj, path, overwrite=overwrite)

    def to_geodataframe(self) -> "GeoDataFrame":
        """Turn icebergs, or results along ``vignette``, into a table of points.

        Returns
        -------
        GeoDataFrame
            One row for each iceberg or vignette, WGS 84. Loads the values; see
            `xoceansar.io.to_geodataframe`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
        >>> points = sea.oceansar.to_geodataframe()
        >>> len(points), points.crs.to_epsg()
        (2, 4326)
        """
        from xoceansar.io.export.geodataframe import to_geodataframe

        return to_geodataframe(self._obj)

    def to_geoparquet(
        self, path: str | Path, *, embedding: bool = True, overwrite: bool = False
    ) -> Path:
        """Write results as a table of points, with their embeddings.

        Parameters
        ----------
        path : str or Path
            File to write, ``.parquet``.
        embedding : bool, default True
            Add the embeddings as a column of lists.
        overwrite : bool, default False
            Replace a file that exists.

        Returns
        -------
        Path
            `path`; see `xoceansar.io.to_geoparquet`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
        >>> import geopandas
        >>> geopandas.read_parquet(
        ...     sea.oceansar.to_geoparquet("sea.parquet")
        ... ).beam.tolist()
        ['wv1', 'wv2']
        """
        from xoceansar.io.export.tabular_files import to_geoparquet

        return to_geoparquet(self._obj, path, embedding=embedding, overwrite=overwrite)

    def to_geojson(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write icebergs as points, or vignettes as footprints, in GeoJSON.

        Parameters
        ----------
        path : str or Path
            File to write, ``.geojson``.
        overwrite : bool, default False
            Replace a file that exists.

        Returns
        -------
        Path
            `path`; see `xoceansar.io.to_geojson`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
        >>> import geopandas
        >>> outlines = geopandas.read_file(sea.oceansar.to_geojson("sea.geojson"))
        >>> outlines.beam.tolist(), sorted(set(outlines.geom_type))
        (['wv1', 'wv2'], ['Polygon'])
        """
        from xoceansar.io.export.tabular_files import to_geojson

        return to_geojson(self._obj, path, overwrite=overwrite)
