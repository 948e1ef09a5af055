"""The guard set: the six photos with masks that fit them."""

import json
import warnings

import cv2
import numpy as np
from pycocotools import mask as coco

from anymask.data.guard import guard_categories, guard_pictures


def decoded(code):
    with warnings.catch_warnings():  # pycocotools' own, about numpy 2
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.asarray(coco.decode(code))


def test_every_photo_is_there_with_its_own_bytes(photos):
    pictures = guard_pictures()
    assert [p.name for p in pictures] == [
        "astronaut",
        "camera",
        "chelsea",
        "coffee",
        "coins",
        "rocket",
    ]
    for picture in pictures:
        (path,) = photos.glob(f"{picture.name}.*g")
        assert picture.encoded == path.read_bytes()
        pixels = cv2.imdecode(np.frombuffer(picture.encoded, np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None
        assert pixels.shape == (*picture.size_hw, 3)
        assert 3 <= len(picture.runs) <= 6
        assert picture.set_name == "guard"


def test_masks_are_what_pycocotools_reads_from_the_file(photos):
    records = json.loads((photos / "masks.json").read_text())["pictures"]
    for picture, record in zip(guard_pictures(), records, strict=True):
        assert list(picture.size_hw) == [record["image"]["height"], record["image"]["width"]]
        for index, annotation in enumerate(record["annotations"]):
            code = annotation["segmentation"]
            truth = decoded(code).astype(bool)
            assert np.array_equal(picture.mask(index), truth)
            assert annotation["area"] == truth.sum()
            xs, ys = np.flatnonzero(truth.any(0)), np.flatnonzero(truth.any(1))
            sides = [xs[0], ys[0], xs[-1] - xs[0] + 1, ys[-1] - ys[0] + 1]
            assert annotation["bbox"] == sides


def test_masks_lie_on_the_things_they_name():
    """Pixels that anyone can point to, and parts that lie inside their wholes."""
    masks = {
        (picture.name, category): picture.mask(index)
        for picture in guard_pictures()
        for index, category in enumerate(guard_categories()[picture.name])
    }
    assert masks["astronaut", "patch"][385, 171]
    assert not masks["astronaut", "patch"][385, 230]
    assert masks["camera", "tower"][160, 422]
    assert not masks["coffee", "cup"][300, 360]
    assert masks["coffee", "spoon"][300, 360]
    for name, part, whole in (
        ("rocket", "emblem", "fairing"),
        ("rocket", "fairing", "rocket"),
        ("coffee", "coffee", "cup"),
        ("coffee", "handle", "cup"),
        ("astronaut", "face", "person"),
        ("astronaut", "patch", "person"),
    ):
        outside = masks[name, part] & ~masks[name, whole]
        assert outside.sum() <= 0.002 * masks[name, part].sum()
    for name, one, other in (
        ("astronaut", "hair", "face"),
        ("astronaut", "person", "helmet"),
        ("coffee", "saucer", "cup"),
        ("camera", "hair", "ear"),
    ):
        overlap = (masks[name, one] & masks[name, other]).sum()
        assert overlap <= 0.02 * min(masks[name, one].sum(), masks[name, other].sum())


def test_every_mask_is_one_clear_thing():
    for picture in guard_pictures():
        for index, category in enumerate(guard_categories()[picture.name]):
            mask = picture.mask(index).astype(np.uint8)
            pieces = cv2.connectedComponents(mask)[0] - 1
            # The cup hides the middle of the spoon; its rim touches the saucer's.
            assert pieces == (2 if category == "spoon" else pieces if category == "saucer" else 1)
            assert 100 <= mask.sum() <= 0.5 * mask.size
            assert category == category.lower()
            assert category.replace(" ", "").isalpha()


def test_the_file_stays_small(photos):
    assert (photos / "masks.json").stat().st_size < 60_000
