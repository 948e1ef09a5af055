"""Pictures looked at in tiles give what they give looked at at once."""

import tracemalloc
from dataclasses import replace

import cv2
import numpy as np
import pytest

from anymask.errors import ConfigError
from anymask.everything.candidates import Floors
from anymask.everything.explain import explain
from anymask.everything.generate import choose
from anymask.everything.settings import EverythingSettings
from anymask.everything.tiles import find_in_tiles, look_in_tiles, tile_boxes, usual_halo
from anymask.image.large import LargePicture, of_picture
from anymask.image.picture import Picture
from anymask.masks.overlap import iou
from anymask.weights.load import load_model
from tests.unit.everything.coded_scene import Scene, eye, nested_blobs

SETTINGS = EverythingSettings()


def at_once(scene, settings=SETTINGS, **how):
    """Give the masks of a scene that is looked at as a whole."""
    candidates = eye(scene, **how)(scene.whole(), settings, Floors(), lambda done, of: None)
    return [mask.array for mask in choose(candidates, settings).masks]


def in_tiles(scene, side, halo, settings=SETTINGS, **how):
    tiles = tile_boxes(scene.labels.shape, side, halo)
    return look_in_tiles(eye(scene, **how), scene.picture(), settings, tiles)


def arrays(found_in_tiles):
    return [mask.array for mask in found_in_tiles.found.masks]


def matched(masks, others, least_iou=0.9):
    """Give the share of masks that are among others."""
    return np.mean(
        [max((iou(one, other) for other in others), default=0) >= least_iou for one in masks]
    )


def drawn(size_hw, *shapes):
    """Give a scene of shapes; each is drawn by a function on a plane."""
    labels = np.zeros(size_hw, np.int32)
    for label, draw in enumerate(shapes, start=1):
        plane = np.zeros(size_hw, np.uint8)
        draw(plane)
        labels[plane > 0] = label
    return Scene(labels, {})


@pytest.mark.parametrize(
    ("size_hw", "side", "halo"),
    [((1000, 1500), 256, 32), ((300, 4000), 512, 64), ((257, 256), 256, 100), ((1, 4000), 384, 48)],
)
def test_cores_make_up_the_picture_and_tiles_look_a_halo_beyond(size_hw, side, halo):
    covered = np.zeros(size_hw, np.int32)
    for tile in tile_boxes(size_hw, side, halo):
        x0, y0, x1, y1 = tile.core
        covered[y0:y1, x0:x1] += 1
        assert tile.size_hw == (min(side, size_hw[0]), min(side, size_hw[1]))
        for seen, core, end in zip(tile.box, tile.core, (0, 0, *size_hw[::-1]), strict=True):
            assert seen == end or abs(core - seen) >= halo
    assert covered.min() == covered.max() == 1


def test_a_small_picture_is_one_tile():
    (tile,) = tile_boxes((200, 256), 256, 32)
    assert tile.box == tile.core == (0, 0, 256, 200)


@pytest.mark.parametrize("halo", [15, 0, -1])
def test_a_halo_that_is_too_small_to_recognise_masks_in_is_refused(halo):
    with pytest.raises(ConfigError, match=f"a halo of {halo} pixels is too small .*from 16 to 31"):
        tile_boxes((100, 100), 64, halo)


@pytest.mark.parametrize("side", [-5, 0, 1, 32])
def test_tiles_without_room_for_any_halo_are_refused(side):
    with pytest.raises(ConfigError, match=f"tiles of {side} pixels are too small; .*33 pixels"):
        tile_boxes((100, 100), side, usual_halo(side))


def test_the_usual_halo_is_an_eighth_but_never_too_small():
    assert [usual_halo(side) for side in (1024, 256, 64, 33)] == [128, 32, 16, 16]
    assert tile_boxes((100, 100), 33, usual_halo(33))[0].core[:2] == (0, 0)


@pytest.mark.parametrize(("side", "halo"), [(64, 32), (64, 40)])
def test_a_halo_that_leaves_no_core_is_refused(side, halo):
    with pytest.raises(ConfigError, match=f"tiles of 64 pixels with a halo of {halo} have no core"):
        tile_boxes((100, 100), side, halo)


