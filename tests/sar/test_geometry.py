import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoceansar.sar.geometry import (
    GeolocationGrid,
    footprint,
    from_unit_vector,
    ground_edges,
    mean_position,
    offset_position,
    position_between,
    unit_vector,
)

RADIUS = 6371e3


def sphere_grid(line, sample, *, lon0=0.0, lat0=0.0, heading=-168.0, spacing=4.0):
    """A grid on a sphere: `spacing` metres between lines along `heading` and samples across."""
    line, sample = np.asarray(line, float), np.asarray(sample, float)
    along, across = np.meshgrid(line * spacing, sample * spacing, indexing="ij")
    turn = np.radians(heading)
    north = along * np.cos(turn) - across * np.sin(turn)
    east = along * np.sin(turn) + across * np.cos(turn)
    lam, phi = np.radians(lon0), np.radians(lat0)
    centre = np.array(
        [np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)]
    )
    e = np.array([-np.sin(lam), np.cos(lam), 0])
    n = np.cross(centre, e)
    distance = np.hypot(north, east)[..., None]
    with np.errstate(invalid="ignore"):
        way = np.nan_to_num((north[..., None] * n + east[..., None] * e) / distance)
    angle = distance / RADIUS
    lon, lat = from_unit_vector(np.cos(angle) * centre + np.sin(angle) * way)
    incidence = 23.0 + 0 * along + 1e-4 * across
    return GeolocationGrid(line, sample, lon, lat, incidence)


def apart(lon, lat, lon0, lat0):
    """Distance in metres."""
    chord = np.linalg.norm(unit_vector(lon, lat) - unit_vector(lon0, lat0), axis=-1)
    return RADIUS * 2 * np.arcsin(chord / 2)


@pytest.mark.parametrize(
    "place",
    [(0, 0), (-34.7, 36.0), (180.0, -40), (-179.99, 75), (90, -75), (10, 89.95)],
)
def test_the_centre_is_interpolated_not_averaged(place):
    # an uneven grid whose plain mean lies 3 km off, and whose outer points are not the corners
    line = np.array([-2000, -1800, -1500, -500, 1200.0])
    sample = np.array([-2500, -2400, -2300, 500, 2600.0])
    grid = sphere_grid(line, sample, lon0=place[0], lat0=place[1])
    lon, lat = grid.locate(0.0, 0.0)
    assert apart(lon, lat, *place) < 1.0
    mean = mean_position(grid.longitude, grid.latitude)
    assert apart(*mean, *place) > 2000
    exact = sphere_grid([-2100, 1300.0], [-2600, 2700.0], lon0=place[0], lat0=place[1])
    corners = grid.locate([-2100, -2100, 1300, 1300], [-2600, 2700, 2700, -2600])
    truth = (
        exact.longitude[[0, 0, 1, 1], [0, 1, 1, 0]],
        exact.latitude[[0, 0, 1, 1], [0, 1, 1, 0]],
    )
    assert (apart(*corners, *truth) < 5.0).all()
    assert (np.abs(lon) <= 180).all()


def test_grid_points_are_kept():
    grid = sphere_grid(np.arange(0, 5000, 700), np.arange(0, 5600, 280), lon0=179.95)
    lon, lat = grid.locate(grid.line[:, None], grid.sample[None, :])
    assert apart(lon, lat, grid.longitude, grid.latitude).max() < 1e-6
    np.testing.assert_allclose(
        grid.incidence_at(grid.line[:, None], grid.sample[None, :]), grid.incidence
    )


def test_incidence_is_linear_and_continued():
    grid = sphere_grid([0, 1000], [0, 1000])
    found = grid.incidence_at(500, [-500, 500, 1500])
    np.testing.assert_allclose(found, 23 + 4e-4 * np.array([-500, 500, 1500]))


