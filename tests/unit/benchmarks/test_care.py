"""What care is worth: paired with the plain answers, by question and kind."""

import care
import pytest

from anymask.data.shards import find_shards, read_shards
from anymask.evaluate.run import Row
from anymask.evaluate.selection import choose_questions
from anymask.evaluate.tasks.prompts import box_scores, click_scores
from anymask.image.read import read_picture
from anymask.predict.encode import embed_pictures
from tests.scenes import write_shard
from tests.unit.predict import networks


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Two pictures of discs, asked about by a small model."""
    folder = tmp_path_factory.mktemp("discs")
    write_shard(folder / "discs.tar", pictures=2)
    loaded = networks.loaded(networks.small_lite())
    questions = choose_questions(read_shards(find_shards(folder)), 2, 2, 0)
    return loaded, questions, *care.measure(loaded, questions)


def test_the_plain_rows_are_those_of_evaluation(measured):
    loaded, questions, rows, _ = measured
    expected = []
    for question in questions["discs"]:
        picture = read_picture(question.picture.encoded)
        (embedding,) = embed_pictures(loaded, [picture])
        truths = [question.picture.mask(index) for index in question.indices]
        clicked = click_scores(loaded, embedding, truths)
        boxed = box_scores(loaded, embedding, truths)
        expected += [
            {name: (one | other)[name] for name in care.FIGURES}
            for one, other in zip(clicked, boxed, strict=True)
        ]
    found = [{name: row[name] for name in care.FIGURES} for row in rows["plain"]]
    assert found == [pytest.approx(row, abs=1e-3) for row in expected]
    assert len(found) == 4


def test_every_care_is_asked_about_the_same_masks_and_timed(measured):
    _, _, rows, seconds = measured
    names = [(row["picture"], row["mask"]) for row in rows["plain"]]
    for name in care.CARES:
        assert [(row["picture"], row["mask"]) for row in rows[name]] == names
        assert {what: len(spent) for what, spent in seconds[name].items()} == {
            "click": 4,
            "clicks_3": 4,
            "box": 4,
        }
    for name, what in (("flip", "click"), ("connected", "click"), ("snug", "box")):
        pairs = zip(rows[name], rows["plain"], strict=True)
        assert any(row[what] != plain[what] for row, plain in pairs)


def test_the_table_tells_means_differences_and_times():
    figures = dict.fromkeys(care.FIGURES, 0.5)
    plain: list[Row] = [{"set": "a", "picture": str(i), "mask": 0.0, **figures} for i in range(4)]
    better: list[Row] = [row | {"box": 0.75} for row in plain]
    rows = dict.fromkeys(care.CARES, plain) | {"zoom": better}
    seconds = {name: {what: [0.02] for what in ("click", "clicks_3", "box")} for name in rows}
    seconds["zoom"]["box"] = [0.08, 0.1]
    lines = care.table(rows, seconds)["rows"]
    assert ["box", "zoom", "0.750", "+0.250", "+0.250 to +0.250", "90"] in lines
    assert ["box", "plain", "0.500", "", "", "20"] in lines
    assert ["best of 3", "zoom", "0.500", "+0.000", "+0.000 to +0.000", "20"] in lines
    assert len(lines) == 4 * len(care.CARES)
