"""What is fitted on a further set: intervals, temperature, distance."""

import numpy as np
import numpy.typing as npt
import xarray as xr
from data import CACHE, embedding

from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.models import Head, HeadSpec, ModelHandle
from xoceansar.train import calibrate, fit_distance, fit_temperature

ICE = OCEAN_CLASSES.index("sea_ice")


class Embedded:
    """Labelled sets with their embeddings; wave height and wind are NaN under sea ice.

    The vignettes of the simulator are independent: each is a group of its own.
    """

    def __init__(
        self, names: tuple[str, ...], handle: ModelHandle, pooling: str
    ) -> None:
        sets = [xr.open_zarr(CACHE / f"{name}.zarr") for name in names]
        embedded = np.concatenate(
            [
                embedding(name, ds, handle, pooling)
                for name, ds in zip(names, sets, strict=True)
            ]
        )
        ds = xr.concat([ds.drop_vars("sigma0") for ds in sets], "vignette").load()
        self.features, self.sigma0_mean = embedded[:, :-2], embedded[:, -2]
        self.incidence = ds["incidence"].mean("sample").values
        self.beam = ds["beam"].values.astype(str)
        self.classes = ds["ocean_class"].values.astype(np.int64)
        sea = self.classes != ICE
        self.truth = {
            name: np.where(sea, ds[name].values, np.nan)
            for name in ("swh", "wind_speed")
        }

    @property
    def category(self) -> npt.NDArray[np.str_]:
        """Class and beam, as one label."""
        return np.char.add(self.beam, self.classes.astype(str))


def calibrated(head: Head, data: Embedded) -> Head:
    """Give a head its intervals or its temperature, where it has a truth to compare with."""
    sample = {"sigma0_mean": data.sigma0_mean, "incidence": data.incidence}
    if head.spec.is_classifier:
        return fit_temperature(head, data.features, data.classes, **sample)
    if head.spec.target not in data.truth:
        return head
    truth = data.truth[head.spec.target]
    return calibrate(head, data.features, truth, beam=data.beam, **sample)


def distance_head(handle: ModelHandle, data: Embedded) -> Head:
    """Fit the out-of-distribution score."""
    spec = HeadSpec(
        name="ood_score",
        kind="distance",
        target="ood_score",
        units="1",
        ancillary=("sigma0_mean_db", "incidence"),
        pooling=handle.backbone.pooling,
        backbone_sha256=handle.weights_sha256,
    )
    return fit_distance(
        data.features,
        data.category,
        spec,
        sigma0_mean=data.sigma0_mean,
        incidence=data.incidence,
    )
