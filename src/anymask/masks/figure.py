"""The candidates of one prompt side by side, drawn with matplotlib."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from anymask.errors import MissingExtra
from anymask.masks.colours import colour_of
from anymask.masks.overlay import Picture, paint_masks
from anymask.masks.plane import mask_plane
from anymask.vocabulary import Prompt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL_INCHES = 5.0
_MAX_COLUMNS = 4


def candidates_figure(
    picture: Picture,
    masks: Sequence[NDArray[np.generic]],
    scores: Sequence[float],
    prompts: Sequence[Prompt | None],
) -> "Figure":
    """Draw each mask on its own copy of the picture, with score and prompt.

    Args:
        picture: Uint8 RGB, (H, W, 3).
        masks: Bool, each (H, W).
        scores: One a mask.
        prompts: One a mask; points become stars (green +, red −), a box green.

    Returns:
        The matplotlib figure, not yet shown.

    Raises:
        MissingExtra: If matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingExtra(
            "showing masks side by side needs matplotlib", hint='pip install "anymask[show]"'
        ) from error
    num_columns = min(max(len(masks), 1), _MAX_COLUMNS)
    num_rows = max(-(-len(masks) // num_columns), 1)
    height, width = picture.shape[:2]
    # A long strip still gets a panel one can see.
    panel_height = _PANEL_INCHES * min(max(height / width, 0.2), 3.0) + 0.4
    figure: Figure
    figure, grid = pyplot.subplots(
        num_rows,
        num_columns,
        squeeze=False,
        layout="constrained",
        figsize=(_PANEL_INCHES * num_columns, panel_height * num_rows),
    )
    panels = list(grid.flat)
    for panel in panels:
        panel.axis("off")
    for index, (mask, score) in enumerate(zip(masks, scores, strict=True)):
        panels[index].imshow(paint_masks(picture, [mask_plane(mask)], [colour_of(0)]))
        panels[index].set_title(f"Mask {index + 1}, score {score:.3f}", fontsize=14)
        if (prompt := prompts[index]) is not None:
            _draw_prompt(panels[index], prompt)
    if len(masks) == 0:
        panels[0].imshow(picture)
    return figure


def _draw_prompt(panel: "Axes", prompt: Prompt) -> None:
    for (x, y), label in zip(prompt.points, prompt.labels, strict=True):
        panel.scatter(
            [x],
            [y],
            s=375,
            marker="*",
            color="#23af46" if label == 1 else "#e12828",
            edgecolor="white",
            linewidth=1.25,
        )
    if prompt.box is not None:
        x0, y0, x1, y1 = prompt.box
        panel.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color="#23af46", linewidth=2)
