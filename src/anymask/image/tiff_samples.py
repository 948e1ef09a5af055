"""Samples of a TIFF that Pillow has no mode for: deep colours, many bands, floats of any size.

Pillow knows a fixed list of layouts, and cuts 16-bit colours to 8 bits. But it can unpack
anything that is grey and 8 bits deep. So a page is described to it as such: W pixels of N
bands of B bytes become one grey row of W·N·B pixels, and what those bytes mean is decided here.
"""

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import TiffImageFile

from anymask.errors import ImageError, InputError
from anymask.image import tiff_page as page
from anymask.image.decoded import Samples
from anymask.image.limits import check_num_bytes
from anymask.image.options import ReadOptions
from anymask.image.rows import load_rows
from anymask.image.source import Source
from anymask.image.tiff_directory import Directory

_KINDS = "?uif"  # NumPy's letter by TIFF's sample format


def read_samples(
    source: Source, directory: Directory, layout: page.Layout, options: ReadOptions
) -> tuple[Samples, tuple[str, ...]]:
    """Give the samples of a page as they are stored.

    Args:
        source: The opened file.
        directory: The page's tags.
        layout: How its samples are stored.
        options: How to read it; with `bands` only those three are given.

    Returns:
        Samples, (H, W, C), and notes.

    Raises:
        ImageError: If they do not decode or are stored in a way that is not read.
        InputError: If a band is asked for that is not there.
    """
    _check_layout(source.name, layout)
    wanted = _wanted_bands(source.name, layout.num_bands, options)
    chunks = page.read_chunks(source, directory, options.max_pixels)
    tags = page.kept_tags(directory)
    if not layout.is_planar:
        height, width = layout.size_hw
        num_bytes = height * width * sum(layout.bits) // 8
        check_num_bytes(source.name, num_bytes, options.max_pixels)
        plane = _Plane(order=directory.order, tags=tags, layout=layout, num_bands=layout.num_bands)
        samples, notes = plane.decode(chunks, source.name, options)
        return samples if options.bands is None else samples[:, :, wanted], notes
    num_chunks = len(chunks) // layout.num_bands
    plane = _Plane(order=directory.order, tags=tags, layout=layout, num_bands=1)
    planes, notes = [], ()
    for band in wanted:
        part = chunks[band * num_chunks : (band + 1) * num_chunks]
        samples, notes = plane.decode(part, source.name, options)
        planes.append(samples)
    num_rows = min(len(plane) for plane in planes)
    return np.concatenate([plane[:num_rows] for plane in planes], axis=2), notes


def _wanted_bands(name: str, num_bands: int, options: ReadOptions) -> list[int]:
    """Give the bands to read, from 0."""
    if options.bands is None:
        return list(range(num_bands))
    if max(options.bands) > num_bands:
        raise InputError(
            f"{name}: band {max(options.bands)} does not exist, there are {num_bands}",
            hint=f"choose --bands from 1 to {num_bands}",
        )
    return [band - 1 for band in options.bands]


def _check_layout(name: str, layout: page.Layout) -> None:
    if layout.compression not in (1, 5, 8, 32773, 32946, 34925, 50000):
        found = page.COMPRESSIONS.get(layout.compression, str(layout.compression))
        problem = f"compression {found} of {layout.num_bands} bands"
    elif len(set(layout.bits)) > 1:
        problem = f"bands of different depth ({', '.join(map(str, layout.bits))} bits)"
    elif layout.sample_format not in (1, 2, 3):
        problem = "complex or untyped samples"
    elif layout.photometric not in (0, 1, 2, 5):
        problem = f"colour space {layout.photometric} at this depth"
    elif not _is_known_depth(layout):
        problem = f"{layout.bits[0]}-bit samples of this kind"
    else:
        return
    raise ImageError(
        f"{name}: TIFF with {problem}, which is not read",
        hint="write it with deflate compression and 8 or 16 bits",
    )


def _is_known_depth(layout: page.Layout) -> bool:
    bits = layout.bits[0]
    if layout.sample_format == 3:
        return bits in (16, 32, 64)
    if bits in (8, 16, 32, 64):
        return layout.predictor in (1, 2)
    is_packed = layout.tile_hw is None and layout.predictor == 1
    return bits < 32 and is_packed and layout.sample_format == 1


