"""What a picture file says beside its pixels is read with care: anybody may have written it."""

import pytest

from anymask.masks.annotation import UNNAMED
from anymask.masks.forms.note import annotation, read_note
from anymask.masks.rle import RLE

CODE: RLE = {"size": [1, 1], "counts": "01"}


@pytest.mark.parametrize("score", ["NaN", "1" * 400, "true", '"x"', "Infinity"])
def test_a_score_that_is_no_number_is_none(score):
    said = annotation(CODE, read_note(f'{{"1": {{"label": "cat", "score": {score}}}}}'), 1)
    assert (said.label, said.score) == ("cat", None)


@pytest.mark.parametrize("text", ['{"' + "1" * 5000 + '": {"label": "cat"}}', "[" * 100_000, "[]"])
def test_what_is_no_note_says_nothing(text):
    assert read_note(text) == {}
    assert annotation(CODE, read_note(text), 1).label == UNNAMED
