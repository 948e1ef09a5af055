"""Files decoded from top to bottom, a strip of rows at a time, for pictures too large for memory.

libvips decodes; what its samples mean is decided by the same functions as for any other picture.
Its loaders are called by name, each for the one format that the first bytes told, and read from
the file that is already open: neither the file's name nor its content can choose another.
"""

import os
from collections.abc import Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anymask.errors import ImageError, InputError, MissingExtra
from anymask.image.colour import over_white, split_alpha, to_rgb
from anymask.image.depth import to_8bit
from anymask.image.large_header import LargeHeader
from anymask.image.options import METADATA_LIMIT_BYTES, ReadOptions
from anymask.image.source import Source
from anymask.image.tiff_directory import exif_orientation

_LOADERS = MappingProxyType(
    {"JPEG": "jpegload_source", "PNG": "pngload_source", "TIFF": "tiffload_source"}
)
_STRIP_BYTES = 8 * 2**20
_FLAT_SHARE = 0.05  # as for pictures that are read at once
_DTYPES: Mapping[str, np.dtype[Any]] = MappingProxyType(
    {"uchar": np.dtype(np.uint8), "ushort": np.dtype(np.uint16)}
)


class _VipsImage(Protocol):
    """What is used of a picture of libvips; nothing is decoded until rows are fetched."""

    height: int
    width: int
    bands: int
    format: str
    interpretation: str

    def extract_band(self, band: int, *, n: int) -> "_VipsImage": ...

    def bandjoin(self, others: list["_VipsImage"]) -> "_VipsImage": ...

    def max(self) -> float: ...

    def get_typeof(self, field: str) -> int: ...

    def get(self, field: str) -> bytes: ...


