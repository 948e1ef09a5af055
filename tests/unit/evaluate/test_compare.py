"""Before and after are the same masks, and the difference is counted rightly."""

import numpy as np
import pytest
import torch

from anymask.data.guard import guard_pictures
from anymask.data.picture import AnnotatedPicture
from anymask.errors import DataError, InputError
from anymask.evaluate import compare as room
from anymask.evaluate.compare import (
    as_loaded,
    compare,
    figure_titles,
    guard_warning,
    mean_scores,
    score_pictures,
)
from anymask.evaluate.run import Row, ask
from anymask.evaluate.selection import Question
from anymask.model.configs import tiny
from anymask.model.sam import Sam


@pytest.fixture
def sam() -> Sam:
    torch.manual_seed(0)
    return Sam(tiny(64))


@pytest.fixture(scope="module")
def guard() -> tuple[AnnotatedPicture, ...]:
    return guard_pictures()


def row(picture: str, mask: int, **figures: float) -> Row:
    return {"set": "s", "picture": picture, "mask": float(mask), "score": 0.5, **figures}


def test_a_network_in_memory_can_be_asked(sam, guard):
    loaded = as_loaded(sam)
    assert (loaded.name, loaded.sha256, loaded.dtype) == ("tiny", "0" * 64, torch.float32)
    assert loaded.sam is sam
    rows = score_pictures(loaded, guard[:2], counts=(1, 2), most_masks=3)
    assert len(rows) == 3
    figures = ["click", "score", "oracle", "clicks_2", "box", "box_score"]
    assert list(rows[0]) == ["set", "picture", "mask", "area_share", *figures]


def test_the_figures_are_those_of_the_evaluation(sam, guard):
    loaded = as_loaded(sam.eval())
    (picture,) = guard[4:5]
    ours = score_pictures(loaded, [picture], counts=(1, 3), most_masks=None)
    theirs = ask(
        loaded, "guard", Question(picture=picture, indices=tuple(range(5))), with_classical=False
    )
    assert ours == theirs


def test_every_layer_keeps_its_mode_and_gradients_stay_possible(sam, guard):
    sam.train()
    frozen = sam.image_encoder
    frozen.eval()
    modes = [module.training for module in sam.modules()]
    rows = score_pictures(as_loaded(sam), guard[:1], counts=(1,), most_masks=1)
    assert [module.training for module in sam.modules()] == modes
    assert True in modes
    assert False in modes
    assert all(parameter.requires_grad for parameter in sam.parameters())
    again = score_pictures(as_loaded(sam.eval()), guard[:1], counts=(1,), most_masks=1)
    assert rows == again


