"""`anymask.load` and `predict` against the published predictor: same weights, same masks."""

import numpy as np
import pytest
import torch
from PIL import Image

import anymask
from anymask import Prompt
from tests.reference.torchvision_standin import import_reference

# Name of the photo, size (W, H) it is given; one is wide, one is high, all sides are odd.
PHOTOS = {"coffee.png": (500, 333), "astronaut.png": (251, 613)}


@pytest.fixture(scope="module")
def published():
    """The published network at a fourth of its depth; no table is left at zero."""
    build = import_reference("segment_anything.build_sam")._build_sam
    with torch.random.fork_rng():
        torch.manual_seed(1)
        sam = build(768, 3, 12, [2])
        for name, tensor in sam.state_dict().items():
            if name.endswith(("pos_embed", "rel_pos_h", "rel_pos_w")):
                tensor.normal_(std=0.1)
    return sam


@pytest.fixture(scope="module")
def model(published, tmp_path_factory):
    """The same weights, read by this package."""
    path = tmp_path_factory.mktemp("weights") / "shallow.pth"
    torch.save(published.state_dict(), path)
    yield anymask.load(path, device="cpu")
    path.unlink()


@pytest.fixture(scope="module", params=PHOTOS)
def photo(request, photos):
    """A real photo of odd size."""
    with Image.open(photos / request.param) as picture:
        resized = picture.convert("RGB").resize(PHOTOS[request.param], Image.Resampling.LANCZOS)
    return np.asarray(resized)


@pytest.fixture(scope="module")
def predictor(published, photo):
    """The published predictor with the photo set."""
    predictor = import_reference().SamPredictor(published)
    predictor.set_image(photo)
    return predictor


@pytest.fixture(scope="module")
def embedding(model, photo):
    """The photo, embedded here."""
    return model.embed(photo)


def at(photo, x: float, y: float) -> tuple[float, float]:
    """A place given as shares, in pixels that are not whole."""
    return (x * photo.shape[1], y * photo.shape[0])


