"""What Dask tasks call: networks on blocks of vignettes, loaded once in each process."""