class Strips:
    """A picture that comes a strip at a time, in RGB, as it is stored.

    Args:
        source: The opened file; not to be read from elsewhere meanwhile.
        header: What stands before its pixels.
        options: How to read it.

    Attributes:
        orientation: EXIF orientation, 1 to 8.
        notes: What was noticed, one clause each; complete once all strips were given.

    Raises:
        MissingExtra: If pyvips is not installed.
        ImageError: If it does not decode, or has so many bands that three must be chosen.
        InputError: If a band is asked for that is not there.
    """

    def __init__(self, source: Source, header: LargeHeader, options: ReadOptions) -> None:
        self._vips = _load_vips(source.name)
        self._source, self._header, self._options = source, header, options
        image = self._open()
        if (image.height, image.width) != header.size_hw or image.format not in _DTYPES:
            raise ImageError(
                f"{source.name}: holds {image.width}x{image.height} samples of kind "
                f"{image.format}, which are not read in tiles",
                hint="write it anew with 8 or 16 bits",
            )
        self._bands, self._mode = _meaning(image, header, options, source.name)
        self.notes = _notes_on_bands(header, options, len(self._bands))
        self._icc = _metadata(image, "icc-profile-data") or None
        exif = exif_orientation(_metadata(image, "exif-data"))
        self.orientation = header.orientation if header.format == "TIFF" else exif

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Give the strips from top to bottom, uint8 RGB, (h, W, 3), over white."""
        height, width = self._header.size_hw
        value_range = self._value_range()
        image = self._used_bands()
        dtype = _DTYPES[image.format]
        region = self._vips.Region.new(image)
        num_rows = max(1, _STRIP_BYTES // (width * image.bands * dtype.itemsize))
        is_seen = False
        for top in range(0, height, num_rows):
            rows = min(num_rows, height - top)
            try:
                data = region.fetch(0, top, width, rows)
            except self._vips.Error as error:
                raise self._cut(error, top) from error
            samples = np.frombuffer(data, dtype).reshape(rows, width, -1)
            rgb, alpha = self._rgb(samples, value_range)
            is_seen |= alpha is None or bool(alpha.any())
            yield rgb if alpha is None else over_white(rgb, alpha)
        if not is_seen:
            raise ImageError(
                f"{self._source.name}: has no visible pixel",
                hint="give a picture that is not all transparent",
            )

    def _note(self, *notes: str) -> None:
        self.notes = tuple(dict.fromkeys((*self.notes, *notes)))

    def _open(self) -> _VipsImage:
        """Open the file anew at its beginning."""
        given: dict[str, Any] = {"access": "sequential"}
        given["fail_on"] = "none" if self._options.allow_truncated else "truncated"
        if self._header.format == "TIFF":
            given["page"] = self._header.page
        load = getattr(self._vips.Image, _LOADERS[self._header.format])
        try:
            descriptor = self._source.file.fileno()
            os.lseek(descriptor, 0, os.SEEK_SET)
            image: _VipsImage = load(self._vips.Source.new_from_descriptor(descriptor), **given)
        except self._vips.Error as error:
            raise self._cut(error, 0) from error
        return image

    def _used_bands(self) -> _VipsImage:
        image = self._open()
        first, *others = (image.extract_band(band, n=1) for band in self._bands)
        return first.bandjoin(others) if others else first

    def _cut(self, error: Exception, num_rows: int) -> ImageError:
        height = self._header.size_hw[0]
        lines = [line.strip(" .") for line in str(error).splitlines() if line.strip(" .")]
        reason = lines[-1][:80] if lines else type(error).__name__
        found = f"cut short or damaged, about {num_rows} of {height} rows decode ({reason})"
        if num_rows == 0:
            return ImageError(f"{self._source.name}: {found}", hint="download or copy it again")
        return ImageError(
            f"{self._source.name}: {found}",
            hint="download it again, or use these rows with --allow-truncated",
        )

    def _value_range(self) -> tuple[float, float] | None:
        """Give what becomes black and white; found in a pass of its own where it is not told."""
        image = self._open()
        if image.format == "uchar":
            return None
        if self._options.value_range is not None:
            return self._options.value_range
        num_colours = len(self._bands) - (self._mode[-1] == "A")
        largest = float(image.extract_band(self._bands[0], n=num_colours).max())
        is_flat = 0 < largest < _FLAT_SHARE * 65_535
        if is_flat:
            share = 100 * largest / 65_535
            self._note(f"uses only {share:.2g} % of its 16-bit range; stretched to all of it")
        return (0.0, largest) if is_flat else (0.0, 65_535.0)

    def _rgb(
        self, samples: NDArray[Any], value_range: tuple[float, float] | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        levels, _, _ = to_8bit(
            samples,
            mode=self._mode,
            full_scale=255 if value_range is None else 65_535,
            value_range=value_range,
            name=self._source.name,
        )
        if self._icc is None and self._mode != "CMYK":
            rgb, alpha = split_alpha(levels)
        else:
            size_wh = (levels.shape[1], levels.shape[0])
            image = Image.frombytes(self._mode, size_wh, np.ascontiguousarray(levels).tobytes())
            rgb, alpha, notes = to_rgb(image, self._icc)
            self._note(*notes)
        chosen = self._options.bands
        if chosen is not None and self._header.num_bands is None:
            rgb = rgb[:, :, [band - 1 for band in chosen]]
        return rgb, alpha


def _load_vips(name: str) -> ModuleType:
    try:
        import pyvips
    except (ImportError, OSError) as error:  # it raises OSError where its library is missing
        raise MissingExtra(
            f"{name}: pictures this large are read with pyvips, which is not installed",
            hint='run pip install "anymask[large]"',
        ) from error
    module: ModuleType = pyvips
    return module


def _metadata(image: _VipsImage, field: str) -> bytes:
    """Give a block of metadata; none if it is absent or larger than allowed."""
    if image.get_typeof(field) == 0:
        return b""
    block = bytes(image.get(field))
    return block if len(block) <= METADATA_LIMIT_BYTES else b""


def _notes_on_bands(header: LargeHeader, options: ReadOptions, num_used: int) -> tuple[str, ...]:
    if options.bands is not None or num_used >= (header.num_bands or 0):
        return ()
    used = "the first is" if num_used == 1 else f"the first {num_used} are"
    return (f"has {header.num_bands} bands, {used} used",)


def _meaning(
    image: _VipsImage, header: LargeHeader, options: ReadOptions, name: str
) -> tuple[list[int], str]:
    """Say which bands are used, and Pillow's name for what they mean."""
    num_bands, chosen = image.bands, options.bands
    if num_bands > 4 and chosen is None:
        raise ImageError(f"{name}: {num_bands} bands", hint="choose three with --bands 4,3,2")
    num_there = num_bands if header.num_bands is not None else 3
    if chosen is not None and max(chosen) > num_there:
        raise InputError(
            f"{name}: band {max(chosen)} does not exist, there are {num_there}",
            hint=f"choose --bands from 1 to {num_there}",
        )
    if chosen is not None and header.num_bands is not None:
        return [band - 1 for band in chosen], "RGB"
    if image.interpretation == "cmyk":
        return [0, 1, 2, 3], "CMYK"
    num_colours = 3 if num_bands >= 3 else 1
    has_alpha = num_bands > num_colours and header.has_alpha
    mode = ("RGB" if num_colours == 3 else "L") + ("A" if has_alpha else "")
    return list(range(num_colours + has_alpha)), mode
