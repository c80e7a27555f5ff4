"""Sentinel-1 Wave Mode products in the EOPF Zarr format."""
