"""TIFF: choosing the page, and how to read it."""

import io
from dataclasses import replace

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from anymask.errors import ImageError
from anymask.image.decoded import Decoded
from anymask.image.limits import MetadataBudget, check_size
from anymask.image.options import ReadOptions
from anymask.image.pages import check_page
from anymask.image.rows import DECODER_ERRORS, cut_in_header, load_rows
from anymask.image.source import Source
from anymask.image.tiff_directory import Directory, directories, orientation_in
from anymask.image.tiff_page import (
    COMPRESSIONS,
    Layout,
    kept_tags,
    layout_of,
    read_chunks,
    write_page,
)
from anymask.image.tiff_samples import read_samples

_KIND, _MAKE, _ICC, _DNG_VERSION = 254, 271, 34675, 50706
_REDUCED_OR_MASK = 1 | 4
_COLOUR_FILTER_ARRAY = 32803
_LARGE_TILE_PIXELS = 4096 * 4096
_RAW_COMPRESSIONS = (32767, 32769, 32770, 34713, 65535)  # Sony, Epson, Samsung, Nikon, Pentax


def read_tiff(source: Source, options: ReadOptions) -> Decoded:
    """Decode one page of a TIFF.

    Args:
        source: The opened file.
        options: How to read it.

    Returns:
        The raw page, its profile and its orientation.

    Raises:
        ImageError: If it is too large, damaged, cut short without leave, or has so many bands
            that three must be chosen.
        InputError: If a page or band is asked for that is not there.
    """
    directory, notes = _choose_page(source, options.page)
    layout = layout_of(directory)
    height, width = layout.size_hw
    check_size(source.name, width, height, options.max_pixels)
    if layout.tile_hw is not None:
        _check_tile(source.name, layout.tile_hw, layout.size_hw)
    if layout.compression not in COMPRESSIONS:
        raise ImageError(
            f"{source.name}: TIFF compression {layout.compression} is not read",
            hint="write it with deflate compression",
        )
    if layout.num_bands > 4 and options.bands is None:
        raise ImageError(
            f"{source.name}: {layout.num_bands} bands", hint="choose three with --bands 4,3,2"
        )
    budget = MetadataBudget()
    entry = directory.entry(_ICC)
    has_icc = entry is not None and budget.take("ICC profile", entry.num_bytes)
    decoded = _page_by_pillow(source, directory, layout, options)
    if decoded is None:
        decoded = _page_by_samples(source, directory, layout, options)
    return replace(
        decoded,
        icc=(directory.raw(_ICC) or None) if has_icc else None,
        orientation=orientation_in(directory),
        notes=(*notes, *decoded.notes, *budget.notes()),
    )


def _check_tile(name: str, tile_hw: tuple[int, int], size_hw: tuple[int, int]) -> None:
    """Refuse tiles far larger than their picture: each is unpacked whole."""
    if tile_hw[0] * tile_hw[1] > max(_LARGE_TILE_PIXELS, 2 * size_hw[0] * size_hw[1]):
        raise ImageError(
            f"{name}: tiles of {tile_hw[1]}x{tile_hw[0]} for a picture of "
            f"{size_hw[1]}x{size_hw[0]}",
            hint="write it again with tiles of 256x256",
        )


def _choose_page(source: Source, page: int) -> tuple[Directory, tuple[str, ...]]:
    """Give the directory of a page; previews and masks of other pages are no pages."""
    chain = list(directories(source.read_at))
    if not chain:
        raise cut_in_header(source.name)
    if _is_camera_raw(chain[0]):
        raise ImageError(
            f"{source.name}: is a camera raw picture, which is not read",
            hint="develop it to JPEG, PNG or TIFF first",
        )
    pages = [entry for entry in chain if not entry.integer(_KIND) & _REDUCED_OR_MASK] or chain
    check_page(source.name, page, len(pages))
    if page == 0 and len(pages) > 1:
        return pages[0], (f"has {len(pages)} pages, page 0 is read; choose with --page",)
    return pages[page], ()


def _is_camera_raw(directory: Directory) -> bool:
    if directory.entry(_DNG_VERSION) is not None:
        return True
    layout = layout_of(directory)
    is_sensor = layout.photometric == _COLOUR_FILTER_ARRAY
    is_raw = is_sensor or layout.compression in _RAW_COMPRESSIONS
    # Camera makers put a small preview first; nobody else names a camera and does so.
    is_preview_first = bool(directory.integer(_KIND) & 1) and directory.entry(_MAKE) is not None
    return is_raw or is_preview_first


def _page_by_pillow(
    source: Source, directory: Directory, layout: Layout, options: ReadOptions
) -> Decoded | None:
    """Let Pillow read a page, if it is of a kind that Pillow reads without loss."""
    is_coded_picture = layout.compression in (7, 50001)
    if max(layout.bits) > 8 or (options.bands is not None and not is_coded_picture):
        return None
    if layout.sample_format != 1 or layout.num_bands > 4:
        return None
    data = write_page(
        directory.order,
        kept_tags(directory),
        read_chunks(source, directory, options.max_pixels),
        is_tiled=layout.tile_hw is not None,
    )

    def open_plugin() -> TiffImageFile:
        return TiffImageFile(io.BytesIO(data))

    try:
        open_plugin()
    except DECODER_ERRORS:
        return None
    image, notes = load_rows(open_plugin, name=source.name, options=options)
    return Decoded(raster=image, notes=notes)


def _page_by_samples(
    source: Source, directory: Directory, layout: Layout, options: ReadOptions
) -> Decoded:
    samples, notes = read_samples(source, directory, layout, options)
    full_scale = 2 ** layout.bits[0] - 1 if layout.sample_format == 1 else None
    if options.bands is not None:
        return Decoded(
            raster=samples, mode="RGB", full_scale=full_scale, is_band_choice=True, notes=notes
        )
    if layout.photometric == 0 and full_scale is not None:
        samples = full_scale - samples
    mode = _mode(layout)
    num_used = Image.getmodebands(mode)
    if num_used < layout.num_bands:
        used = "the first is" if num_used == 1 else f"the first {num_used} are"
        notes = (*notes, f"has {layout.num_bands} bands, {used} used")
    return Decoded(raster=samples[:, :, :num_used], mode=mode, full_scale=full_scale, notes=notes)


def _mode(layout: Layout) -> str:
    """Give Pillow's name for what the bands of a page mean."""
    if layout.photometric == 5 and layout.num_bands == 4:
        return "CMYK"
    is_rgb = layout.photometric == 2 or not layout.extra or max(layout.extra) == 0
    num_colours = 3 if is_rgb and layout.num_bands >= 3 else 1
    extra = layout.extra[:1] if layout.num_bands > num_colours else ()
    letter = {1: "a", 2: "A"}.get(extra[0], "") if extra else ""
    return ("RGB" if num_colours == 3 else "L") + letter
