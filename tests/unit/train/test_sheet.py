"""The sheets show the frames, masks, clicks and figures that they say."""

import numpy as np
import pytest

from anymask.errors import InputError
from anymask.evaluate.panels import add_caption
from anymask.image.picture import Picture
from anymask.masks.overlap import iou
from anymask.train import sheet
from anymask.train.batch import TrainingBatch
from anymask.train.sheet import (
    CAPTION_PX,
    GAP_PX,
    GROUND,
    PANEL_PX,
    Answer,
    ProgressRow,
    batch_sheet,
    progress_row,
    progress_sheet,
)
from anymask.vocabulary import Prompt
from anymask.weights.load import load_model
from tests.scenes import scene
from tests.unit.train.conversations import small_batch, small_model

ROW_PX, COLUMN_PX = PANEL_PX + CAPTION_PX + GAP_PX, PANEL_PX + GAP_PX


@pytest.fixture(scope="module")
def batch() -> TrainingBatch:
    return small_batch(small_model(), masks=3)


def panel(drawn: np.ndarray, row: int, column: int, height: int = PANEL_PX) -> np.ndarray:
    top, left = GAP_PX + row * ROW_PX + CAPTION_PX, GAP_PX + column * COLUMN_PX
    return drawn[top : top + height, left : left + PANEL_PX]


def caption(drawn: np.ndarray, row: int, column: int) -> np.ndarray:
    top, left = GAP_PX + row * ROW_PX, GAP_PX + column * COLUMN_PX
    return drawn[top : top + CAPTION_PX, left : left + PANEL_PX]


def test_batch_sheet_has_a_row_a_picture_and_a_column_a_mask(batch: TrainingBatch) -> None:
    drawn = batch_sheet(batch, small_model().config)
    assert drawn.dtype == np.uint8
    assert drawn.shape == (2 * ROW_PX + GAP_PX, 4 * COLUMN_PX + GAP_PX, 3)
    fewer = batch_sheet(batch, small_model().config, most_pictures=1, most_masks=2)
    assert fewer.shape == (ROW_PX + GAP_PX, 3 * COLUMN_PX + GAP_PX, 3)


def test_frames_have_their_own_colours_again(batch: TrainingBatch) -> None:
    config = small_model().config
    drawn = batch_sheet(batch, config)
    for row in range(2):
        frame = batch.pixels[row].permute(1, 2, 0).numpy() * 128 + 127
        small = panel(drawn, row, 0).reshape(64, PANEL_PX // 64, 64, PANEL_PX // 64, 3).mean((1, 3))
        assert np.abs(small - frame).mean() < 4


def test_masks_clicks_and_boxes_are_marked_where_they_are(batch: TrainingBatch) -> None:
    drawn = batch_sheet(batch, small_model().config)
    factor = PANEL_PX / 64
    for row, column in np.ndindex(2, 3):
        plain, marked = panel(drawn, row, 0), panel(drawn, row, 1 + column)
        changed = (plain.astype(int) != marked).any(2)
        target = batch.targets[row, column].numpy()
        assert changed[np.kron(target > 0.9, np.ones((PANEL_PX // 16,) * 2)) > 0].mean() > 0.99
        x, y = (round((float(v) + 0.5) * factor) for v in batch.clicks[row, column])
        green = marked[y - 8 : y + 9, x - 8 : x + 9].astype(int)
        assert ((green[..., 1] > 150) & (green[..., 0] < 80)).sum() > 10
        x0, y0, x1, _ = (float(v) * factor for v in batch.boxes[row, column])
        rows = slice(max(0, int(y0) - 2), int(y0) + 3)
        edge = marked[rows, int(x0) + 6 : int(x1) - 6].astype(int)
        assert np.median((edge[..., 1] - edge[..., 0]).max(0)) > 60


def test_captions_are_written(batch: TrainingBatch) -> None:
    drawn = batch_sheet(batch, small_model().config)
    for row, column in np.ndindex(2, 4):
        assert (caption(drawn, row, column) != GROUND).any(2).sum() > 100
    # Two names, and two areas, are not the same picture.
    assert (caption(drawn, 0, 0) != caption(drawn, 1, 0)).any()
    assert (caption(drawn, 0, 1) != caption(drawn, 0, 2)).any()


def made_row(name: str = "discs/one") -> ProgressRow:
    pixels, (truth, other, _) = scene(0)
    return ProgressRow(
        name=name,
        picture=pixels,
        truth=truth,
        answers=(
            Answer(clicks=1, mask=other, prompt=Prompt(points=((64, 48),), labels=(1,))),
            Answer(clicks=3, mask=truth, prompt=Prompt(points=((24, 48), (64, 48)), labels=(1, 0))),
        ),
    )


def test_progress_sheet_shows_truth_and_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    captioned = add_caption

    def recorded(drawn: np.ndarray, text: str) -> np.ndarray:
        said.append(text)
        return captioned(drawn, text)

    monkeypatch.setattr(sheet, "add_caption", recorded)
    drawn = progress_sheet([made_row(), made_row("discs/two")])
    assert said[:4] == ["discs/one", "true mask", "1 click: IoU 0.00", "3 clicks: IoU 1.00"]
    height = PANEL_PX * 96 // 128  # as tall as the pictures, not square
    assert drawn.shape == (2 * (height + CAPTION_PX) + 3 * GAP_PX, 4 * COLUMN_PX + GAP_PX, 3)
    row = made_row()
    for column, mask in ((1, row.truth), (2, row.answers[0].mask), (3, row.truth)):
        plain, marked = panel(drawn, 0, 0, height), panel(drawn, 0, column, height)
        scale = (np.arange(height) * 96 // height, np.arange(PANEL_PX) * 128 // PANEL_PX)
        inside = mask[np.ix_(*scale)]
        assert (plain != marked).any(2)[inside].mean() > 0.98


def test_names_of_any_kind_are_written_on_one_line() -> None:
    for name in ("a\nb", "ключ", "x" * 500, ""):
        assert progress_sheet([made_row(name)]).shape[1] == 4 * COLUMN_PX + GAP_PX


def test_rows_that_do_not_fit_together_are_refused() -> None:
    shorter = ProgressRow(name="", picture=made_row().picture, truth=made_row().truth, answers=())
    for rows in ([], [made_row(), shorter]):
        with pytest.raises(InputError, match="needs rows with equally many answers"):
            progress_sheet(rows)


def test_progress_row_corrects_the_default_models_answer() -> None:
    pixels, (truth, _, _) = scene(1)
    row = progress_row(load_model(device="cpu"), Picture(pixels=pixels), truth, "discs/1", (1, 3))
    assert [answer.clicks for answer in row.answers] == [1, 3]
    assert [len(answer.prompt.points) for answer in row.answers] == [1, 3]
    first, last = (iou(answer.mask, truth) for answer in row.answers)
    assert last > 0.8
    assert last >= first - 0.05
    assert progress_sheet([row]).any()
