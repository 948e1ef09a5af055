"""Masks are made for the size of their picture, and never resized by themselves."""

from anymask.masks.problem import Problem


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