@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.booleans())
def test_the_incidence_along_a_line_is_that_at_its_samples(seed, samples, whole):
    chance = np.random.default_rng(seed)
    nodes = chance.uniform(-50, 450, chance.integers(2, 9))
    nodes = np.unique(nodes.round() if whole else nodes)
    if nodes.size < 2:
        nodes = np.array([0.0, 7.0])
    table = chance.uniform(20, 40, (3, nodes.size))
    grid = GeolocationGrid(np.array([0.0, 10.0, 40.0]), nodes, table, table, table)
    line = chance.uniform(-10, 60)
    np.testing.assert_array_equal(
        grid.incidence_along(line, samples),
        grid.incidence_at(line, np.arange(samples)),
    )


def wgs84_step(lat, heading, metres=1000.0):
    """Degrees of longitude and latitude of a step on the ellipsoid."""
    a, e2 = 6378137.0, 6.69437999014e-3
    w = 1 - e2 * np.sin(np.radians(lat)) ** 2
    meridian, normal = a * (1 - e2) / w**1.5, a / np.sqrt(w)
    north = metres * np.cos(np.radians(heading))
    east = metres * np.sin(np.radians(heading))
    return np.degrees(east / (normal * np.cos(np.radians(lat)))), np.degrees(
        north / meridian
    )


@pytest.mark.parametrize("heading", [0.0, 12.0, 90.0, 192.0, 270.0, 348.0])
@pytest.mark.parametrize("place", [(0.0, 0.0), (179.9999, 60.0), (-120.0, -45.0)])
def test_heading_on_the_ellipsoid(heading, place):
    dlon, dlat = wgs84_step(place[1], heading)
    lines = np.array([-1.0, 0.0, 1.0])
    lon = (place[0] + np.outer(lines, [dlon, dlon]) + 180) % 360 - 180
    across = wgs84_step(place[1], heading + 90)
    lon = (lon + np.array([-across[0], across[0]]) + 180) % 360 - 180
    lat = place[1] + np.outer(lines, [dlat, dlat]) + np.array([-across[1], across[1]])
    grid = GeolocationGrid(lines, np.array([-1.0, 1.0]), lon, lat, np.zeros((3, 2)))
    found = grid.heading_at(0.0, 0.0)
    assert 0 <= found < 360
    assert abs((found - heading + 180) % 360 - 180) < 2e-2


def test_ground_range_is_the_arc_on_the_sphere():
    # slant ranges from a height of 700 km, and the arcs below them
    rs, dr, n = RADIUS + 700e3, 1.498, 5683
    slant = 755e3 + dr * (np.arange(n + 1) - 0.5)
    look = np.arccos((slant**2 + rs**2 - RADIUS**2) / (2 * slant * rs))
    arc = RADIUS * (np.arcsin(rs / RADIUS * np.sin(look)) - look)
    centre = 755e3 + dr * np.arange(n)
    look_c = np.arccos((centre**2 + rs**2 - RADIUS**2) / (2 * centre * rs))
    incidence = np.degrees(np.arcsin(rs / RADIUS * np.sin(look_c)))
    edges = ground_edges(dr, incidence)
    middle = np.interp(n / 2, np.arange(n + 1), arc)
    np.testing.assert_allclose(edges, arc - middle, atol=0.01)
    steps = np.diff(edges)
    assert steps[0] / steps[-1] > 1.04  # not one spacing for the whole vignette


def test_mean_position_knows_the_meridian_of_180_degrees():
    lon, lat = mean_position([179.9, -179.9, -179.9, 179.9], [0, 0, 0.2, 0.2])
    assert abs(abs(lon) - 180) < 1e-9
    np.testing.assert_allclose(lat, 0.1, atol=1e-6)


def area(polygon):
    ring = np.array(polygon[0])
    x, y = ring.T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2)


