# %% [markdown]
# # From a wide swath to fields of wind
#
# What xsar opens (Sentinel-1 IW, EW and SM, RADARSAT-2, RCM) is cut into vignettes of the wave mode's layout, and the
# results go back to the swath.
#
# The swath below is simulated, so that this runs anywhere: 80 x 120 km at 50 m, a wind that blows at 45 degrees from the
# look direction and grows from 5 m/s in the south to 13 in the north. With a real one, replace the next cell by
# `ds = xsar.Sentinel1Dataset("S1A_IW_GRDH_....SAFE", chunks={"line": 2048, "sample": 2048}).datatree`.

# %%
import tempfile

import numpy as np
import xarray as xr

from xoceansar.sar import cmod5n, offset_position

lines, samples, step, heading = 1600, 2400, 50.0, -12.0
along, across = np.meshgrid(np.arange(lines), np.arange(samples), indexing="ij")
incidence = 31 + 12 * across / samples
wind = 5 + 8 * along / lines

rng = np.random.default_rng(0)
speckle = rng.gamma(10, 1 / 10, (lines, samples))
longitude, latitude = offset_position(
    -9.0, 44.5, heading, (along - lines / 2) * step, (across - samples / 2) * step
)
image = ("line", "sample")
ds = xr.Dataset(
    {"sigma0": (image, cmod5n(wind, 45.0, incidence) * speckle, {"units": "1"})},
    coords={
        "incidence": (image, incidence),
        "longitude": (image, longitude),
        "latitude": (image, latitude),
        "pixel_spacing": step,
        "polarisation": "VV",
    },
    attrs={"swath": "IW", "simulated": 1},
)
ds["sigma0"] = ds.sigma0.chunk(line=400, sample=800)  # positions stay in memory
ds

# %% [markdown]
# ## Tiles
#
# Every tile is a vignette of 19.2 km on the same exact ground grid as in the wave mode. Nothing is computed yet.

# %%
tiles = ds.oceansar.vignettes(overlap=0.25)
tiles.oceansar

# %% [markdown]
# ## A field of wind
#
# `gmf_wind` inverts CMOD5.N and needs no model; without the direction it takes the mean over all of them.
# `field` puts the values back on the swath and averages where tiles overlap.

# %%
field = tiles.oceansar.gmf_wind().wind_speed.oceansar.field().compute()
field

# %%
figure = field.assign_attrs(simulated=1).oceansar.plot.map()

# %% [markdown]
# The truth is known here:

# %%
truth = 5 + 8 * field.azimuth_distance / (lines * step) + 0 * field
print("correlation with the simulated wind:", round(float(xr.corr(field, truth)), 3))
print("mean difference:", round(float((field - truth).mean()), 2), "m/s")

# %% [markdown]
# ## What the model was not trained on
#
# The shipped model knows the wave mode alone. For other modes and incidences it gives values, flags them and says so; with
# `on_domain="raise"` it refuses.

# %%
swh = tiles.isel(vignette=slice(4)).oceansar.swh().compute()
print(swh.attrs["domain_comment"])
swh.domain

# %% [markdown]
# ## Take it elsewhere
#
# A cloud-optimised GeoTIFF for a GIS, and CF netCDF.

# %%
folder = tempfile.mkdtemp()
field.to_netcdf(folder + "/wind.nc")
field.oceansar.to_raster(folder + "/wind.tif")
