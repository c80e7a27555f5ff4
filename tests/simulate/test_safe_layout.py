"""The written files against the layout and the sizes of real ones."""

from pathlib import Path

import numpy as np
import pytest
from lxml import etree

from tests.simulate.made_scenes import INCIDENCE, made_scene
from xoceansar.simulate.products.acquisition import Acquisition, Image, frame_of
from xoceansar.simulate.products.annotation_xml import annotation_xml
from xoceansar.simulate.products.calibration_xml import calibration_xml, noise_xml
from xoceansar.simulate.products.product_geometry import track_over
from xoceansar.simulate.products.safe_product import write_safe
from xoceansar.simulate.products.xml_writer import Node, listing, render, values

REAL = Path(__file__).parents[3] / "shared" / "data" / "safe"


def full_size(beam, lines=4924):
    track = track_over(-34.0, 36.0, -168.0, time=1.5, incidence=INCIDENCE[beam])
    frame = frame_of(
        track, beam, start=0.0, incidence=INCIDENCE[beam], lines=lines, scale=1.0
    )
    epoch = np.datetime64("2021-04-03T08:30:25.749829", "us")
    return Image(
        1, beam, frame, Acquisition("S1B", "VV", 3.31, epoch, 26300, 205712, 1.0)
    )


# From the manifest of S1B_WV_SLC__1SSV_20210403T083025_20210403T084452_026300_032390_D542.
@pytest.mark.parametrize(("beam", "size"), [("wv1", 42857), ("wv2", 34592)])
def test_calibration_has_the_real_size_to_the_byte(beam, size):
    assert len(calibration_xml(full_size(beam))) == size


@pytest.mark.parametrize(("beam", "size"), [("wv1", 8844), ("wv2", 7278)])
def test_noise_has_the_real_size_to_the_byte(beam, size):
    text = noise_xml(full_size(beam), made_scene(beam), legacy=False)
    assert len(text) == size


@pytest.mark.parametrize(("beam", "size"), [("wv1", 345_396), ("wv2", 286_750)])
def test_annotation_has_about_the_real_size(beam, size):
    text = annotation_xml(full_size(beam), (50.0, 50.0))
    assert len(text) == pytest.approx(size, rel=0.03)


def test_noise_vectors_are_where_wave_mode_has_them():
    image, view = full_size("wv1"), made_scene("wv1")
    new, old = (
        [
            int(e.text)
            for e in etree.fromstring(noise_xml(image, view, legacy=legacy)).iter(
                "line"
            )
        ]
        for legacy in (False, True)
    )
    assert new == [0, 1650, 3300]  # the last one inside the image of 4924 lines
    assert old == [0, 1650, 3300, 4951, 6601]


def test_tables_relate_as_sigma_beta_and_gamma_do():
    image = full_size("wv2")
    vector = etree.fromstring(calibration_xml(image)).find(".//calibrationVector")
    pixel, sigma, beta, gamma = (
        np.array(vector.findtext(tag).split(), float)
        for tag in ("pixel", "sigmaNought", "betaNought", "gamma")
    )
    assert pixel[0] == 0
    assert pixel[-1] == image.frame.samples - 1
    assert (np.diff(pixel)[:-1] == 40).all()
    theta = np.radians(image.frame.incidence[pixel.astype(int)])
    np.testing.assert_allclose(beta**2 / sigma**2, np.sin(theta), rtol=1e-6)
    np.testing.assert_allclose(beta**2 / gamma**2, np.tan(theta), rtol=1e-6)


def layout(element, path=""):
    """Every path of tags, with the tags below it in their order."""
    path = f"{path}/{element.tag}"
    children = list(dict.fromkeys(child.tag for child in element))
    found = {path: (tuple(children), "count" in element.attrib)}
    for child in element:
        found.update(layout(child, path))
    return found


def real_file(pattern):
    found = sorted(REAL.glob(pattern))
    if not found:
        pytest.skip("no real products beside the checkout")
    return etree.parse(found[0]).getroot()


def test_annotation_has_every_tag_of_a_real_stripmap_image_in_its_order():
    real = layout(real_file("S1A_S3_SLC*/annotation/*.xml"))
    ours = layout(etree.fromstring(annotation_xml(full_size("wv1"), (50.0, 50.0))))
    slices = "/product/imageAnnotation/imageInformation/sliceList"
    real = {path: tags for path, tags in real.items() if not path.startswith(slices)}
    ours.pop(slices)  # a wave-mode product is not cut into slices
    assert ours == real


def test_calibration_has_the_layout_of_a_real_one():
    real = layout(real_file("S1A_S3_SLC*/annotation/calibration/calibration-*.xml"))
    ours = layout(etree.fromstring(calibration_xml(full_size("wv1"))))
    assert ours == real


def test_noise_has_the_layout_of_a_real_one():
    real = layout(real_file("S1B_IW_SLC*/annotation/calibration/noise-*.xml"))
    text = noise_xml(full_size("wv1"), made_scene("wv1"), legacy=False)
    ours = layout(etree.fromstring(text))
    azimuth = "/noise/noiseAzimuthVectorList"
    assert ours.pop(azimuth) == ((), True)  # wave mode has no azimuth noise
    assert ours == {k: v for k, v in real.items() if not k.startswith(azimuth)}


def test_manifest_has_the_layout_of_a_real_one(tmp_path):
    real = layout(real_file("S1B_WV_SLC*/manifest.safe"))
    product = write_safe(tmp_path, scenes=[made_scene()], scale=0.02)
    ours = layout(etree.parse(product / "manifest.safe").getroot())
    # Where it comes from is not what a real product says.
    provenance = "{http://www.esa.int/safe/sentinel-1.0}processing"
    same = {path: tags for path, tags in ours.items() if provenance not in path}
    expected = {path: tags for path, tags in real.items() if provenance not in path}
    assert same == expected


def test_rendering_escapes_and_nests():
    content = {
        "a": Node({"q": 'x"<&'}, "1 < 2 & 3"),
        "list": listing("item", [{"k": "v"}, "text"]),
        "numbers": values([1.5, 2.0], ".2e"),
        "empty": Node({"count": "0"}),
    }
    text = render("root", content)
    assert text.decode().splitlines() == [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<root>",
        "  <a q='x\"&lt;&amp;'>1 &lt; 2 &amp; 3</a>",
        '  <list count="2">',
        "    <item>",
        "      <k>v</k>",
        "    </item>",
        "    <item>text</item>",
        "  </list>",
        '  <numbers count="2">1.50e+00 2.00e+00</numbers>',
        '  <empty count="0"/>',
        "</root>",
    ]
    assert etree.fromstring(text).findtext("a") == "1 < 2 & 3"
