# %% [markdown]
# # Pretrain a tiny model
#
# The network behind the measurements learns without any label, from images alone. This is the whole recipe, small enough
# for a laptop: six steps on 32 simulated vignettes. It shows how the parts fit together; a model worth using takes an archive and a GPU,
# as the page on pretraining says.

# %%
import tempfile
import warnings
from pathlib import Path

import xarray as xr

import xoceansar as xos
from xoceansar.train import load_config, pretrain

folder = Path(tempfile.mkdtemp())
vignettes = xos.simulate.vignettes(32, seed=1, shape=(256, 256), chunks=8)
xos.to_zarr(vignettes.drop_vars("nesz", errors="ignore"), folder / "archive.zarr")

# %% [markdown]
# ## The configuration
#
# Named ones come with the package. A student network learns to give the same answer as its teacher, a slow average of
# itself, for different crops of the same sea (DINO), for hidden patches (iBOT), with answers spread evenly (KoLeo).

# %%
config = load_config("two-cores").with_steps(6)
config

# %%
run = pretrain(xr.open_zarr(folder / "archive.zarr"), config, folder / "run")

# %% [markdown]
# ## Watch
#
# `feature_std` near zero would mean that the network answers the same whatever it sees: a collapse, which raises an alarm.

# %%
run.log()[["step", "loss", "dino", "ibot", "koleo", "feature_std"]]

# %% [markdown]
# ## Use
#
# The run ends with a bundle, which embeds like any other model.

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that it was trained on simulations
    new = xos.simulate.vignettes(4, seed=2, shape=(256, 256))
    embedding = new.oceansar.embed(model=run.bundle).compute()
embedding
