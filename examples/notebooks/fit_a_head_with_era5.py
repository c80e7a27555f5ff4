# %% [markdown]
# # Fit your own head with ERA5
#
# A model is a frozen network and light heads on its embedding. With wave heights from elsewhere, here in the
# layout of ERA5, a head of your own takes seconds and no GPU.
#
# Vignettes and "ERA5" are both simulated, so that this runs anywhere. With real ones, replace the next two cells by
# `xos.open_wave_mode(...)` and `xr.open_dataset("era5.nc")`.

# %%
import tempfile

import numpy as np
import xarray as xr

import xoceansar as xos
from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.train import fit

PASSES, EACH = 24, 6
parts = [xos.simulate.vignettes(EACH, seed=seed) for seed in range(PASSES)]
ds = xr.concat(parts, "vignette", data_vars="minimal", coords="minimal")
ds.oceansar

# %% [markdown]
# ERA5's waves come on a grid of half a degree, hourly, longitudes from 0 to 360. Each made-up field below holds the
# wave height of the nearest vignette, with an error of 0.3 m, at the hours of one pass, and none under ice.

# %%
rng = np.random.default_rng(0)
truth = ds.swh + rng.normal(0, 0.3, ds.sizes["vignette"])
truth = truth.where(ds.ocean_class != OCEAN_CLASSES.index("sea_ice"))


def field(rows):
    """Wave heights around one pass, in the layout of ERA5."""
    one = truth.isel(vignette=rows)
    lat = np.arange(
        np.ceil(float(one.latitude.max())) + 1, float(one.latitude.min()) - 2, -0.5
    )
    lon = np.arange(0, 360, 0.5)
    hours = np.unique(one.time.dt.round("h").values)
    height = np.full((len(hours), lat.size, lon.size), np.nan, "float32")
    for value, x, y in zip(one.values, one.longitude.values, one.latitude.values):
        near = abs(lat - y)[:, None] < 1, abs((lon - x + 180) % 360 - 180)[None] < 1
        height[:, near[0] & near[1]] = value
    return xr.Dataset(
        {"swh": (("valid_time", "latitude", "longitude"), height, {"units": "m"})},
        {"valid_time": hours, "latitude": lat, "longitude": lon},
    )


# %% [markdown]
# ## Collocate
#
# Each vignette is matched with the field within 50 km and 30 minutes; land and ice, where ERA5 has no waves, are
# told from what is too far. The real ERA5 is one Dataset, and then this is one line:
# `ds.oceansar.collocate(era5, variables="swh")`.

# %%
matched = xr.concat(
    [
        ds.isel(vignette=slice(i, i + EACH)).oceansar.collocate(
            field(slice(i, i + EACH)), variables="swh"
        )
        for i in range(0, ds.sizes["vignette"], EACH)
    ],
    "vignette",
)
good = matched.swh.where(matched.collocation_flag <= 1)
print(f"{int(good.notnull().sum())} of {good.size} matched")

# %% [markdown]
# ## Fit
#
# Images are embedded once. Passes are kept whole: those that score the head had no part in the fit.

# %%
embedding = ds.oceansar.embed().compute()
result = fit(embedding, good, head="linear")  # the truth is matched by vignette_id
result

# %% [markdown]
# The head has learned something where its error (`rmse`) is below that of always giving the mean (`rmse_of_mean`).
# **Vignettes, truth and so the scores are simulated**: 144 show how it works and not how good it can be on the real sea.
# Thousands are a day of Sentinel-1.

# %%
result.validation.plot.scatter(x="truth", y="predicted")

# %% [markdown]
# ## Use
#
# The head goes into a bundle of its own, which every method takes as `model=`.

# %%
model = result.write(tempfile.mkdtemp() + "/my-model")
new = xos.simulate.vignettes(3, seed=99)
new.oceansar.swh(model=model).compute()
