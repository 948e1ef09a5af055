"""Masks as PNG files: 255 on the object, 0 elsewhere."""

import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from anymask.errors import InputError
from anymask.masks.atomic import shown_name, write_bytes
from anymask.masks.plane import BoolMask, mask_plane


def save_png(
    mask: NDArray[np.generic], path: str | os.PathLike[str], *, overwrite: bool = True
) -> None:
    """Write a mask as an 8-bit grey PNG, 255 on the object and 0 elsewhere.

    Args:
        mask: Bool, (H, W).
        path: The file; its suffix is .png or missing.
        overwrite: Whether a file of that name may be replaced.

    Raises:
        InputError: If the suffix promises another format, or the mask is no plane of pixels.
        OutputError: If the file cannot be written or may not be replaced.
    """
    suffix = Path(path).suffix.lower()
    if suffix in {".jpg", ".jpeg", ".jpe", ".jfif"}:
        raise InputError(f"{shown_name(path)}: JPEG changes mask values", hint="use PNG")
    if suffix not in {"", ".png"}:
        raise InputError(
            f"{shown_name(path)}: masks are written as PNG, not as {shown_name(suffix)}",
            hint=f"name it {shown_name(Path(path).stem)}.png",
        )
    plane = mask_plane(mask)
    if plane.size == 0:
        raise InputError(
            f"mask of shape {plane.shape} has no pixels", hint="pass a mask of a picture"
        )
    write_bytes(path, png_bytes(Image.fromarray(plane.view(np.uint8) * 255)), overwrite=overwrite)


def png_bytes(picture: Image.Image) -> bytes:
    """Give a picture as the bytes of a PNG file.

    Args:
        picture: Any mode PNG can hold.

    Returns:
        The file's bytes.
    """
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def load_mask(path: str | os.PathLike[str]) -> BoolMask:
    """Read a mask from a PNG file of any kind.

    A file with transparency somewhere is read by its alpha: more than half opaque is the object
    (a cut-out read back gives its mask). Any other is read by its colours: what is not black is
    the object, so 0/255, 0/1 and label maps all work.

    Args:
        path: The PNG file.

    Returns:
        Bool, (H, W).

    Raises:
        InputError: If the file is missing, unreadable, empty, not a PNG, too large or damaged.
    """
    try:
        _check_file(Path(path))
        with Image.open(path, formats=["PNG"]) as picture:
            picture.load()
            return object_of(picture)
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(
            f"{shown_name(path)}: is not a PNG picture", hint="save the mask as PNG"
        ) from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{shown_name(path)}: has too many pixels for a mask", hint="use a smaller picture"
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{shown_name(path)}: {_reason(error)}", hint="check the file") from error


def _check_file(path: Path) -> None:
    # A pipe would be waited for without end.
    if not path.is_file() and path.exists() and not path.is_dir():
        raise InputError(f"{shown_name(path)}: is not a regular file", hint="give a PNG file")
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"{shown_name(path)}: is empty (0 bytes)", hint="save the mask again")


def object_of(picture: Image.Image) -> BoolMask:
    """Give the object that a picture of a mask shows, as `load_mask` reads it.

    Args:
        picture: Decoded, of any mode.

    Returns:
        Bool, (H, W).
    """
    if picture.has_transparency_data:
        alpha = np.asarray(picture.convert("RGBA"))[:, :, 3]
        if alpha.min() < 255:
            return np.asarray(alpha > 127)
    if picture.mode == "P":
        picture = picture.convert("RGB")
    # An alpha channel that is opaque everywhere says nothing; only colours are looked at.
    values: NDArray[np.generic] = np.asarray(picture)
    num_colours = {"LA": 1, "RGBA": 3}.get(picture.mode)
    if values.ndim == 3:
        return np.ascontiguousarray((values[:, :, :num_colours] != 0).any(axis=2))
    return np.ascontiguousarray(values, dtype=np.bool_)


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "is a folder"
    if isinstance(error, PermissionError):
        return "permission denied"
    return "is cut short or damaged"
