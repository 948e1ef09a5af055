"""Pictures in the making: encoders, chunks by hand, and a small photo."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from anymask.image import photo_path


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A small photo of many colours, uint8, (60, 90, 3)."""
    with Image.open(photo_path("chelsea")) as image:
        return np.asarray(image.convert("RGB").resize((90, 60)))


@pytest.fixture(scope="session")
def encode():
    """Encode an array or Pillow image with Pillow."""

    def encode_with_pillow(image, format_name, **settings) -> bytes:
        if isinstance(image, np.ndarray):
            image = Image.fromarray(image)
        file = io.BytesIO()
        image.save(file, format_name, **settings)
        return file.getvalue()

    return encode_with_pillow


@pytest.fixture(scope="session")
def encode_deep():
    """Encode a 16-bit RGB or grey array with OpenCV."""

    def encode_with_opencv(array, suffix, *settings) -> bytes:
        if array.ndim == 3:
            order = [2, 1, 0, 3][: array.shape[2]]
            array = np.ascontiguousarray(array[:, :, order])
        ok, data = cv2.imencode(suffix, array, settings)
        assert ok
        return data.tobytes()

    return encode_with_opencv


@pytest.fixture(scope="session")
def chunk():
    """Give one PNG chunk with its checksum."""

    def make(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    return make


@pytest.fixture(scope="session")
def png(chunk):
    """Put a PNG together by hand: `data` are the rows, each with its filter byte in front."""

    def make(width, height, depth, kind, *extra, data=b"") -> bytes:
        header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
        return b"".join(
            [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *extra,
             chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")]
        )  # fmt: skip

    return make