@pytest.mark.parametrize(("seed", "side", "halo"), [(0, 256, 48), (1, 200, 20), (3, 256, 32)])
def test_tiles_give_what_the_whole_picture_gives(seed, side, halo):
    scene = nested_blobs((500, 640), 70, seed, largest=0.25)
    expected, found = at_once(scene), in_tiles(scene, side, halo)
    assert matched(expected, arrays(found)) >= 0.98
    assert matched(arrays(found), expected) >= 0.98
    assert found.num_stitched > 0
    assert found.num_twice > 0


def test_outlines_that_differ_from_look_to_look_are_joined_all_the_same():
    scene = nested_blobs((500, 640), 30, seed=5, largest=0.2)
    expected = at_once(scene, least_area=300)
    found = arrays(in_tiles(scene, 256, 40, jitter=True, least_area=300))
    assert matched(expected, found, least_iou=0.8) >= 0.98
    assert matched(found, expected, least_iou=0.8) >= 0.98


def test_no_mask_ends_at_a_seam():
    scene = nested_blobs((500, 640), 40, seed=2, largest=0.3)
    expected = {mask.tobytes() for mask in at_once(scene)}
    found = in_tiles(scene, 200, 32)
    assert {mask.tobytes() for mask in arrays(found)} == expected
    assert found.num_stitched >= 5


def test_an_object_larger_than_a_tile_is_one_mask():
    scene = drawn(
        (400, 600), lambda plane: cv2.ellipse(plane, (300, 200), (280, 180), 0, 0, 360, 1, -1)
    )
    found = in_tiles(scene, 128, 16)
    (mask,) = arrays(found)
    np.testing.assert_array_equal(mask, scene.labels == 1)
    assert found.num_stitched == 1


def test_a_ring_around_a_tile_is_one_mask():
    scene = drawn((400, 400), lambda plane: cv2.circle(plane, (200, 200), 150, 1, 12))
    (mask,) = arrays(in_tiles(scene, 160, 20))
    np.testing.assert_array_equal(mask, scene.labels == 1)


def test_a_fork_whose_tines_are_apart_in_one_tile_is_one_mask():
    def fork(plane):
        plane[20:180, 40:56] = plane[20:180, 90:106] = 1
        plane[180:200, 40:106] = 1

    scene = drawn((240, 160), fork)
    (mask,) = arrays(in_tiles(scene, 160, 24))
    np.testing.assert_array_equal(mask, scene.labels == 1)


def test_a_part_across_a_seam_is_not_joined_with_its_whole():
    labels = np.zeros((200, 400), np.int32)
    labels[40:160, 100:300] = 1
    labels[80:120, 170:230] = 2
    scene = Scene(labels, {2: 1})
    areas = sorted(mask.sum() for mask in arrays(in_tiles(scene, 220, 20)))
    assert areas == [40 * 60, 120 * 200]


def test_two_things_that_touch_at_a_seam_stay_two():
    labels = np.zeros((128, 224), np.int32)
    (first, _) = tile_boxes(labels.shape, 128, 16)
    seam = first.core[2]
    labels[20:100, 40:seam], labels[20:100, seam : seam + 60] = 1, 2
    found = arrays(in_tiles(Scene(labels, {}), 128, 16))
    assert sorted(mask.sum() for mask in found) == sorted([80 * (seam - 40), 80 * 60])


def test_a_mask_goes_on_in_a_tile_that_is_less_sure_of_it():
    scene = drawn((128, 224), lambda plane: cv2.rectangle(plane, (20, 30), (200, 90), 1, -1))
    looked = iter([0.95, 0.82])

    def score(label, part):
        return next(looked)

    (mask,) = arrays(in_tiles(scene, 128, 16, score=score))
    np.testing.assert_array_equal(mask, scene.labels == 1)


def seen_by(*scores):
    """Give the scores of a single object, look by look."""
    looked = iter(scores)
    return lambda label, part: next(looked)


def test_a_tile_that_sees_nothing_takes_nothing_away():
    # three tiles in a row; the third answers for the last pixels, which the second sees too
    first, second, third = tile_boxes((128, 310), 128, 16)
    end = (third.core[0] + second.box[2]) // 2
    scene = drawn((128, 310), lambda plane: cv2.rectangle(plane, (20, 30), (end, 90), 1, -1))
    (mask,) = arrays(in_tiles(scene, 128, 16, score=seen_by(0.95, 0.95, 0.2)))
    np.testing.assert_array_equal(mask, scene.labels == 1)
    assert first.box[2] < end > third.core[0]


