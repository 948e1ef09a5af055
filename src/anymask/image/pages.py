"""Pages of a document and frames of an animation."""

from anymask.errors import InputError


def check_page(name: str, page: int, num_pages: int, noun: str = "page") -> None:
    """Refuse a page that is not there.

    Args:
        name: Name for messages, escaped.
        page: The page asked for, from 0.
        num_pages: How many there are.
        noun: What one of them is called.

    Raises:
        InputError: If there is no such page.
    """
    if page < num_pages:
        return
    if num_pages == 1:
        raise InputError(
            f"{name}: {noun} {page} does not exist, there is only {noun} 0",
            hint="leave --page out",
        )
    raise InputError(
        f"{name}: {noun} {page} does not exist, there are {num_pages}",
        hint=f"choose --page from 0 to {num_pages - 1}",
    )