class _Plane:
    """Describes chunks to Pillow as 8-bit grey, and reads what comes out."""

    def __init__(self, *, order: str, tags: page.Tags, layout: page.Layout, num_bands: int) -> None:
        self.order: Literal["<", ">"] = "<" if order == "<" else ">"
        self.tags = tags
        self.layout = layout
        self.num_bands = num_bands
        self.bits = layout.bits[0]
        width = layout.size_hw[1]
        # whole tiles, because the predictor of floats needs the bytes beyond the border too
        tile_width = layout.tile_hw[1] if layout.tile_hw else width
        self.segment = tile_width
        self.width = -(-width // tile_width) * tile_width

    def decode(
        self, chunks: list[bytes], name: str, options: ReadOptions
    ) -> tuple[Samples, tuple[str, ...]]:
        bytes_a_pixel = self.num_bands * self.bits / 8
        described: dict[int, tuple[str, tuple[int, ...]]] = {
            tag: value
            for tag, value in self.tags.items()
            if tag not in (page.EXTRA_SAMPLES, page.SAMPLE_FORMAT, page.PREDICTOR)
        }
        described |= {
            page.WIDTH: ("I", (-int(-self.width * bytes_a_pixel // 1),)),
            page.BITS: ("H", (8,)),
            page.PHOTOMETRIC: ("H", (1,)),
            page.NUM_BANDS: ("H", (1,)),
            page.PLANAR: ("H", (1,)),
        }
        if self.layout.tile_hw:
            described[page.TILE_WIDTH] = ("I", (int(self.segment * bytes_a_pixel),))
        data = page.write_page(
            self.order, described, chunks, is_tiled=self.layout.tile_hw is not None
        )
        many = ReadOptions(
            max_pixels=max(options.max_pixels * 16, 1), allow_truncated=options.allow_truncated
        )
        image, notes = load_rows(lambda: TiffImageFile(io.BytesIO(data)), name=name, options=many)
        rows = np.asarray(image)
        return self._samples(rows)[:, : self.layout.size_hw[1]], notes

    def _samples(self, rows: NDArray[np.uint8]) -> Samples:
        """Give bytes, (H, bytes a row), their meaning, (H, W, C)."""
        if self.bits not in (8, 16, 32, 64):
            return self._packed(rows)
        dtype = np.dtype(f"{self.order}{_KINDS[self.layout.sample_format]}{self.bits // 8}")
        if self.layout.predictor == 1:
            samples: Samples = rows.view(dtype)
            native = samples.astype(dtype.newbyteorder("="), copy=False)
            return native.reshape(len(rows), self.width, self.num_bands)
        undo = self._undo_floats if self.layout.predictor == 3 else self._undo_differences
        length = self.segment * self.num_bands * self.bits // 8
        parts = [undo(rows[:, at : at + length], dtype) for at in range(0, rows.shape[1], length)]
        return np.concatenate(parts, axis=1)

    def _undo_differences(self, rows: NDArray[np.uint8], dtype: np.dtype[np.generic]) -> Samples:
        unsigned = np.dtype(f"u{dtype.itemsize}")
        stored = np.ascontiguousarray(rows).view(unsigned.newbyteorder(self.order))
        differences = stored.reshape(len(rows), -1, self.num_bands)
        summed = np.cumsum(differences, axis=1, dtype=unsigned)  # wraps as the writer's did
        return summed.view(dtype.newbyteorder("="))

    def _undo_floats(self, rows: NDArray[np.uint8], dtype: np.dtype[np.generic]) -> Samples:
        """Undo Adobe's predictor 3: byte planes, the highest byte first, then differences."""
        differences = rows.reshape(len(rows), -1, self.num_bands)
        planes = np.cumsum(differences, axis=1, dtype=np.uint8).reshape(
            len(rows), dtype.itemsize, -1
        )
        together = np.ascontiguousarray(planes.transpose(0, 2, 1))
        samples: Samples = together.view(dtype.newbyteorder(">"))
        native = samples.astype(dtype.newbyteorder("="))
        return native.reshape(len(rows), -1, self.num_bands)

    def _packed(self, rows: NDArray[np.uint8]) -> Samples:
        """Spread samples of odd depths, which are stored highest bit first without gaps."""
        num_samples = self.width * self.num_bands
        samples = np.empty((len(rows), num_samples), np.uint32)
        weights = 1 << np.arange(self.bits - 1, -1, -1, dtype=np.uint32)
        for index, row in enumerate(rows):  # a row at a time: each bit takes a byte meanwhile
            bits = np.unpackbits(row)[: num_samples * self.bits]
            samples[index] = bits.reshape(num_samples, self.bits) @ weights
        return samples.reshape(len(rows), self.width, self.num_bands)