def test_what_ends_at_a_side_of_a_tile_is_left_out():
    scene = drawn((128, 224), lambda plane: cv2.rectangle(plane, (20, 30), (200, 90), 1, -1))
    found = in_tiles(scene, 128, 16, score=seen_by(0.95, 0.2))
    assert arrays(found) == []
    assert found.num_cut_off == 1


def test_what_lies_in_the_core_of_a_tile_that_does_not_see_it_is_left_out():
    (first, second) = tile_boxes((128, 224), 128, 16)
    left, right = second.box[0] + 5, first.box[2] - 20
    scene = drawn((128, 224), lambda plane: cv2.rectangle(plane, (left, 30), (right, 60), 1, -1))
    found = in_tiles(scene, 128, 16, score=seen_by(0.2, 0.95))
    assert right < first.core[2]
    assert arrays(found) == []
    assert found.num_disowned == 1


def test_what_no_tile_is_sure_of_is_left_out():
    scene = drawn((128, 224), lambda plane: cv2.rectangle(plane, (20, 30), (200, 90), 1, -1))
    found = in_tiles(scene, 128, 16, score=lambda label, part: 0.85)
    assert arrays(found) == []


def test_sizes_are_asked_of_whole_objects():
    scene = drawn(
        (200, 400),
        lambda plane: cv2.rectangle(plane, (10, 20), (380, 120), 1, -1),
        lambda plane: cv2.rectangle(plane, (150, 150), (249, 159), 1, -1),
    )
    # the bar has 1000 pixels, of which no tile sees as many
    settings = EverythingSettings(min_area=950, max_area_share=0.9)
    found = in_tiles(scene, 112, 16, settings)
    assert sorted(mask.sum() for mask in arrays(found)) == [1000, 371 * 101]


def test_a_uniform_picture_gives_no_masks():
    scene = drawn((300, 300))
    found = in_tiles(scene, 128, 16)
    assert len(found.found.masks) == len(found.found.candidates) == 0
    assert found.found.masks.scores.shape == (0,)


def test_findings_and_scores_are_those_of_the_surest_members():
    scene = drawn((128, 224), lambda plane: cv2.rectangle(plane, (20, 30), (200, 90), 1, -1))
    looked = iter([0.9, 0.95])
    found = in_tiles(scene, 128, 16, score=lambda label, part: next(looked)).found
    (mask,) = found.masks
    assert 0.9 < mask.score < 0.95
    assert mask.finding.crop_box == (0, 0, 224, 128)
    x, y = mask.finding.point
    assert scene.labels[int(y), int(x)] == 1
    assert mask.box == (20, 30, 201, 91)
    assert mask.area == 181 * 61


def test_progress_covers_all_tiles():
    told = []
    scene = drawn((300, 300))
    tiles = tile_boxes((300, 300), 128, 16)
    look_in_tiles(
        eye(scene), scene.picture(), SETTINGS, tiles, on_progress=lambda *now: told.append(now)
    )
    assert told == [(number + 1, 9) for number in range(9)]


class Endless:
    """Squares of 750 pixels every 1000, painted when they are read."""

    def read(self, box):
        x0, y0, x1, y1 = box
        pixels = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
        inside = (np.arange(y0, y1) % 1000 < 750)[:, None] & (np.arange(x0, x1) % 1000 < 750)
        pixels[inside, 1] = 1
        return pixels

    def hidden(self, box):
        return None, None

    def close(self):
        """Hold nothing."""


def peak_bytes(side_px):
    """Give the most memory that tiles of a square picture took, and what was found."""
    scene = Scene(np.zeros((1, 1), np.int32), {})
    size_hw = (side_px, side_px)
    picture = LargePicture(Endless(), size_hw=size_hw, name="endless", sha256="", format="PNG")
    tiles = tile_boxes(size_hw, 512, 64)
    tracemalloc.start()
    found = look_in_tiles(eye(scene), picture, SETTINGS, tiles).found
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, found.candidates