@pytest.mark.parametrize(
    ("lon", "lat", "parts", "degrees2"),
    [
        ([179.9, -179.9, -179.9, 179.9], [0, 0, 0.2, 0.2], 2, 0.04),
        ([179.9, 180.0, 180.0, 179.9], [0, 0, 0.2, 0.2], 1, 0.02),
        ([179.9, -180.0, -180.0, 179.9], [0, 0, 0.2, 0.2], 1, 0.02),
        ([-179.9, 180.0, 180.0, -179.9], [0, 0, 0.2, 0.2], 1, 0.02),
        ([179.9, -179.9995, -179.9995, 179.9], [0, 0, 0.2, 0.2], 1, 0.02),
        ([179.6, -179.6, -179.7, 179.5], [-75, -75.05, -74.9, -74.85], 2, 0.115),
        ([-34.8, -34.6, -34.6, -34.8], [36, 36, 36.2, 36.2], 1, 0.04),
        ([10.2, 10.0, 10.0, 10.2], [-1, -1, -0.8, -0.8], 1, 0.04),
    ],
)
def test_footprints_are_cut_at_180_degrees(lon, lat, parts, degrees2):
    found = footprint(lon, lat)
    polygons = found["coordinates"]
    assert found["type"] == "MultiPolygon"
    assert len(polygons) == parts
    assert all(area(polygon) > 0 for polygon in polygons), "counter-clockwise"
    np.testing.assert_allclose(sum(map(area, polygons)), degrees2, rtol=0.02)
    for (ring,) in polygons:
        assert ring[0] == ring[-1]
        assert np.ptp(np.array(ring)[:, 0]) > 1e-3
        assert np.abs(np.array(ring)[:, 0]).max() <= 180


def test_shapely_reads_a_footprint():
    shapely = pytest.importorskip("shapely")
    shape = shapely.geometry.shape(
        footprint([179.9, -179.9, -179.9, 179.9], [0, 0, 0.2, 0.2])
    )
    assert shape.is_valid
    assert shape.geom_type == "MultiPolygon"


CORNERS_LON, CORNERS_LAT = [179.9, -179.9, -179.9, 179.9], [0.0, 0.0, 0.2, 0.2]


@pytest.mark.parametrize(
    ("line", "sample", "lon", "lat"),
    [
        (0, 0, 179.9, 0.0),
        (0, 1, -179.9, 0.0),
        (1, 1, -179.9, 0.2),
        (1, 0, 179.9, 0.2),
        (0.5, 0.25, 179.95, 0.1),
        (0.25, 0.75, -179.95, 0.05),
    ],
)
def test_places_inside_a_vignette_across_180_degrees(line, sample, lon, lat):
    found = position_between(CORNERS_LON, CORNERS_LAT, line, sample)
    np.testing.assert_allclose(found, (lon, lat), atol=1e-6)


def test_places_inside_vignettes_along_leading_dims():
    lon = np.array([CORNERS_LON, [10.0, 10.2, 10.2, 10.0]])[:, None, :]
    lat = np.array([CORNERS_LAT] * 2)[:, None, :]
    found = position_between(
        lon, lat, np.array([[0.5, 1.0]] * 2), np.array([[0.5, 0.0]] * 2)
    )
    np.testing.assert_allclose(found[0] % 360, [[180, 179.9], [10.1, 10.0]], atol=1e-4)
    np.testing.assert_allclose(found[1], [[0.1, 0.2], [0.1, 0.2]], atol=1e-6)


@pytest.mark.parametrize("latitude", [-78.0, -30.0, 0.0, 55.0, 85.0])
@pytest.mark.parametrize("heading", [0.0, 90.0, 193.0, 347.0])
def test_offsets_from_the_centre_are_those_of_the_geodesic(latitude, heading):
    geod = pytest.importorskip("pyproj").Geod(ellps="WGS84")
    along, across = 8_000.0, -6_000.0
    lon, lat = offset_position(179.95, latitude, heading, along, across)
    bearing = heading + np.degrees(np.arctan2(across, along))
    expected = geod.fwd(179.95, latitude, bearing, np.hypot(along, across))
    _, _, error = geod.inv(lon, lat, *expected[:2])
    assert error < 1.0
