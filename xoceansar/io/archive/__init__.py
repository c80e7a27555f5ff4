"""Archives as Zarr stores."""
