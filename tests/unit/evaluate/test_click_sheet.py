"""Panels and sheets of clicks show the masks, clicks and figures that they say."""

import numpy as np
import pytest

from anymask.errors import InputError
from anymask.evaluate import click_sheet as room
from anymask.evaluate.click_sheet import PANEL_PX, AnsweredClick, click_sheet
from anymask.evaluate.panels import (
    CAPTION_PX,
    GAP_PX,
    GROUND,
    add_caption,
    draw_panel,
    join_panels,
)
from anymask.masks.mask import Mask, Masks
from anymask.masks.rle import encode
from anymask.vocabulary import ImageFrame, Prompt

GREY = np.full((60, 120, 3), 128, np.uint8)
LEFT, RIGHT = (np.zeros((60, 120), np.bool_) for _ in range(2))
LEFT[:, :40], RIGHT[:, 80:] = True, True
FRAME = ImageFrame(original_hw=(60, 120), resized_hw=(60, 120), input_size=120)
CLICK = Prompt(points=((20, 30),), labels=(1,))


def answered(truth: np.ndarray | None) -> AnsweredClick:
    guesses = Masks(
        tuple(
            Mask(score=score, frame=FRAME, coded=encode(mask))
            for score, mask in ((0.25, LEFT), (0.75, RIGHT), (0.5, LEFT | RIGHT))
        )
    )
    return AnsweredClick(name="grey", picture=GREY, prompt=CLICK, guesses=guesses, truth=truth)


def test_a_panel_is_tinted_where_the_mask_is_and_nowhere_else() -> None:
    plain, drawn = draw_panel(GREY, 240), draw_panel(GREY, 240, LEFT)
    assert plain.shape == (120, 240, 3)
    changed = (plain != drawn).any(2)
    assert changed[:, :78].all()
    assert not changed[:, 90:].any()
    clicked = (plain != draw_panel(GREY, 240, None, CLICK)).any(2)
    rows, columns = np.nonzero(clicked)
    assert (columns.mean(), rows.mean()) == pytest.approx((40.5, 60.5), abs=0.6)


def test_a_tall_picture_leaves_its_column_dark() -> None:
    panel = draw_panel(np.full((100, 50, 3), 200, np.uint8), 80)
    assert panel.shape == (80, 80, 3)
    assert (panel[:, :40] == 200).all()
    assert (panel[:, 40:] == GROUND).all()


def test_panels_stand_in_rows() -> None:
    light = np.full((10, 20, 3), 200, np.uint8)
    sheet = join_panels([[light, light], [light[:5]]])
    assert sheet.shape == (15 + 3 * GAP_PX, 40 + 3 * GAP_PX, 3)
    assert (sheet == 200).all(2).sum() == 2 * 200 + 100
    assert add_caption(light, "ы\n" * 50).shape == (10 + CAPTION_PX, 20, 3)


@pytest.mark.parametrize("truth", [None, LEFT])
def test_a_row_tells_scores_and_overlaps(
    truth: np.ndarray | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def recorded(panel: np.ndarray, text: str) -> np.ndarray:
        said.append(text)
        return add_caption(panel, text)

    monkeypatch.setattr(room, "add_caption", recorded)
    sheet = click_sheet([answered(truth)] * 2)
    overlaps = [""] * 3 if truth is None else [", IoU 1.00", ", IoU 0.00", ", IoU 0.50"]
    expected = [
        "grey",
        f"chosen: score 0.75{overlaps[1]}",
        f"guess 1: score 0.25{overlaps[0]}",
        f"guess 2: score 0.75{overlaps[1]}",
        f"guess 3: score 0.50{overlaps[2]}",
        *(["true mask: 33 % of it"] if truth is not None else []),
    ]
    assert said == expected * 2
    height = PANEL_PX // 2 + CAPTION_PX
    columns = len(expected)
    assert sheet.shape == (
        2 * height + 3 * GAP_PX,
        columns * PANEL_PX + (columns + 1) * GAP_PX,
        3,
    )


def test_no_clicks_are_refused() -> None:
    with pytest.raises(InputError, match="a sheet of clicks needs a click; give at least one"):
        click_sheet([])
