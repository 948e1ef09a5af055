"""One program, two import lines: what runs on the published package runs here, and shows the same.

The program asks for everything an introduction to SAM shows: a point with its three masks, two
points that refine the best of them, a box, a box with a point taken away, and several boxes.
"""

from types import MappingProxyType

import numpy as np
import pytest
import torch
from PIL import Image

from tests.reference.torchvision_standin import import_reference

PROGRAM = """
import numpy as np
import torch
from {package} import SamPredictor, sam_model_registry

sam = sam_model_registry["vit_b"](checkpoint=checkpoint)
sam.to(device="cpu")
predictor = SamPredictor(sam)
predictor.set_image(image)
shown = {{"embedding": predictor.get_image_embedding()}}

point, label = np.array([[500, 375]]), np.array([1])
masks, scores, logits = predictor.predict(
    point_coords=point, point_labels=label, multimask_output=True
)
shown["point"] = masks, scores, logits

best = logits[np.argmax(scores), :, :]
shown["two points after the best mask"] = predictor.predict(
    point_coords=np.array([[500, 375], [1125, 625]]),
    point_labels=np.array([1, 1]),
    mask_input=best[None, :, :],
    multimask_output=False,
)
shown["a point taken away after the best mask"] = predictor.predict(
    point_coords=np.array([[500, 375], [1125, 625]]),
    point_labels=np.array([1, 0]),
    mask_input=best[None, :, :],
    multimask_output=False,
)

box = np.array([425, 600, 700, 875])
shown["box"] = predictor.predict(
    point_coords=None, point_labels=None, box=box[None, :], multimask_output=False
)
shown["box without a point"] = predictor.predict(
    point_coords=np.array([[575, 750]]),
    point_labels=np.array([0]),
    box=box,
    multimask_output=False,
)

boxes = torch.tensor(
    [[75, 275, 1725, 850], [425, 600, 700, 875], [1375, 550, 1650, 800], [1240, 675, 1400, 750]],
    device=predictor.device,
)
transformed = predictor.transform.apply_boxes_torch(boxes, image.shape[:2])
shown["boxes"] = predictor.predict_torch(
    point_coords=None, point_labels=None, boxes=transformed, multimask_output=False
)
"""
ANSWERS = (
    "point",
    "two points after the best mask",
    "a point taken away after the best mask",
    "box",
    "box without a point",
    "boxes",
)
SHAPES = MappingProxyType(
    {
        name: ((1, 1200, 1800), (1,), (1, 256, 256))
        for name in ANSWERS
        if name not in ("point", "boxes")
    }
    | {
        "point": ((3, 1200, 1800), (3,), (3, 256, 256)),
        "boxes": ((4, 1, 1200, 1800), (4, 1), (4, 1, 256, 256)),
    }
)


@pytest.fixture(scope="module")
def photo(photos):
    """A real photo of 1800 × 1200 pixels."""
    with Image.open(photos / "coffee.png") as picture:
        return np.asarray(picture.convert("RGB").resize((1800, 1200), Image.Resampling.LANCZOS))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Random weights of full size; tables that start at zero would prove nothing."""
    reference = import_reference()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = reference.build_sam_vit_b().state_dict()
        for name, tensor in state.items():
            if name.endswith(("pos_embed", "rel_pos_h", "rel_pos_w")):
                tensor.normal_(std=0.1)
    path = tmp_path_factory.mktemp("weights") / "vit_b.pth"
    torch.save(state, path)
    yield path
    path.unlink()


def run(package: str, photo: np.ndarray, checkpoint) -> dict:
    namespace: dict = {"image": photo, "checkpoint": str(checkpoint)}
    exec(compile(PROGRAM.format(package=package), f"<program on {package}>", "exec"), namespace)
    return namespace["shown"]


@pytest.fixture(scope="module")
def published(photo, checkpoint):
    """What the program shows on the published package."""
    import_reference()
    return run("segment_anything", photo, checkpoint)


@pytest.fixture(scope="module")
def ours(photo, checkpoint):
    """What the program shows here."""
    return run("anymask.segment_anything", photo, checkpoint)


def test_the_image_embedding_is_the_published_one(published, ours):
    expected, found = published["embedding"], ours["embedding"]
    assert found.shape == expected.shape == (1, 256, 64, 64)
    assert found.dtype == expected.dtype
    rms = expected.square().mean().sqrt()
    difference = found - expected
    assert difference.square().mean().sqrt() <= 1e-5 * rms
    assert difference.abs().max() <= 1e-4 * rms


def test_everything_the_program_asks_for_is_compared(published, ours):
    assert set(published) == set(ours) == {*ANSWERS, "embedding"}


@pytest.mark.parametrize("name", ANSWERS)
def test_types_and_shapes_are_the_published_ones(published, ours, name):
    assert type(ours[name]) is type(published[name]) is tuple
    shapes = tuple(tuple(part.shape) for part in ours[name])
    assert shapes == SHAPES[name]
    for expected, found in zip(published[name], ours[name], strict=True):
        assert type(found) is type(expected)
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape


@pytest.mark.parametrize("name", ANSWERS)
def test_masks_scores_and_logits_are_the_published_ones(published, ours, name):
    masks, scores, low_res = map(np.asarray, ours[name])
    expected_masks, expected_scores, expected_low_res = map(np.asarray, published[name])
    np.testing.assert_allclose(scores, expected_scores, rtol=0, atol=1e-5)
    rms = np.sqrt(np.square(expected_low_res).mean())
    difference = low_res - expected_low_res
    assert np.sqrt(np.square(difference).mean()) <= 1e-5 * rms
    assert np.abs(difference).max() <= 1e-4 * rms
    for mask, expected in zip(
        masks.reshape(-1, 1200, 1800), expected_masks.reshape(-1, 1200, 1800), strict=True
    ):
        assert 0.01 < expected.mean() < 0.99, "a mask that is all or nothing proves nothing"
        assert (mask == expected).mean() >= 0.9999
