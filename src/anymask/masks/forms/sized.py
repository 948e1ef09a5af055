"""Masks are made for the size of their picture, and never resized by themselves."""

from anymask.masks.problem import Problem

MOST_PIXELS = 1 << 29
"""Above any scan; painting so many takes about 13 GB."""


def size_problem(found_hw: tuple[int, int], size_hw: tuple[int, int] | None) -> Problem | None:
    """Say whether a mask is of another size than its picture.

    Args:
        found_hw: Height and width of the mask, pixels.
        size_hw: Those of the picture, or None where nobody knows them.

    Returns:
        None, or the problem with code "size-differs".
    """
    if size_hw is None or found_hw == size_hw:
        return None
    return Problem(
        code="size-differs",
        message=f"mask {found_hw[1]}×{found_hw[0]} for picture {size_hw[1]}×{size_hw[0]}",
        hint="make the mask for the picture's own size",
    )


def pixels_problem(size_hw: tuple[int, int]) -> Problem | None:
    """Say whether a picture has more pixels than masks are drawn with.

    Args:
        size_hw: Its height and width, pixels.

    Returns:
        None, or the problem with code "too-large".
    """
    height, width = size_hw
    if height * width <= MOST_PIXELS:
        return None
    return Problem(
        code="too-large",
        message=f"{width}×{height} has {height * width / 1e6:,.0f} megapixels, masks are drawn "
        f"up to {MOST_PIXELS / 1e6:,.0f}",
        hint="cut picture and masks into tiles, or convert to coco",
    )
