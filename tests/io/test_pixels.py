"""The same digital numbers out of every kind of TIFF that GDAL writes."""

import struct
import warnings

import numpy as np
import pytest

from xoceansar.errors import ProductError
from xoceansar.io.containers import DirectoryStore
from xoceansar.io.safe.pixels import read_numbers

LINES, SAMPLES = 23, 32


@pytest.fixture
def numbers():
    rng = np.random.default_rng(0)
    values = rng.integers(-32768, 32768, (LINES, 2 * SAMPLES), dtype=np.int16)
    values[0, :4] = [-32768, -32768, 32767, 0]
    return values


def write(path, numbers, dtype="complex_int16", **options):
    rasterio = pytest.importorskip("rasterio")
    values = np.ascontiguousarray(numbers.astype(np.float32)).view(np.complex64)
    if dtype != "complex_int16":
        values = values.real.astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver="GTiff", width=SAMPLES, height=LINES, count=1,
            dtype=dtype, **options,
        ) as file:  # fmt: skip
            file.write(values, 1)


@pytest.mark.parametrize(
    "options",
    [
        {"blockysize": 1},
        {"blockysize": 5},
        {"blockysize": LINES},
        {"BIGTIFF": "YES", "blockysize": 1},
        {"ENDIANNESS": "BIG", "blockysize": 3},
        {"ENDIANNESS": "BIG", "BIGTIFF": "YES"},
        {"compress": "deflate"},
        {"compress": "zstd", "blockysize": 1},
        {"tiled": True, "blockxsize": 16, "blockysize": 16},
    ],
)
def test_every_layout_gives_the_numbers(tmp_path, numbers, options):
    write(tmp_path / "a.tiff", numbers, **options)
    found = read_numbers(DirectoryStore(str(tmp_path)), "a.tiff", LINES, SAMPLES)
    assert found.dtype == np.int16
    assert found.flags.c_contiguous
    assert not found.flags.writeable
    np.testing.assert_array_equal(found, numbers)


def tiff(numbers, *, order="<", gap=0, offsets=None, strips=None, **tags):
    """A TIFF by hand: one line in a strip, `gap` bytes between strips."""
    data = b"II" if order == "<" else b"MM"
    line_bytes = numbers.shape[1] * 2
    offsets = [8 + k * (line_bytes + gap) for k in range(LINES)]
    body = (bytes(gap)).join(line.astype(f"{order}i2").tobytes() for line in numbers)
    entries = {
        256: (3, [SAMPLES]), 257: (3, [LINES]), 258: (3, [32]), 259: (3, [1]),
        273: (4, offsets), 277: (3, [1]), 278: (3, [1]), 339: (3, [5]),
    }  # fmt: skip
    entries |= {int(tag[1:]): value for tag, value in tags.items()}
    at = 8 + len(body)
    table, extra = b"", b""
    rest = at + 2 + 12 * len(entries) + 4
    for tag, (kind, values) in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}{ {3: 'H', 4: 'I'}[kind] }", *values)
        table += struct.pack(f"{order}HHI", tag, kind, len(values))
        if len(packed) <= 4:
            table += packed.ljust(4, b"\0")
        else:
            table += struct.pack(f"{order}I", rest + len(extra))
            extra += packed
    directory = struct.pack(f"{order}H", len(entries)) + table + bytes(4) + extra
    return data + struct.pack(f"{order}HI", 42, at) + body + directory


def read(tmp_path, content, lines=LINES, samples=SAMPLES):
    (tmp_path / "a.tiff").write_bytes(content)
    return read_numbers(DirectoryStore(str(tmp_path)), "a.tiff", lines, samples)


@pytest.mark.parametrize("gap", [0, 1, 6])
@pytest.mark.parametrize("order", ["<", ">"])
def test_strips_apart_and_out_of_alignment(tmp_path, numbers, order, gap):
    content = tiff(numbers, order=order, gap=gap)
    np.testing.assert_array_equal(read(tmp_path, content), numbers)


@pytest.mark.parametrize("size", [0, 3, 7, 8, 500, 1500, -1])
def test_a_file_cut_anywhere_is_refused(tmp_path, numbers, size):
    content = tiff(numbers)
    with pytest.raises(
        ProductError, match=r"a\.tiff (is empty|is cut short|is not a TIFF)"
    ):
        read(tmp_path, content[:size])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"t339": (3, [2])}, "complex 16-bit"),
        ({"t258": (3, [16])}, "complex 16-bit"),
        ({"t277": (3, [2])}, "complex 16-bit"),
        ({"t273": (4, [8])}, "strips do not fit|cut short"),
        ({"t257": (3, [LINES + 1])}, "its annotation says"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, numbers, change, words):
    with pytest.raises(ProductError, match=words):
        read(tmp_path, tiff(numbers, **change))


def test_an_image_of_another_size_is_refused(tmp_path, numbers):
    with pytest.raises(ProductError, match=r"23 lines x 32 samples.*says 23 x 33"):
        read(tmp_path, tiff(numbers), samples=33)


def test_an_amplitude_image_is_refused(tmp_path, numbers):
    write(tmp_path / "a.tiff", numbers, dtype="uint16")
    with pytest.raises(ProductError, match="does not hold complex 16-bit integers"):
        read_numbers(DirectoryStore(str(tmp_path)), "a.tiff", LINES, SAMPLES)


def test_a_damaged_compressed_file_is_refused(tmp_path, numbers):
    write(tmp_path / "a.tiff", numbers, compress="deflate")
    content = bytearray((tmp_path / "a.tiff").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 300] = bytes(300)
    with pytest.raises(ProductError, match=r"a\.tiff"):
        read(tmp_path, bytes(content))