def test_modes_come_back_after_a_failure(sam, guard, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("no memory")

    monkeypatch.setattr(room, "ask", fail)
    with pytest.raises(RuntimeError, match="no memory"):
        score_pictures(as_loaded(sam.train()), guard)
    assert sam.training


def test_the_draw_is_over_all_pictures_and_repeats_with_its_seed(guard):
    one = room._chosen(guard, 8, 3)
    assert sum(map(len, one.values())) == 8
    assert len(one) > 2
    assert one == room._chosen(guard, 8, 3) != room._chosen(guard, 8, 4)
    assert room._chosen(guard, None, 0) == {
        number: list(range(len(picture.runs))) for number, picture in enumerate(guard)
    }


def test_empty_masks_are_passed_over(sam):
    empty = np.array([12], dtype=np.int64)
    picture = AnnotatedPicture(
        set_name="s", name="p", encoded=b"", size_hw=(3, 4), runs=(empty, empty)
    )
    with pytest.raises(DataError, match="hold no mask to ask about; give annotated pictures"):
        score_pictures(as_loaded(sam), [picture])


def test_difference_is_paired_and_resampled_by_picture():
    before = [row("a", 0, click=0.5), row("a", 1, click=0.7), row("b", 0, click=0.2)]
    after = [row("b", 0, click=0.3), row("a", 1, click=0.6), row("a", 0, click=0.6)]
    record = compare(before, after)
    click = record["figures"]["click"]
    assert (record["masks"], record["pictures"]) == (3, 2)
    assert click["before"] == pytest.approx(1.4 / 3)
    assert click["after"] == pytest.approx(1.5 / 3)
    assert click["difference"] == pytest.approx(0.1 / 3)
    # Drawn are a twice (mean 0), a and b (mean 1/30), or b twice (mean 1/10).
    assert [click["low"], click["high"]] == pytest.approx([0, 0.1])
    assert record["columns"] == ["", "before", "after", "difference", "95 % interval"]
    assert record["rows"] == [["one click", "0.467", "0.500", "+0.033", "+0.000 to +0.100"]]


def test_interval_is_that_of_a_plain_bootstrap():
    rng = np.random.default_rng(5)
    change = rng.normal(0.1, 0.2, 40)
    before = [row(f"p{n}", 0, box=0.4) for n in range(40)]
    after = [row(f"p{n}", 0, box=0.4 + d) for n, d in enumerate(change)]
    found = compare(before, after)["figures"]["box"]
    means = change[rng.integers(40, size=(20000, 40))].mean(1)
    assert [found["low"], found["high"]] == pytest.approx(
        np.quantile(means, (0.025, 0.975)), abs=0.01
    )


def test_one_picture_has_no_interval():
    record = compare([row("a", 0, box=0.5)], [row("a", 0, box=0.25)])
    assert record["figures"]["box"]["low"] is None
    assert record["rows"] == [["box", "0.500", "0.250", "-0.250", "–"]]


@pytest.mark.parametrize(
    "after", [[], [row("b", 0, box=0.5)], [row("a", 0, box=0.5), row("a", 0, box=0.5)]]
)
def test_different_masks_are_not_compared(after):
    with pytest.raises(InputError, match=r"not of the same masks \(1 and \d\); score both models"):
        compare([row("a", 0, box=0.5)], after)


def test_figures_are_in_the_order_of_the_table():
    record = row("a", 0, box=1.0, clicks_8=1.0, oracle=1.0, clicks_3=1.0, click=1.0, box_score=1.0)
    assert list(figure_titles(record).items()) == [
        ("click", "one click"),
        ("oracle", "best of 3"),
        ("clicks_3", "3 clicks"),
        ("clicks_8", "8 clicks"),
        ("box", "box"),
    ]
    assert mean_scores([row("a", 0, click=0.2), row("b", 0, click=0.4)]) == {
        "click": pytest.approx(0.3)
    }


def rows_of(click: float, box: float) -> list[Row]:
    return [row(name, 0, click=click, box=box) for name in "abcdef"]


def test_forgetting_is_said_in_one_sentence_about_the_worst_figure():
    assert guard_warning(rows_of(0.68, 0.9), rows_of(0.51, 0.8)) == (
        "zero-shot ability on general pictures fell from 0.680 to 0.510 mean IoU (one click); "
        "mix general data in, train fewer steps, or train the decoder only"
    )


@pytest.mark.parametrize(("fallen_by", "is_said"), [(-0.2, False), (0.02, False), (0.04, True)])
def test_small_losses_and_gains_are_not_said(fallen_by, is_said):
    sentence = guard_warning(rows_of(0.5, 0.9), rows_of(0.5, 0.9 - fallen_by))
    assert (sentence is not None) == is_said
    assert guard_warning(rows_of(0.5, 0.9), rows_of(0.5, 0.9 - fallen_by), most_drop=0.1) is None


def test_chance_is_not_said():
    """One mask of six flips from the whole to the part; the rest do not change."""
    after = rows_of(0.9, 0.9)
    after[2]["click"] = 0.2
    assert compare(rows_of(0.9, 0.9), after)["figures"]["click"]["difference"] < -0.1
    assert guard_warning(rows_of(0.9, 0.9), after) is None