def box_of(photo, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
    return (*at(photo, x0, y0), *at(photo, x1, y1))


def assert_same(found: anymask.Masks, expected: tuple) -> None:
    """Compare with what the published predictor gives with return_logits=True."""
    full, scores, low_res = map(np.asarray, expected)
    rms = np.sqrt(np.square(low_res).mean())
    difference = found.low_res_logits - low_res
    assert found.low_res_logits.shape == low_res.shape
    assert np.sqrt(np.square(difference).mean()) <= 1e-5 * rms
    assert np.abs(difference).max() <= 1e-4 * rms
    np.testing.assert_allclose(found.scores, scores, rtol=0, atol=1e-5)
    for mask, logits in zip(found, full, strict=True):
        np.testing.assert_allclose(mask.logits, logits, rtol=0, atol=1e-4)
        differs = mask.array != (logits > 0)
        assert differs.mean() <= 1e-4
        assert np.abs(logits[differs]).max(initial=0) < 1e-4


def test_the_image_embedding_is_the_published_one(predictor, embedding):
    expected, found = predictor.get_image_embedding(), embedding.features.embedding
    rms = expected.square().mean().sqrt()
    assert (found - expected).square().mean().sqrt() <= 1e-5 * rms
    assert (found - expected).abs().max() <= 1e-4 * rms
    assert embedding.frame.resized_hw == predictor.input_size
    assert embedding.frame.original_hw == predictor.original_size


# Points, labels and box as shares of the photo; whether earlier logits go along; whether three
# masks are wanted.
POINT, POINTS = [(0.3, 0.4)], [(0.3, 0.4), (0.62, 0.55), (0.9, 0.1)]
BOX = (0.21, 0.13, 0.77, 0.81)
CASES = {
    "a point, three masks": (POINT, [1], None, False, True),
    "a point, one mask": (POINT, [1], None, False, False),
    "points added and removed": (POINTS, [1, 0, 1], None, False, False),
    "two points, three masks": (POINTS[:2], [1, 1], None, False, True),
    "the corners": ([(0.0, 0.0), (1.0, 1.0)], [1, 0], None, False, False),
    "a box": (None, None, BOX, False, False),
    "a box, three masks": (None, None, BOX, False, True),
    "a box and a point in it": (POINT, [1], BOX, False, False),
    "a box and a point taken away": (POINTS[:2], [0, 1], BOX, False, False),
    "a mask alone": (None, None, None, True, False),
    "a mask alone, three masks": (None, None, None, True, True),
    "a mask and a point": (POINT, [1], None, True, False),
    "a mask, a box and points": (POINTS[:2], [0, 1], BOX, True, False),
}


@pytest.fixture(scope="module")
def earlier(predictor, photo):
    """Logits of an earlier answer, (1, h, w)."""
    return predictor.predict(np.array([at(photo, 0.5, 0.5)]), np.array([1]))[2][1:2]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_prompt(model, embedding, predictor, photo, earlier, case):
    shares, labels, box, with_mask, multimask = case
    points = None if shares is None else [at(photo, *share) for share in shares]
    box = None if box is None else box_of(photo, *box)
    logits = earlier if with_mask else None
    expected = predictor.predict(
        None if points is None else np.array(points),
        None if labels is None else np.array(labels),
        None if box is None else np.array(box),
        logits,
        multimask_output=multimask,
        return_logits=True,
    )
    found = model.predict(
        embedding, points=points, labels=labels, box=box, mask=logits, multimask=multimask
    )
    assert_same(found, expected)


def test_refining_an_answer_is_passing_its_logits(model, embedding, predictor, photo):
    first, second = at(photo, 0.3, 0.4), at(photo, 0.62, 0.55)
    _, scores, logits = predictor.predict(np.array([first]), np.array([1]))
    expected = predictor.predict(
        np.array([first, second]),
        np.array([1, 1]),
        mask_input=logits[np.argmax(scores)][None],
        multimask_output=False,
        return_logits=True,
    )
    masks = model.predict(embedding, points=[first])
    assert_same(model.predict(embedding, points=[first, second], mask=masks), expected)


def test_many_boxes_at_once(model, embedding, predictor, photo):
    shares = [
        (0.1, 0.1, 0.5, 0.6),
        (0.2, 0.3, 0.9, 0.95),
        (0.0, 0.0, 1.0, 1.0),
        (0.4, 0.4, 0.45, 0.5),
    ]
    boxes = [box_of(photo, *share) for share in shares]
    moved = predictor.transform.apply_boxes_torch(torch.tensor(boxes), photo.shape[:2])
    expected = predictor.predict_torch(
        None, None, moved, multimask_output=False, return_logits=True
    )
    found = model.predict_many(embedding, [Prompt(box=box) for box in boxes])
    for masks, *answer in zip(found, *expected, strict=True):
        assert_same(masks, tuple(answer))


def test_many_points_at_once(model, embedding, predictor, photo):
    points = [at(photo, x, y) for x in (0.11, 0.5, 0.87) for y in (0.23, 0.71)]
    coords = predictor.transform.apply_coords_torch(torch.tensor(points)[:, None], photo.shape[:2])
    expected = predictor.predict_torch(
        coords, torch.ones(len(points), 1), multimask_output=True, return_logits=True
    )
    found = model.predict_many(embedding, [Prompt(points=(p,), labels=(1,)) for p in points])
    for masks, *answer in zip(found, *expected, strict=True):
        assert_same(masks, tuple(answer))


def test_prompts_of_all_kinds_at_once(model, embedding, predictor, photo):
    """One batch here, one call each there."""
    first, second = at(photo, 0.3, 0.4), at(photo, 0.62, 0.55)
    box = box_of(photo, 0.2, 0.1, 0.8, 0.9)
    prompts = [
        Prompt(points=(first,), labels=(1,)),
        Prompt(points=(first, second), labels=(1, 0)),
        Prompt(box=box),
        Prompt(points=(second,), labels=(1,), box=box),
        Prompt(points=(second,), labels=(1,)),
    ]
    for prompt, masks in zip(prompts, model.predict_many(embedding, prompts), strict=True):
        expected = predictor.predict(
            np.array(prompt.points) if prompt.points else None,
            np.array(prompt.labels) if prompt.points else None,
            None if prompt.box is None else np.array(prompt.box),
            multimask_output=len(prompt.points) == 1 and prompt.box is None,
            return_logits=True,
        )
        assert_same(masks, expected)
