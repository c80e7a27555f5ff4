# %% [markdown]
# # From an archive to a global map
#
# Products become one store of results, and a year of results a map of each season.
#
# There is no archive to download, so everything is simulated: **the maps below show how they are made, and not an
# ocean**.

# %%
import tempfile
from pathlib import Path

import xarray as xr

import xoceansar as xos

folder = Path(tempfile.mkdtemp())
for day in (3, 4):
    xos.simulate.write_safe(
        folder / "products",
        n=2,
        seed=day,
        scale=0.7,
        start=f"2021-04-{day:02d}T08:30:25",
        orbit=26300 + 15 * day,
        datatake=205000 + day,
    )

# %% [markdown]
# ## From products to a store
#
# `process` opens each product, runs the network once over its vignettes and appends the results to one Zarr store. Stopped anywhere, the
# same line goes on; run again, it adds what is new. Here in this process; without `scheduler`, on all processors, and with a
# `distributed.Client` on a cluster.

# %%
report = xos.process(
    folder / "products",
    folder / "results.zarr",
    outputs=["swh", "wind", "class"],
    scheduler="synchronous",
)
report

# %%
xr.open_zarr(folder / "results.zarr")

# %% [markdown]
# ## A year of it
#
# Two products make no map. Forty passes of twelve simulated vignettes, with their true wave heights in place of
# retrieved ones, stand for the rest: waves are as high at the equator as in the storm belts.

# %%
parts = [xos.simulate.vignettes(12, seed=s, shape=(48, 48)) for s in range(40)]
year = xr.concat(
    [part.drop_dims(["line", "sample"], errors="ignore") for part in parts],
    "vignette",
    data_vars="minimal",
    coords="minimal",
    compat="override",
)
xos.to_zarr(year[["swh", "wind_speed", "ocean_class"]], folder / "year.zarr")
ds = xr.open_zarr(folder / "year.zarr")
ds

# %% [markdown]
# ## Every vignette

# %%
figure = ds.oceansar.plot.map("swh", region="global")

# %% [markdown]
# ## Cells and seasons
#
# `grid` gathers vignettes in cells of longitude and latitude. It stays lazy, and counts what each mean is of: with few
# passes in a cell the mean is that of those passes, however many vignettes they have.

# %%
cells = ds.oceansar.grid("swh", cell=10, by="season").compute()
cells.observation_count.sum(["latitude", "longitude"])

# %%
figure = cells.oceansar.plot.seasons("swh")

# %% [markdown]
# The same in one line is `ds.oceansar.plot.seasons("swh", cell=10)`. Directions are averaged as vectors, medians
# and standard deviations are there too, and `class_occurrence` does it for classes.

# %%
figure = ds.oceansar.plot.class_occurrence(
    ["pure_ocean_waves", "wind_streaks"], cell=20
)

# %% [markdown]
# ## Along a pass
#
# The two beams look at water 200 km apart, so they are told apart.

# %%
one = ds.isel(vignette=(ds["product"] == ds["product"][0]).compute())
figure = one.oceansar.plot.track("swh")
