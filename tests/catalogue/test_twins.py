"""Twins: an SLC vignette and the Level-2 OCN vignette of the same image."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xoceansar as xos
from tests.io.test_ocn import sign
from tests.io.test_ocn import write as write_ocn_file
from xoceansar.errors import MissingVariableError, OceansarWarning, ProductError

_EPOCH = np.datetime64("2023-11-10T20:18:11.300000")


#: Version, time and timeliness of processings, from the worst on.
_KINDS = [
    (version, processed, timeliness)
    for version in ("003.31", "003.71", "004.02")
    for processed in ("2024-01-01T00:00:00", "2024-01-02T00:00:00")
    for timeliness in ("NRT-3h", "Fast-24h")
]


def _name(level, beam, start, *, platform="s1a", orbit=51159, take="062ba3", number=1):
    text = str(start)[:19].replace("-", "").replace(":", "").lower()
    stop = (
        str(start + np.timedelta64(2980, "ms"))[:19]
        .replace("-", "")
        .replace(":", "")
        .lower()
    )
    kind = "tiff" if level == "slc" else "nc"
    return f"{platform}-{beam}-{level}-vv-{text}-{stop}-{orbit:06d}-{take}-{number:03d}.{kind}"


class _Archive:
    """Files of both levels of some thousand images, with what befalls archives."""

    def __init__(self, seed: int, images: int) -> None:
        self._chance = chance = np.random.default_rng(seed)
        self.rows = {"slc": [], "ocn": []}
        self.expected = {}
        passes = np.repeat(np.arange(images // 40), 40)
        for k, of_pass in enumerate(passes):
            place = k % 40
            platform = ("s1a", "s1b", "s1c")[of_pass % 3]
            # the satellites fly at the same time; some passes have one beam only, every 14.66 s
            start = _EPOCH + np.timedelta64(of_pass // 3 * 6000, "s")
            start = start + np.timedelta64(round(place * 14.66e6), "us")
            beam = "wv1" if of_pass % 5 == 0 else ("wv1", "wv2")[place % 2]
            fate = chance.random()
            slc = (
                []
                if fate < 0.04
                else self._files("slc", platform, beam, start, of_pass, place)
            )
            ocn = (
                []
                if 0.04 <= fate < 0.1
                else self._files("ocn", platform, beam, start, of_pass, place)
            )
            if slc:
                self.expected[self._best(slc)] = self._best(ocn) if ocn else None

    def _files(self, level, platform, beam, start, of_pass, place):
        """Give an image one to three processings, each in slices of its own and off by a second at most."""
        made = []
        count = self._chance.choice([1, 2, 3], p=[0.7, 0.2, 0.1])
        # no two of one rank: between such the order decides
        kinds = self._chance.permutation(len(_KINDS))[:count]
        for version, processed, timeliness in (_KINDS[k] for k in kinds):
            cut = int(self._chance.integers(0, 30))
            off = np.timedelta64(
                int(self._chance.integers(-1_000_000, 1_000_001)), "us"
            )
            path = _name(
                level, beam, start + off, platform=platform,
                # a slice that begins before the node has the orbit before
                orbit=1000 + of_pass - (cut > 20), take=f"{of_pass:06x}", number=1 + (place + cut) % 200,
            )  # fmt: skip
            product = f"P{len(self.rows[level]):06d}.SAFE"
            made.append(
                {
                    "path": f"{product}/measurement/{path}",
                    "ipf_version": version,
                    "processed": processed,
                    "timeliness": timeliness,
                }
            )
            self.rows[level].append(made[-1])
        return made

    @staticmethod
    def _best(files):
        order = {"NRT-3h": 0, "Fast-24h": 1}
        return max(
            files,
            key=lambda f: (f["ipf_version"], f["processed"], order[f["timeliness"]]),
        )["path"]

    def listing(self, level):
        return pd.DataFrame(self.rows[level]).sample(frac=1, random_state=1)


def test_of_ten_thousand_pairs_none_is_wrong_and_none_is_missed():
    archive = _Archive(seed=7, images=10_000)
    with pytest.warns(OceansarWarning, match="OCN vignettes are no twin of any"):
        twins = xos.find_twins(archive.listing("slc"), archive.listing("ocn"))
    found = dict(
        zip(
            twins.slc,
            twins.ocn.astype(object).where(twins.ocn.notna(), None),
            strict=True,
        )
    )
    assert found == archive.expected
    matched = twins.ocn.notna()
    assert 8_500 < matched.sum() < 9_300
    assert twins.start_difference[matched].abs().max() == 2
    assert twins.start_difference[~matched].isna().all()
    assert twins.time.is_monotonic_increasing
    known = {path for paths in twins.left_out for path in paths}
    assert len(known) == sum(map(len, twins.left_out)) > 5_000
    assert known.isdisjoint([*twins.slc, *twins.ocn])


def _listing(*names):
    return pd.DataFrame({"path": names})


def _at(seconds):
    return _EPOCH + np.timedelta64(seconds, "s")


@pytest.mark.parametrize(
    ("start", "other", "reason"),
    [
        (_at(2), {}, "starts 2 s later"),
        (_at(-1), {}, "starts 1 s earlier"),
        (_at(0), {"number": 36, "orbit": 51160}, "starts in the same second"),
        (_at(3), {}, "no OCN file of S1A wv1 starts within 2 s; the nearest is 3 s away"),
        (_at(-29), {}, "no OCN file of S1A wv1 starts within 2 s; the nearest is 29 s away"),
        (_at(0), {"platform": "s1c"}, "no OCN file of S1A wv1 is given"),
        (_at(1), {"take": "062ba4"}, "starts 1 s from it, and is of .* data take 062ba4"),
        (_at(0), {"orbit": 51161}, "orbit 51161 where it is of VV, 062ba3, 51159"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:1 of 1 OCN vignettes")
def test_the_reason_says_why(start, other, reason):
    slc = _listing(_name("slc", "wv1", _EPOCH))
    ocn = _listing(_name("ocn", "wv1", start, **other))
    twins = xos.find_twins(slc, ocn)
    assert twins.reason.str.contains(reason).tolist() == [True]
    assert twins.ocn.notna().tolist() == [
        reason.startswith("starts") and "from" not in reason
    ]


def test_addresses_and_datasets_are_listings_too():
    stem = _name("slc", "wv1", _EPOCH).removesuffix(".tiff")
    href = f"https://zipper/odata/v1/Products(1)/Nodes({_name('ocn', 'wv1', _EPOCH)})/$value"
    archive = xr.Dataset({"sigma0": ("vignette", [0.1, 0.2])})
    with pytest.raises(MissingVariableError, match="vignette_id"):
        xos.find_twins(archive, _listing())
    archive = archive.assign_coords(
        vignette_id=("vignette", [stem, _name("slc", "wv2", _at(15))])
    )
    twins = xos.find_twins(archive, pd.DataFrame({"href": [href]}))
    assert twins.slc_id.tolist() == [
        stem,
        _name("slc", "wv2", _at(15)).removesuffix(".tiff"),
    ]
    assert twins.ocn.tolist()[0] == href
    assert twins.ocn.isna().tolist() == [False, True]


def test_rows_that_name_nothing_are_counted():
    names = [_name("slc", "wv1", _EPOCH), "S1A_WV_SLC__1SSV.SAFE"]
    with pytest.warns(
        OceansarWarning, match="1 of 2 rows name no vignette .* left out"
    ):
        assert len(xos.find_twins(_listing(*names), _listing())) == 1
    with pytest.raises(
        ProductError, match="1 of 1 rows name no vignette of Wave Mode OCN"
    ):
        xos.find_twins(_listing(names[0]), _listing(names[0]))
    with pytest.raises(MissingVariableError, match="one of the columns path, href"):
        xos.find_twins(_listing(names[0]), pd.DataFrame({"file": [1]}))


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """A product of two vignettes at the second of `tests.io.test_ocn.stem`."""
    return xos.simulate.write_safe(
        tmp_path_factory.mktemp("slc"), 2, scale=0.02, start="2026-01-12T04:58:17.4",
        orbit=62729, datatake=0x07DDB1,
    )  # fmt: skip


def _ocn(folder, crc, version, **change):
    name = f"S1A_WV_OCN__2SSV_20260112T044944_20260112T050145_062729_07DDB1_{crc}.SAFE"
    for number, beam, start in ((36, "wv1", 18), (37, "wv2", 32)):
        write_ocn_file(
            folder / name / "measurement",
            number,
            beam,
            start,
            attrs={"IPFversion": version},
            **change,
        )
    sign(folder / name)
    return folder / name


def test_products_on_disk_are_matched_and_the_better_processing_is_taken(
    product, tmp_path
):
    old, new = _ocn(tmp_path, "AAAA", "003.71"), _ocn(tmp_path, "BBBB", "004.02")
    twins = xos.find_twins(product, tmp_path)
    assert twins.beam.tolist() == ["wv1", "wv2"]
    assert twins.start_difference.tolist() == [1.0, 0.0]
    assert twins.ocn_product.tolist() == [str(new)] * 2
    assert twins.left_out.tolist() == [
        tuple(map(str, [path])) for path in sorted((old / "measurement").iterdir())
    ]
    opened = xos.open_ocn(twins.ocn)
    assert opened.vignette_id.values.tolist() == twins.ocn_id.tolist()
    slc = xos.open_wave_mode(twins.slc_product.unique(), shape=(4, 4))
    assert slc.vignette_id.values.tolist() == twins.slc_id.tolist()


def test_a_path_that_cannot_be_read_costs_no_other(product, tmp_path):
    _ocn(tmp_path, "AAAA", "003.71")
    broken = (
        tmp_path
        / "S1A_WV_SLC__1SSV_20260112T044944_20260112T050145_062729_07DDB1_0000.SAFE"
    )
    broken.mkdir()
    (broken / "manifest.safe").write_text("<cut")
    with pytest.warns(OceansarWarning, match="not well-formed.*It is left out"):
        assert len(xos.find_twins([broken, product], tmp_path)) == 2
    with pytest.raises(ProductError, match="not well-formed"):
        xos.find_twins(broken, tmp_path)
