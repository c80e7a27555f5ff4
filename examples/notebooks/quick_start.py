# %% [markdown]
# # Quick start
#
# From a Sentinel-1 Wave Mode product to wave height with its interval, a quick-look and a map.
#
# There is no data to download: a small product in the real format is simulated first. With a product of
# your own, set `product` to its path and leave the rest as it is.

# %%
import tempfile

import xoceansar as xos

product = xos.simulate.write_safe(tempfile.mkdtemp(), n=2, seed=1)
product.name

# %% [markdown]
# Opening reads the annotation and no pixel. The images lie along `vignette`, one every 100 km, each on a ground
# grid of exactly 50 m.

# %%
ds = xos.open_wave_mode(product)
ds.oceansar

# %% [markdown]
# ## Retrieve
#
# One pass over the pixels gives everything the model knows, here with the interval that holds the truth nine
# times in ten. The model was trained on simulated vignettes alone, and a warning says so: its numbers are
# **not yet measurements of the sea**.

# %%
result = ds.oceansar.retrieve(confidence=0.9).compute()
result[["swh", "swh_lower", "swh_upper", "wind_speed", "quality"]].to_dataframe()[
    ["swh", "swh_lower", "swh_upper", "wind_speed", "quality"]
]

# %% [markdown]
# Values carry CF attributes, and say which model made them.

# %%
result.swh.attrs

# %% [markdown]
# ## Look
#
# The images, seen from above: range to the right, azimuth upwards. The needle points north.

# %%
figure = result.assign(sigma0=ds.sigma0).oceansar.plot.vignettes()

# %%
figure = result.oceansar.plot.map("swh")

# %% [markdown]
# ## Keep
#
# The result of a whole archive fits in memory and in one store, which plain xarray reads.

# %%
store = tempfile.mkdtemp() + "/result.zarr"
xos.to_zarr(result, store)