def test_memory_does_not_grow_with_the_pixels():
    """A plane of the larger picture would be 3 MB more, of a byte a pixel."""
    peak_bytes(1000)
    small, _ = peak_bytes(1000)
    large, candidates = peak_bytes(2000)
    assert candidates.rows["area"].tolist() == [750 * 750] * 4
    assert large - small < 1_000_000


def is_on_disk(codes):
    return codes._spool._file._rolled


def test_run_lengths_beyond_their_share_are_on_the_disk():
    scene = nested_blobs((300, 400), 30, seed=1)
    tiles = tile_boxes((300, 400), 160, 24)
    expected = arrays(look_in_tiles(eye(scene), scene.picture(), SETTINGS, tiles))
    found = look_in_tiles(eye(scene), scene.picture(), SETTINGS, tiles, spool_bytes=1)
    assert is_on_disk(found.found.candidates.codes)
    np.testing.assert_array_equal(arrays(found), expected)


def counting(look, given):
    """Give a look that notes all it gives: what it kept and what it left out already."""

    def noting(part, settings, floors, progress):
        candidates = replace(
            look(part, settings, floors, progress), left_out={"pred_iou_thresh": 5, "no_data": 1}
        )
        given.append(len(candidates) + 6)
        return candidates

    return noting


def test_every_candidate_of_the_tiles_is_accounted_for():
    scene = nested_blobs((500, 640), 40, seed=2, largest=0.3)
    given: list[int] = []
    # a third of the objects nearly pass, and some of them go on where a sure one ends
    look = counting(eye(scene, score=lambda label, part: (0.85, 0.95, 0.91)[label % 3]), given)
    tiles = tile_boxes(scene.labels.shape, 200, 32)
    result = look_in_tiles(look, scene.picture(), SETTINGS, tiles)
    candidates = result.found.candidates
    left_out = candidates.left_out
    assert candidates.num_prompts == len(tiles)
    assert left_out["no_data"] == len(tiles)
    assert left_out["pred_iou_thresh"] > 5 * len(tiles)
    assert left_out["found_twice"] == result.num_twice > 0
    assert left_out.get("tile_edge", 0) == result.num_cut_off
    num_became_one = sum(given) - len(candidates) - sum(left_out.values())
    assert num_became_one >= result.num_stitched > 0
    nothing = look_in_tiles(
        counting(eye(scene, score=lambda label, part: 0.85), given := []),
        scene.picture(),
        SETTINGS,
        tiles,
    ).found.candidates
    assert len(nothing) == 0
    assert sum(nothing.left_out.values()) == sum(given)
    assert "were dropped unseen" in explain(nothing, SETTINGS, (5, 5)).sentence()


def test_pixels_without_a_value_are_in_no_mask():
    """The default model sees a disc of which a stripe across two tiles holds no value."""
    y, x = np.mgrid[:200, :300]
    pixels = np.full((200, 300, 3), 40, np.uint8)
    pixels[np.hypot(x - 150, y - 100) < 80] = (230, 200, 60)
    no_data = np.zeros((200, 300), bool)
    no_data[90:110, :250] = True
    settings = EverythingSettings(
        points_per_side=3, pred_iou_thresh=0.3, stability_score_thresh=0.3
    )
    loaded = load_model(device="cpu")

    def found_in(picture):
        found = find_in_tiles(loaded, of_picture(picture), settings, tile_side=200, halo=32)
        return np.any(arrays(found), axis=0)

    assert (found_in(Picture(pixels=pixels)) & no_data).any()
    covered = found_in(Picture(pixels=pixels, no_data=no_data))
    assert covered.any()
    assert not (covered & no_data).any()


@pytest.mark.parametrize("size_hw", [(1, 500), (1, 1)])
def test_the_default_model_looks_at_any_shape(size_hw):
    pixels = np.full((*size_hw, 3), 127, np.uint8)
    pixels[:, : size_hw[1] // 2] = 20
    picture = of_picture(Picture(pixels=pixels))
    settings = EverythingSettings(
        points_per_side=1, pred_iou_thresh=0.3, stability_score_thresh=0.3
    )
    found = find_in_tiles(load_model(device="cpu"), picture, settings, tile_side=384).found
    assert found.candidates.size_hw == size_hw
    assert all(mask.array.shape == size_hw for mask in found.masks)
    assert found.candidates.num_prompts == len(tile_boxes(size_hw, 384, 48))
