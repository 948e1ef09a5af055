"""Parts lie in wholes, wholes are made of like neighbours, and both get the same click."""

import io

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from anymask.data.part_pairs import contained, joined, part_and_whole
from anymask.data.picture import AnnotatedPicture
from anymask.data.samples import SampleSettings, make_sample

Mask = NDArray[np.bool_]
HEIGHT, WIDTH = 96, 128


def area(x0: int, y0: int, x1: int, y1: int) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


def picture_of(
    pixels: NDArray[np.uint8], masks: list[Mask], set_name: str = "bsds500", pseudo: str = ""
) -> AnnotatedPicture:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    runs = []
    for mask in masks:
        flat = mask.T.reshape(-1)
        edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        lengths = np.diff(np.concatenate([[0], edges, [flat.size]]))
        runs.append(np.concatenate([[0], lengths]) if flat[0] else lengths)
    return AnnotatedPicture(
        set_name=set_name,
        name="regions",
        encoded=buffer.getvalue(),
        size_hw=(HEIGHT, WIDTH),
        runs=tuple(runs),
        pseudo=tuple(maker == "m" for maker in pseudo) or None,
    )


@pytest.fixture
def stripes() -> tuple[AnnotatedPicture, NDArray[np.uint8], list[Mask]]:
    """Give four stripes that divide a picture: two greens beside each other, blue, green again."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    masks = []
    colours = ((30, 150, 40), (36, 156, 44), (30, 40, 200), (32, 152, 42))
    for number, colour in enumerate(colours):
        masks.append(area(32 * number, 0, 32 * number + 32, HEIGHT))
        pixels[masks[-1]] = colour
    return picture_of(pixels, masks), pixels, masks


@pytest.fixture
def nested() -> tuple[AnnotatedPicture, NDArray[np.uint8], list[Mask]]:
    """Give a window in a house, and a tree that lies in no other."""
    masks = [area(10, 10, 70, 80), area(20, 20, 40, 50), area(60, 20, 120, 90)]
    pixels = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for mask, grey in zip(masks, (150, 200, 40), strict=True):
        pixels[mask] = grey
    return picture_of(pixels, masks, "houses"), pixels, masks


def test_annotated_part_is_found_in_its_whole(
    nested: tuple[AnnotatedPicture, NDArray[np.uint8], list[Mask]],
) -> None:
    picture, pixels, masks = nested
    for seed in range(20):
        for are_regions in (False, True):
            rng = np.random.default_rng(seed)
            pair = part_and_whole(picture, pixels, rng, are_regions=are_regions)
            if pair is None:
                assert are_regions
                continue
            np.testing.assert_array_equal(pair[0], masks[1])
            np.testing.assert_array_equal(pair[1], masks[0])


def test_masks_nearly_the_same_are_no_part_and_whole() -> None:
    masks = [area(10, 10, 50, 50), area(9, 9, 52, 51)]
    ground = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    assert contained(picture_of(ground, masks), [0, 1], np.random.default_rng(0)) is None
    assert contained(picture_of(ground, masks[:1]), [0], np.random.default_rng(0)) is None


def test_mask_in_the_bay_of_another_is_no_part_of_it() -> None:
    bay = area(10, 10, 90, 80) & ~area(30, 10, 70, 60)
    ground = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    inside = picture_of(ground, [bay, area(35, 15, 65, 55)])
    assert contained(inside, [0, 1], np.random.default_rng(0)) is None


def test_like_neighbours_are_joined_and_others_are_not(
    stripes: tuple[AnnotatedPicture, NDArray[np.uint8], list[Mask]],
) -> None:
    picture, pixels, masks = stripes
    green = masks[0] | masks[1]
    for seed in range(30):
        pair = joined(picture, pixels, [0, 1, 2, 3], np.random.default_rng(seed))
        assert pair is not None
        part, whole = pair
        # The fourth stripe is as green, but blue lies between.
        np.testing.assert_array_equal(whole, green)
        assert any(np.array_equal(part, masks[number]) for number in (0, 1))


def test_only_regions_of_people_are_joined(
    stripes: tuple[AnnotatedPicture, NDArray[np.uint8], list[Mask]],
) -> None:
    _, pixels, masks = stripes
    by_model = picture_of(pixels, masks, pseudo="pmpp")
    for seed in range(30):
        rng = np.random.default_rng(seed)
        assert part_and_whole(by_model, pixels, rng, are_regions=True) is None
        assert part_and_whole(picture_of(pixels, masks), pixels, rng, are_regions=False) is None


def test_overlapping_regions_are_no_neighbours() -> None:
    pixels = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    rng = np.random.default_rng(0)
    apart = [area(0, 0, 30, 60), area(40, 0, 70, 60)]
    over = [area(0, 0, 30, 60), area(20, 0, 50, 60)]
    beside = [area(0, 0, 30, 60), area(30, 0, 60, 60)]
    corner = [area(0, 0, 40, 40), area(40, 40, 80, 80)]
    found = [joined(picture_of(pixels, m), pixels, [0, 1], rng) for m in (apart, over, corner)]
    assert found == [None, None, None]
    assert joined(picture_of(pixels, beside), pixels, [0, 1], rng) is not None


@pytest.mark.parametrize("prompts", [2, 4, 12])
def test_part_and_whole_are_asked_for_with_the_same_click(
    nested: tuple[AnnotatedPicture, NDArray[np.uint8], list[Mask]], prompts: int
) -> None:
    picture, _, masks = nested
    settings = SampleSettings(
        prompts=prompts, part_whole_share=1.0, zoom_share=0, whole_share=1, mirror=False
    )
    sample = make_sample(picture, 128, settings, np.random.default_rng(0))
    assert sample is not None
    assert len(sample.clicks) == prompts
    for number in range(max(1, prompts // 4)):
        part, whole = 2 * number, 2 * number + 1
        np.testing.assert_array_equal(sample.clicks[part], sample.clicks[whole])
        for index, mask in ((part, masks[1]), (whole, masks[0])):
            small = cv2.resize(mask.astype(np.uint8) * 255, (32, 24), interpolation=cv2.INTER_AREA)
            np.testing.assert_array_equal(sample.targets[index][:24], small)
            x, y = (int(side // 4) for side in sample.clicks[index])
            assert sample.targets[index][y, x] > 127


def test_single_prompt_has_no_pair(
    nested: tuple[AnnotatedPicture, NDArray[np.uint8], list[Mask]],
) -> None:
    settings = SampleSettings(prompts=1, part_whole_share=1.0)
    sample = make_sample(nested[0], 128, settings, np.random.default_rng(0))
    assert sample is not None
    assert len(sample.targets) == 1
