# %% [markdown]
# # From an archive to a global map
#
# A year of results becomes a map of each season, and of what lies along a pass.
#
# There is no archive to download, so one is simulated: forty passes of twelve vignettes, with their true wave heights in
# place of retrieved ones. A simulated place says nothing about its sea, so **the map below shows how it is made,
# and not an ocean**: waves are as high at the equator as in the storm belts.

# %%
import tempfile

import xarray as xr

import xoceansar as xos

parts = [xos.simulate.vignettes(12, seed=s, shape=(48, 48)) for s in range(40)]
archive = xr.concat(
    [part.drop_dims(["line", "sample"], errors="ignore") for part in parts],
    "vignette",
    data_vars="minimal",
    coords="minimal",
    compat="override",
)
archive[["swh", "wind_speed", "ocean_class", "iceberg_count"]]

# %% [markdown]
# ## Store
#
# One Zarr store, with fixed encodings; plain `xr.open_zarr` reads it, lazily.

# %%
store = tempfile.mkdtemp() + "/results.zarr"
xos.to_zarr(archive[["swh", "wind_speed", "ocean_class"]], store)
ds = xr.open_zarr(store)
ds

# %% [markdown]
# ## Every vignette

# %%
figure = ds.oceansar.plot.map("swh", extent="global")

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
