"""The doctor finds each fault that was put in, says where, and finds none in sound data."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from anymask.data.doctor import check_set, examine
from anymask.data.doctor_colours import Warmth, looks_swapped, warmth
from anymask.data.doctor_masks import mask_oddities
from anymask.data.sample_record import BadSample
from anymask.masks.rle import counts_of
from tests.scenes import HEIGHT, WIDTH, disc, scene
from tests.unit.data.layouts_of_discs import annotated, decoded, write_scenes


def checked(folder, files, name="photos"):
    return check_set(name, "fake", files or write_scenes(folder))


def codes(findings):
    return {finding.code: finding for finding in findings}


def different_scenes(folder, number=3, start=0):
    """Scenes on different grounds, which no fingerprint takes for one another."""
    files = write_scenes(folder, number)
    for index, file in enumerate(files):
        seed = np.random.default_rng(100 + start + index)
        ground = cv2.resize(seed.integers(0, 255, (6, 8, 3), dtype=np.uint8), (WIDTH, HEIGHT))
        Image.fromarray(ground).save(file.source)
    return files


def test_sound_data_gives_no_finding(tmp_path):
    files = different_scenes(tmp_path / "a")
    found = checked(tmp_path, files)
    assert examine([found], [checked(tmp_path, different_scenes(tmp_path / "b", start=9))]) == ()
    assert [picture.areas_px for picture in found.pictures] == [
        tuple(int(mask.sum()) for mask in scene(index)[1]) for index in range(3)
    ]
    assert {picture.size_hw for picture in found.pictures} == {(96, 128)}


def test_bad_samples_are_errors_grouped_by_code(tmp_path):
    files = different_scenes(tmp_path / "a", 8)
    faults = [annotated(file.source, (97, 128), file.runs) for file in files[:6]]
    lost = BadSample(set_name="s", input="p.json", code="no-picture", message="m", hint="add it")
    empty = annotated(files[6].source, None, [*files[6].runs, [HEIGHT * WIDTH]])
    findings = examine([checked(tmp_path, [*faults, lost, empty, files[7]])])
    assert [(f.level, f.code, f.count, f.message) for f in findings] == [
        ("error", "size-differs", 6, "pictures and masks of different size"),
        ("error", "no-picture", 1, "annotations without a picture"),
        ("error", "empty-mask", 1, "masks without a pixel"),
    ]
    assert len(findings[0].examples) == 5
    assert findings[0].examples[0] == "scene_0.png: mask 128x97 for picture 128x96: off by one"
    assert findings[1].hint == "add it"


def test_odd_masks_are_warnings_with_their_place(tmp_path):
    (file,) = different_scenes(tmp_path / "a", 1)
    holed, specked = disc(40, 40, 20), disc(40, 40, 20)
    holed[40, 40:42] = False
    specked[90, 120] = True
    odd = [holed, specked, disc(90, 60, 15), disc(90, 60, 15), np.ones_like(holed)]
    masks = [counts_of(mask) for mask in odd]
    findings = codes(examine([checked(tmp_path, [annotated(file.source, None, masks)])]))
    assert {code: finding.examples for code, finding in findings.items()} == {
        "pin-holes": ("photos/scene_0 mask 0",),
        "specks": ("photos/scene_0 mask 1",),
        "repeated-mask": ("photos/scene_0 mask 3",),
        "huge-mask": ("photos/scene_0 mask 4",),
    }
    assert {finding.level for finding in findings.values()} == {"warning"}


def test_pictures_without_masks_are_named(tmp_path):
    (file,) = different_scenes(tmp_path / "a", 1)
    (finding,) = examine([checked(tmp_path, [annotated(file.source, None, [])])])
    assert (finding.code, finding.examples) == ("no-masks", ("photos/scene_0",))


def test_repeated_pictures_within_and_between_sets_and_leaks(tmp_path):
    files = different_scenes(tmp_path / "a", 3)
    mirrored = tmp_path / "a" / "mirror.png"
    with Image.open(files[0].source) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(mirrored)
    first = checked(tmp_path, [*files, annotated(mirrored, None, files[0].runs)], "one")
    second = checked(tmp_path, files[1:2], "two")
    third = checked(tmp_path, files[2:], "three")
    findings = examine([first, second], [third])
    assert [(f.level, f.code, f.set_name, f.examples) for f in findings] == [
        ("error", "leakage", "", ("one/scene_2 = three/scene_2",)),
        ("warning", "repeated-picture", "one", ("one/scene_0 = one/mirror mirrored",)),
        ("warning", "repeated-picture", "", ("one/scene_1 = two/scene_1",)),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_holes_and_specks_agree_with_scipy(seed):
    rng = np.random.default_rng(seed)
    mask = cv2.GaussianBlur(rng.random((60, 80)), (0, 0), 1.5) > 0.49
    pieces = np.bincount(ndimage.label(mask, np.ones((3, 3)))[0].ravel())[1:]
    grounds = np.bincount(ndimage.label(np.pad(~mask, 1, constant_values=True))[0].ravel())[1:]
    found = mask_oddities([counts_of(mask)], (60, 80))
    assert bool(found.specks) == bool((np.sort(pieces)[:-1] <= 5).any())
    assert bool(found.pin_holes) == bool((np.sort(grounds)[:-1] <= 5).any())


def test_a_hole_that_meets_the_outside_at_a_corner_is_a_hole():
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[20:60, 20:60] = True
    mask[20, 20] = mask[21, 21] = False
    assert mask_oddities([counts_of(mask)], (HEIGHT, WIDTH)).pin_holes == (0,)


def test_small_masks_and_bays_at_the_edge_are_no_fault():
    ring = disc(30, 30, 4)
    ring[30, 30] = False
    bay = disc(64, 0, 20)
    bay[0, 60:63] = False
    found = mask_oddities([counts_of(ring), counts_of(bay)], (HEIGHT, WIDTH))
    assert (found.pin_holes, found.specks) == ((), ())


def test_warmth_is_of_red_less_blue_and_the_sky_above():
    pixels = np.zeros((90, 60, 3), np.uint8)
    pixels[:30, :, 2] = 255
    pixels[60:, :, 0] = 51
    found = warmth(pixels)
    assert found.mean == pytest.approx((51 - 255) / 255 / 3, abs=0.01)
    assert found.strength == pytest.approx((51 + 255) / 255 / 3, abs=0.01)
    assert found.sky == pytest.approx(0.2 + 1, abs=0.03)


COLD = Warmth(mean=-0.1, strength=0.1, sky=0.0)


@pytest.mark.parametrize(
    ("pictures", "is_suspected"),
    [
        ([COLD] * 10, True),
        ([COLD] * 9, False),
        ([replace(COLD, strength=0.005)] * 40, False),
        ([replace(COLD, sky=0.2)] * 10, False),
        ([replace(COLD, mean=-0.03)] * 10, False),
        ([COLD] * 6 + [replace(COLD, mean=0.01)] * 4, False),
    ],
)
def test_only_a_set_that_is_cold_in_every_way_is_suspected(pictures, is_suspected):
    assert looks_swapped(pictures) == is_suspected


def test_a_swapped_set_is_a_suspicion_and_the_frames_of_a_clip_are_one_scene(tmp_path):
    files = different_scenes(tmp_path / "a", 12)
    for file in files:
        with Image.open(file.source) as image:
            pixels = np.asarray(image).copy()
        pixels[..., 0] //= 2
        pixels[..., 2] = 255 - pixels[..., 2] // 4
        Image.fromarray(pixels).save(file.source)
    (finding,) = examine([checked(tmp_path, files)])
    assert (finding.level, finding.code) == ("warning", "red-blue-swapped")
    for file in files[1:]:
        Image.open(files[0].source).save(file.source)
    assert "red-blue-swapped" not in codes(examine([checked(tmp_path, files)]))


def test_no_real_set_is_suspected_and_half_of_them_are_when_swapped(annotated_data):
    from anymask.data.shards import find_shards, read_shards

    suspected, swapped = [], []
    for path in find_shards(annotated_data / "eval"):
        found = []
        for picture in read_shards([path]):
            found.append(warmth(decoded(picture.encoded)))
        if "davis" in path.stem or "segtrack" in path.stem:
            continue
        turned = [replace(one, mean=-one.mean, sky=-one.sky) for one in found]
        suspected += [path.stem] if looks_swapped(found) else []
        swapped += [path.stem] if looks_swapped(turned) else []
    assert suspected == []
    assert {"balloon", "bsds500_val", "coco128", "wbc"} <= set(swapped)
