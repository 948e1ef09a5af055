"""Run-length codes of 10,000 masks, byte for byte against pycocotools' C code."""

import numpy as np
import pytest
from pycocotools import mask as coco

from anymask.masks import rle
from anymask.masks.rasterize import polygon_mask

NUM_RANDOM = 9_400


def shapes(random):
    """Sides from 1 pixel up, all small enough that thousands take seconds."""
    while True:
        kind = random.integers(6)
        if kind == 0:
            yield 1, int(random.integers(1, 200))
        elif kind == 1:
            yield int(random.integers(1, 200)), 1
        else:
            yield int(random.integers(1, 48)), int(random.integers(1, 48))


def noise(random, shape):
    return random.random(shape) < random.choice([0.02, 0.3, 0.5, 0.7, 0.98])


def stripes(random, shape):
    y, x = np.mgrid[: shape[0], : shape[1]]
    period = int(random.integers(2, 9))
    return (y * random.integers(3) + x * random.integers(3) + random.integers(9)) % period < 1


def blocks(random, shape):
    side = int(random.integers(2, 12))
    coarse = random.random((shape[0] // side + 1, shape[1] // side + 1)) < 0.5
    return np.kron(coarse, np.ones((side, side), bool))[: shape[0], : shape[1]] > 0


def box(random, shape):
    mask = np.zeros(shape, bool)
    y, x = (np.sort(random.integers(0, side + 1, 2)) for side in shape)
    mask[slice(*y), slice(*x)] = True
    return mask


def one_pixel(random, shape):
    mask = np.zeros(shape, bool)
    mask[random.integers(shape[0]), random.integers(shape[1])] = True
    return mask ^ (random.random() < 0.5)


def plain(random, shape):
    return np.full(shape, random.random() < 0.5)


KINDS = (noise, stripes, blocks, box, one_pixel, plain)


def random_masks():
    random = np.random.default_rng(11)
    for number, shape in zip(range(NUM_RANDOM), shapes(random), strict=False):
        yield KINDS[number % len(KINDS)](random, shape)


def tiny_masks():
    """Every mask of up to 3×3 pixels."""
    for height, width in ((1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 2), (3, 3)):
        for bits in range(1 << height * width):
            yield (bits >> np.arange(height * width).reshape(height, width)) & 1 > 0


def large_masks():
    """Runs whose counts take two to five letters, and differences of either sign."""
    random = np.random.default_rng(12)
    sizes = ((512, 512), (1200, 1800), (1, 1_500_000), (1_500_000, 1), (31, 40_009), (2049, 65))
    for shape in sizes:
        yield np.zeros(shape, bool)
        yield np.ones(shape, bool)
        yield one_pixel(random, shape)
        yield box(random, shape)
        coarse = random.random((shape[0] // 9 + 1, shape[1] // 9 + 1)) < 0.1
        yield np.kron(coarse, np.ones((9, 9), bool))[: shape[0], : shape[1]] > 0
        alternating = np.zeros(shape, bool)
        alternating.ravel()[::2] = True
        yield alternating
    for count in (15, 16, 511, 512, 16_383, 16_384, 524_287, 524_288):
        for extra in (0, 1):
            columns = np.zeros(1024 * 1100, bool)
            columns[7 : 7 + count + extra] = True
            columns[7 + 2 * count : 7 + 2 * count + 3] = True
            yield columns.reshape(1100, 1024).T


def disagreement(mask):
    """What differs from pycocotools, or None."""
    theirs = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    ours = rle.encode(mask)
    if ours["size"] != theirs["size"] or ours["counts"].encode() != theirs["counts"]:
        return f"code {ours['counts'][:60]} is not {theirs['counts'][:60]}"
    if not np.array_equal(rle.decode(theirs), mask):
        return "decoded mask differs"
    if rle.area(theirs) != int(coco.area(theirs)):
        return f"area {rle.area(theirs)} is not {coco.area(theirs)}"
    if list(rle.bbox(theirs)) != coco.toBbox(theirs).tolist():
        return f"box {rle.bbox(theirs)} is not {coco.toBbox(theirs)}"
    return None


def test_codes_masks_areas_and_boxes_are_those_of_pycocotools():
    sources = (random_masks, tiny_masks, large_masks)
    num_masks, wrong = 0, []
    for source in sources:
        for number, mask in enumerate(source()):
            num_masks += 1
            if (found := disagreement(mask)) is not None:
                wrong.append(f"{source.__name__} {number} {mask.shape}: {found}")
    assert wrong[:5] == []
    assert num_masks >= 10_000


@pytest.mark.parametrize("seed", range(4))
def test_polygons_are_filled_and_united_as_pycocotools_does(seed):
    random = np.random.default_rng(seed)
    wrong = []
    for number in range(150):
        height, width = random.integers(1, 90, 2).tolist()
        scale = random.choice([0.4, 1.0, 1.6])
        rings = [
            ((random.random((random.integers(3, 9), 2)) - 0.2) * scale * (width, height)).round(
                int(random.integers(0, 4))
            )
            for _ in range(random.integers(1, 4))
        ]
        parts = coco.frPyObjects([ring.ravel().tolist() for ring in rings], height, width)
        theirs = coco.merge(parts)
        ours = rle.encode(polygon_mask(rings, (height, width)))
        if ours["counts"].encode() != theirs["counts"]:
            wrong.append((number, height, width, rings))
    assert wrong == []
