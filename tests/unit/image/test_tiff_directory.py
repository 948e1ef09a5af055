"""Tag directories are read sparingly, and nonsense in them is survived."""

import struct

import pytest
from PIL import Image

from anymask.image.tiff_directory import directories, exif_orientation


def read_at_of(data):
    return lambda offset, count: data[offset : offset + count]


def exif(order, *entries, following=0):
    packed = b"".join(struct.pack(f"{order}HHII", *entry) for entry in entries)
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(f"{order}HIH", 42, 8, len(entries))
    return head + packed + struct.pack(f"{order}I", following)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_written_by_pillow(orientation):
    block = Image.Exif()
    block[0x010F] = "maker"
    block[0x0112] = orientation
    for data in (block.tobytes(), block.tobytes().removeprefix(b"Exif\0\0")):
        assert exif_orientation(data) == orientation


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_of_either_byte_order(order):
    value = 6 if order == "<" else 6 << 16
    assert exif_orientation(exif(order, (274, 3, 1, value))) == 6
    assert exif_orientation(exif(order, (274, 4, 1, 6))) == 6


@pytest.mark.parametrize(
    "data",
    [
        b"", b"Exif\0\0", b"II*\0", b"II*\0\xff\xff\xff\xff", b"nonsense",
        exif("<", (274, 3, 1, 77)), exif("<", (274, 99, 1, 6)), exif("<", (274, 5, 1, 6)),
        exif("<", (274, 3, 0, 6)), exif("<", (274, 3, 2**31, 6)), exif("<", (274, 3, 1, 6))[:-9],
    ],
)  # fmt: skip
def test_nonsense_tells_no_orientation(data):
    assert exif_orientation(data) == 1


def test_values_beyond_the_limit_are_not_read():
    asked = []

    def read_at(offset, count):
        asked.append(count)
        return exif("<", (270, 2, 2**31, 0), (256, 4, 1, 9))[offset : offset + count]

    directory = next(directories(read_at))
    assert directory.raw(270) == b""
    assert directory.integer(256) == 9
    assert max(asked) < 100


def test_a_loop_of_directories_ends():
    assert len(list(directories(read_at_of(exif("<", following=8))))) == 1


def test_more_pages_than_any_file_has_end_the_chain():
    count = 60_000
    size = 2 + 12 * count + 4
    tags = struct.pack("<H", count) + bytes(12 * count)
    chain = [tags + struct.pack("<I", 8 + size * (index + 1)) for index in range(60)]
    data = b"II*\0" + struct.pack("<I", 8) + b"".join(chain)
    assert len(list(directories(read_at_of(data)))) == 47  # 32 MB of them
