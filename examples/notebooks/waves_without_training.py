# %% [markdown]
# # One product, no training: what the sea was doing
#
# A complex image of the sea holds its waves, and three looks at it say where they go. Nothing here is learned.
#
# There is no data to download: a product in the real format is simulated first, and its numbers are
# **simulated**. With a product of your own, set `product` to its path and leave the rest as it is.

# %%
import tempfile

import xoceansar as xos

product = xos.simulate.write_safe(tempfile.mkdtemp(), n=2, seed=12)
product.name

# %% [markdown]
# `complex=True` adds the complex image at full resolution, `slc`, and what the annotation says of its focusing.
# Still no pixel is read.

# %%
ds = xos.open_wave_mode(product, complex=True)
ds[["sigma0", "slc"]]

# %%
ds.oceansar.plot.vignettes()

# %% [markdown]
# ## Spectra of looks
#
# The processed band is cut into three looks that see the sea some 0.2 s apart. Their cross-spectra are free of
# speckle, and the imaginary part is positive (red) where waves go.

# %%
spectra = ds.oceansar.spectra().compute()
spectra.oceansar.plot.spectrum()

# %%
spectra.oceansar.plot.spectrum(kind="polar")

# %% [markdown]
# ## Swell
#
# Each peak is a system of waves. Its height follows from the physics of the image within the azimuth cut-off
# (the dotted lines); what is beyond, such as a wind sea along the track, is not in the image.

# %%
swell = spectra.oceansar.swell()
table = swell.dropna("swell_system", how="all").to_dataframe()
table[
    [
        "swell_height",
        "swell_wavelength",
        "swell_to_direction",
        "swell_direction_confidence",
    ]
].round(2)

# %% [markdown]
# ## The rest
#
# The cut-off grows with the motion of the sea; the normalised variance is 1 for speckle alone.

# %%
spectra.oceansar.cutoff()[
    ["azimuth_cutoff", "azimuth_cutoff_standard_error"]
].to_dataframe()[["azimuth_cutoff", "azimuth_cutoff_standard_error"]].round(0)

# %%
ds.oceansar.image_statistics().to_dataframe()[
    ["normalised_variance", "sigma0_skewness"]
].round(2)

# %% [markdown]
# ## What is true
#
# A simulated product has its truth beside it.

# %%
import xarray as xr

truth = xr.open_dataset(product.with_suffix(".truth.nc"))
truth[
    ["swh", "peak_wavelength", "peak_to_direction", "azimuth_cutoff"]
].to_dataframe().round(1)
