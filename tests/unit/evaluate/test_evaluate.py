"""Evaluation asks the right questions and counts the answers rightly."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from anymask.data.picture import AnnotatedPicture
from anymask.data.shards import read_shards
from anymask.errors import DataError, MissingExtra
from anymask.evaluate.report import interval, means_by_set, rounded, summary, table
from anymask.evaluate.run import Row, evaluate
from anymask.evaluate.selection import Question, choose_questions
from anymask.evaluate.tasks.classical import classical_scores, felzenszwalb_regions, grabcut
from anymask.evaluate.tasks.prompts import corrected
from anymask.image.read import read_picture
from anymask.masks.mask import Mask, Masks
from anymask.masks.overlap import iou
from anymask.model.configs import tiny
from anymask.model.sam import Sam
from anymask.predict.care import AS_USUAL, PLAIN
from anymask.predict.decode import predict
from anymask.predict.encode import embed_pictures
from anymask.vocabulary import ImageFrame, Prompt
from anymask.weights.load import load_model
from anymask.weights.loaded import LoadedModel
from tests.scenes import HEIGHT, WIDTH, disc, scene, write_shard


@pytest.fixture
def pictures(tmp_path: Path) -> list[AnnotatedPicture]:
    return list(
        read_shards([write_shard(tmp_path / "b.tar", 5), write_shard(tmp_path / "a.tar", 3)])
    )


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    torch.manual_seed(0)
    return LoadedModel(
        sam=Sam(tiny(64)).eval().requires_grad_(requires_grad=False),
        name="tiny",
        sha256="0" * 64,
        origin="test",
        device=torch.device("cpu"),
        dtype=torch.float32,
        metadata={},
        notes=(),
    )


def test_same_seed_asks_the_same(pictures: list[AnnotatedPicture]) -> None:
    one = choose_questions(pictures, 4, 2, 7)
    two = choose_questions(reversed(pictures), 4, 2, 7)
    names = {name: [(q.picture.name, q.indices) for q in group] for name, group in one.items()}
    again = {name: [(q.picture.name, q.indices) for q in group] for name, group in two.items()}
    assert names == again
    assert list(one) == ["a", "b"]
    assert [len(group) for group in one.values()] == [3, 4]
    assert all(len(q.indices) == 2 for group in one.values() for q in group)
    other = choose_questions(pictures, 4, 2, 8)
    assert [q.indices for q in other["b"]] != [q.indices for q in one["b"]]


def test_no_masks_is_refused() -> None:
    with pytest.raises(DataError, match="the evaluation data holds no mask; check the folder"):
        choose_questions([], 4, 2, 0)


def test_one_row_a_mask_with_every_figure(
    pictures: list[AnnotatedPicture], loaded: LoadedModel
) -> None:
    seen: list[tuple[int, int]] = []
    questions = choose_questions(pictures, 2, 2, 0)
    rows = evaluate(loaded, questions, on_progress=lambda done, total: seen.append((done, total)))
    assert len(rows) == 8
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for row in rows:
        assert row["oracle"] >= row["click"]  # type: ignore[operator]
        for figure in ("click", "oracle", "clicks_3", "box", "grabcut", "felzenszwalb"):
            assert 0 <= float(row[figure]) <= 1
    question = questions["a"][0]
    truth = question.picture.mask(question.indices[0])
    assert rows[0]["area_share"] == pytest.approx(truth.mean())
    _, _, w, h = cv2.boundingRect(truth.astype(np.uint8))
    assert rows[0]["box_filled"] == pytest.approx(truth.sum() / (w * h))


def test_usual_care_looks_at_small_objects_again_and_plain_does_not(
    pictures: list[AnnotatedPicture],
) -> None:
    default = load_model(device="cpu")
    question = Question(picture=pictures[0], indices=(0, 1))

    questions = {"a": [question]}
    plain = evaluate(default, questions, with_classical=False, care=PLAIN)
    usual = evaluate(default, questions, with_classical=False, care=AS_USUAL)
    assert evaluate(default, questions, with_classical=False) == plain
    for before, after in zip(plain, usual, strict=True):
        assert after["score"] == before["score"]
        assert all(after[name] != before[name] for name in ("box", "clicks_3"))
    # A disc's tight box, asked once by the way that knows no care.
    (embedding,) = embed_pictures(default, [read_picture(question.picture.encoded)])
    for row, index in zip(plain, question.indices, strict=True):
        truth = question.picture.mask(index)
        x, y, w, h = cv2.boundingRect(truth.astype(np.uint8))
        (answer,) = predict(default, embedding, [Prompt(box=(x, y, x + w, y + h))], multimask=False)
        assert row["box"] == pytest.approx(iou(answer.best.array, truth), abs=1e-3)


def test_classical_methods_find_a_disc_on_a_plain_ground() -> None:
    pixels, masks = scene(1)
    (scores,) = classical_scores(pixels, masks[:1])
    assert scores["felzenszwalb"] > 0.8
    assert scores["grabcut"] > 0.9
    assert scores["box_filled"] == pytest.approx(np.pi / 4, abs=0.05)


def test_regions_are_scikit_images() -> None:
    from skimage.segmentation import felzenszwalb

    pixels, _ = scene(2)
    expected = felzenszwalb(pixels, scale=300, sigma=0.8, min_size=100)
    np.testing.assert_array_equal(felzenszwalb_regions(pixels), expected)


def test_box_over_the_whole_picture_gives_the_box() -> None:
    pixels, _ = scene(3)
    assert grabcut(pixels, (0, 0, WIDTH, HEIGHT)).mean() in (0.0, 1.0)


def test_missing_scikit_image_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "skimage.segmentation", None)
    with pytest.raises(MissingExtra, match=r'run pip install "anymask\[evaluate\]"'):
        felzenszwalb_regions(scene(0)[0])


def test_correction_feeds_the_answer_back() -> None:
    truth = disc(90, 48, 20)
    logits = np.full((16, 16), -5.0, np.float32)
    frame = ImageFrame(original_hw=(HEIGHT, WIDTH), resized_hw=(48, 64), input_size=64)
    answer = Masks((Mask(score=0.5, low_res_logits=logits, frame=frame),))
    prompt = corrected(Prompt(points=((5, 5),), labels=(0,)), answer, truth)
    assert prompt.points == ((5, 5), (90, 48))
    assert prompt.labels == (0, 1)
    np.testing.assert_array_equal(prompt.mask, logits)


def rows_by_hand() -> list[Row]:
    def row(of_set: str, picture: str, click: float) -> Row:
        figures = {"click": click, "score": 0.5, "oracle": click, "clicks_3": 1.0, "box": 0.5}
        return {"set": of_set, "picture": picture, **figures}

    return [row("a", "p", 0.2), row("a", "q", 0.4), row("coco128", "r", 0.9)]


def test_means_weigh_sets_equally() -> None:
    means = means_by_set(rows_by_hand())
    assert means["a"]["click"] == pytest.approx(0.3)
    assert means["mean"]["click"] == pytest.approx((0.3 + 0.9) / 2)
    assert means["a"]["score_error"] == pytest.approx((0.3 + 0.1) / 2)
    assert "grabcut" not in means["mean"]


def test_interval_holds_the_mean_and_narrows_with_pictures() -> None:
    rows = rows_by_hand()
    low, high = interval(rows, "click")
    assert low <= 0.6 <= high
    assert high - low == pytest.approx(0.1, abs=0.01)
    assert interval(rows, "clicks_3") == (1.0, 1.0)


def test_table_marks_in_domain_sets() -> None:
    made = table(rows_by_hand())
    assert made["columns"][:3] == ["set", "masks", "one click"]
    assert made["rows"][0][:3] == ["a", "2", "0.300"]
    assert made["rows"][1][:2] == ["coco128 (in-domain)", "1"]
    assert made["rows"][2][:3] == ["mean", "3", "0.600"]


def test_summary_and_rows_are_rounded() -> None:
    rows = rows_by_hand()
    rows[0]["click"] = 1 / 3
    assert rounded(rows)[0]["click"] == 0.3333
    assert summary(rows)["means"]["coco128"]["click"] == 0.9
    assert set(summary(rows)["intervals_95"]) == set(means_by_set(rows)["mean"])
