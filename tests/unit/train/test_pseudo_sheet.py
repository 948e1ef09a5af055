"""The sheet that shows what a model found."""

from collections import Counter

import numpy as np
import pytest

from anymask.errors import StateError
from anymask.train.pseudo_masks import PseudoChoice
from anymask.train.pseudo_records import PseudoRecord
from anymask.train.pseudo_sheet import PANEL_PX, pseudo_sheet, spread_over
from anymask.train.sheet import CAPTION_PX, GAP_PX
from tests.scenes import scene
from tests.unit.train.self_scenes import discs_of, prepared_scenes

STEP = PANEL_PX + GAP_PX


@pytest.fixture
def discs(tmp_path):
    return prepared_scenes(tmp_path, 3)


def is_tinted(sheet, place, mask, left):
    """Say whether a disc's centre has another colour than the picture there."""
    scale = PANEL_PX / 128
    y, x = (int(np.median(part) * scale) for part in np.nonzero(mask))
    plain = scene(place)[0][tuple(int(np.median(part)) for part in np.nonzero(mask))]
    seen = sheet[CAPTION_PX + y, left + x].astype(int)
    return bool(np.abs(seen - plain).max() > 25)


def test_labels_stand_on_the_left_and_finds_on_the_right(discs):
    sheet = pseudo_sheet([(discs[0], discs_of(discs[0])[2:])])
    height = PANEL_PX * 96 // 128 + CAPTION_PX + GAP_PX
    assert sheet.shape == (height, 2 * STEP + 1, 3)
    masks = scene(0)[1]
    assert [is_tinted(sheet, 0, mask, 0) for mask in masks] == [True, True, False]
    assert [is_tinted(sheet, 0, mask, STEP) for mask in masks] == [False, False, True]


def test_three_pictures_stand_in_two_rows(discs):
    shown = [(picture, discs_of(picture)) for picture in discs]
    height = PANEL_PX * 96 // 128 + CAPTION_PX + GAP_PX
    assert pseudo_sheet(shown).shape == (2 * height, 4 * STEP, 3)


def test_without_any_find_there_is_nothing_to_draw():
    with pytest.raises(StateError, match="found no mask to draw"):
        pseudo_sheet([])


def test_pictures_without_a_find_are_passed_over(discs):
    def found(picture, number):
        choice = PseudoChoice(masks=tuple(discs_of(picture)[:number]), left_out=Counter())
        return picture, PseudoRecord(choice=choice)

    given = [found(discs[0], 0), found(discs[1], 2), found(discs[2], 1)]
    assert [(p.name, len(m)) for p, m in spread_over(given)] == [("discs_001", 2), ("discs_002", 1)]
    assert [p.name for p, _ in spread_over(given, 1)] == ["discs_001"]
