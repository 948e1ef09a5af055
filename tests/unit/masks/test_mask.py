"""Mask and Masks, what predict returns."""

import copy
import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from anymask.errors import ImageError, InputError, OutputError, StateError
from anymask.masks import rle
from anymask.masks.mask import Mask, Masks
from anymask.masks.png import load_mask
from anymask.masks.resize import full_resolution_logits
from anymask.vocabulary import ImageFrame, Prompt

FRAME = ImageFrame(original_hw=(150, 200), resized_hw=(192, 256), input_size=256)
PICTURE = np.random.default_rng(5).integers(0, 256, (150, 200, 3), dtype=np.uint8)
PROMPT = Prompt(points=((90.0, 70.0),), labels=(1,))


def logits(radius=12, row=22, column=30):
    y, x = np.mgrid[:64, :64]
    return (radius - np.hypot(y - row, x - column)).astype(np.float32)


def mask(radius=12, score=0.9, picture=PICTURE, prompt=PROMPT, alpha=None):
    return Mask(
        score=score,
        low_res_logits=logits(radius),
        frame=FRAME,
        picture=picture,
        prompt=prompt,
        alpha=alpha,
    )


def candidates(**more):
    return Masks(
        tuple(mask(radius, score, **more) for radius, score in ((5, 0.7), (9, 1.01), (16, 0.8)))
    )


def opened(data):
    return Image.open(io.BytesIO(data))


def test_the_array_is_the_positive_part_of_the_full_size_logits():
    one = mask()
    expected = full_resolution_logits(logits(), FRAME)
    np.testing.assert_array_equal(one.logits, expected)
    np.testing.assert_array_equal(one.array, expected > 0)
    assert one.array.shape == (150, 200)
    assert one.array.dtype == np.bool_


def test_the_array_is_made_once_and_cannot_be_changed():
    one = mask()
    assert one.array is one.array
    with pytest.raises(ValueError, match="read-only"):
        one.array[0, 0] = True


def test_a_mask_cannot_be_changed():
    with pytest.raises(AttributeError, match="cannot assign to field 'score'"):
        mask().score = 1.0


def test_measures_agree_with_pycocotools():
    one = mask()
    code = coco.encode(np.asfortranarray(one.array.astype(np.uint8)))
    assert one.rle == {"size": [150, 200], "counts": code["counts"].decode()}
    assert one.area == coco.area(code)
    x, y, width, height = coco.toBbox(code)
    assert one.box == (x, y, x + width, y + height)


def test_polygons_enclose_the_area():
    (ring,) = mask().polygons()
    x, y = ring.T.astype(float)
    assert 0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) == mask().area
    assert len(mask().polygons(tolerance_px=1)[0]) < len(ring) / 3


def test_saving_and_reading_back(tmp_path):
    mask().save(tmp_path / "m.png")
    np.testing.assert_array_equal(load_mask(tmp_path / "m.png"), mask().array)
    with pytest.raises(OutputError, match=r"m\.png: exists already"):
        mask().save(tmp_path / "m.png", overwrite=False)
    with pytest.raises(InputError, match="JPEG changes mask values; use PNG"):
        mask().save(tmp_path / "m.jpg")


def test_cutout_is_the_object_with_the_pictures_alpha():
    one = mask(alpha=np.where(np.arange(200) < 80, np.uint8(0), np.uint8(255))[None].repeat(150, 0))
    cut = np.asarray(one.cutout())
    solid = cut[:, :, 3] == 255
    assert solid[:, 80:].sum() > 800
    assert not cut[:, :80, 3].any()
    np.testing.assert_array_equal(cut[solid][:, :3], PICTURE[solid])
    assert one.cutout(crop=True).width < 100


def test_overlay_shows_mask_prompt_and_score():
    one = mask()
    drawn = np.asarray(one.overlay())
    assert (drawn[one.array] != PICTURE[one.array]).any(axis=1).all()
    bare = np.asarray(mask(prompt=None).overlay())
    assert (drawn != bare)[66:75, 86:95].any()
    other_score = np.asarray(mask(score=0.11).overlay())
    assert (drawn != other_score).any()


def test_a_notebook_shows_the_overlay():
    shown = opened(mask()._repr_png_())
    assert shown.format == "PNG"
    assert shown.tobytes() == mask().overlay().tobytes()
    assert opened(candidates()._repr_png_()).tobytes() == candidates().overlay().tobytes()


def test_a_notebook_gets_a_large_picture_in_screen_size():
    frame = ImageFrame(original_hw=(1500, 3000), resized_hw=(128, 256), input_size=256)
    picture = np.zeros((1500, 3000, 3), dtype=np.uint8)
    one = Mask(score=0.5, low_res_logits=logits(), frame=frame, picture=picture)
    assert opened(one._repr_png_()).size == (1024, 512)


@pytest.mark.parametrize("make", [mask, candidates])
@pytest.mark.parametrize("use", ["overlay", "cutout"])
def test_without_a_picture_image_is_asked_for(make, use):
    bare, full = make(picture=None), make()
    if not hasattr(bare, use):
        bare, full = bare.best, full.best
    with pytest.raises(
        StateError, match=r"does not carry its picture; pass image=.* uint8 \(150, 200, 3\)"
    ):
        getattr(bare, use)()
    assert getattr(bare, use)(image=PICTURE).tobytes() == getattr(full, use)().tobytes()


@pytest.mark.parametrize("make", [mask, candidates])
def test_without_a_picture_a_notebook_shows_words(make):
    bare = make(picture=None)
    assert bare._repr_png_() is None
    assert "200×150, score=0.9" in repr(bare) or "score=1.010" in repr(bare)


@pytest.mark.parametrize("image", [PICTURE[:100], PICTURE / 255, PICTURE[:, :, 0]])
def test_another_picture_is_refused(image):
    sentence = r"image must be uint8 of shape \(150, 200, 3\), got .*; pass the upright RGB picture"
    with pytest.raises(ImageError, match=sentence):
        mask().overlay(image=image)
    with pytest.raises(ImageError, match=sentence):
        candidates().overlay(image=image)


def test_a_picture_that_does_not_fit_is_refused_at_once():
    with pytest.raises(ImageError, match=r"picture must be uint8 of shape \(150, 200, 3\), got"):
        mask(picture=PICTURE[:10])


def test_logits_of_several_masks_are_refused():
    with pytest.raises(
        InputError, match=r"low_res_logits must have shape \(h, w\), got \(3, 4, 4\)"
    ):
        Mask(score=1.0, low_res_logits=np.zeros((3, 4, 4), dtype=np.float32), frame=FRAME)


def test_masks_are_a_sequence():
    three = candidates()
    assert len(three) == 3
    assert list(three) == [three[0], three[1], three[-1]]
    assert three[1] in three
    assert isinstance(three[:2], Masks)
    assert [one.score for one in three[1:]] == [1.01, 0.8]
    with pytest.raises(IndexError):
        three[3]
    with pytest.raises(AttributeError, match="cannot assign to field 'items'"):
        three.items = ()


def test_arrays_of_all_masks():
    three = candidates()
    assert three.scores.dtype == np.float32
    assert three.scores.tolist() == pytest.approx([0.7, 1.01, 0.8])
    np.testing.assert_array_equal(three.low_res_logits, [logits(5), logits(9), logits(16)])
    np.testing.assert_array_equal(three.arrays, [one.array for one in three])
    assert three.best is three[1]


def test_warnings_are_kept_also_by_a_part():
    some = Masks((mask(), mask()), warnings=("point 0 lies outside the box",))
    assert some.warnings == ("point 0 lies outside the box",)
    assert some[:1].warnings == some.warnings
    assert candidates().warnings == ()


def test_no_masks_at_all():
    none = Masks()
    assert len(none) == 0
    assert none.scores.shape == (0,)
    assert none.arrays.shape == none.low_res_logits.shape == (0, 0, 0)
    assert none._repr_png_() is None
    with pytest.raises(StateError, match="no mask to choose from; check len"):
        _ = none.best
    with pytest.raises(StateError, match="there is no mask and no picture; pass image="):
        none.overlay()
    assert none.overlay(image=PICTURE).tobytes() == PICTURE.tobytes()


def test_masks_of_several_prompts_are_drawn_without_points():
    mixed = Masks((mask(5), mask(9, prompt=Prompt(points=((91.0, 70.0),), labels=(0,)))))
    bare = Masks((mask(5, prompt=None), mask(9, prompt=None)))
    assert mixed.overlay().tobytes() == bare.overlay().tobytes()
    assert candidates().overlay().tobytes() != candidates(prompt=None).overlay().tobytes()


def test_show_opens_one_figure_with_all_candidates(monkeypatch):
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.gcf()))
    candidates(picture=None).show(image=PICTURE)
    pyplot.close("all")
    (figure,) = shown
    assert [panel.get_title() for panel in figure.axes if panel.images] == [
        "Mask 1, score 0.700",
        "Mask 2, score 1.010",
        "Mask 3, score 0.800",
    ]


def test_copies_are_whole():
    again = copy.deepcopy(mask())
    np.testing.assert_array_equal(again.array, mask().array)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_the_smallest_pictures_work_throughout(tmp_path, size):
    longest = max(size)
    resized = (max(256 * size[0] // longest, 1), max(256 * size[1] // longest, 1))
    frame = ImageFrame(original_hw=size, resized_hw=resized, input_size=256)
    picture = np.full((*size, 3), 50, dtype=np.uint8)
    one = Mask(score=0.5, low_res_logits=np.full((64, 64), 3.0), frame=frame, picture=picture)
    assert one.area == size[0] * size[1]
    assert one.box == (0, 0, size[1], size[0])
    assert len(one.polygons()) == 1
    assert np.asarray(one.cutout()).min() == 50
    assert one.overlay().size == (size[1], size[0])
    one.save(tmp_path / "m.png")
    assert load_mask(tmp_path / "m.png").all()


def test_the_room_brings_neither_torch_nor_matplotlib():
    code = (
        "import sys, anymask.masks.mask;"
        "print([name for name in ('torch', 'matplotlib', 'pycocotools') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- masks of everything mode: pixels without logits ---


def coded_mask(inside, **more):
    return Mask(score=0.9, coded=rle.encode(inside), frame=FRAME, picture=PICTURE, **more)


def disc(radius=40):
    y, x = np.mgrid[:150, :200]
    return np.hypot(y - 70, x - 90) < radius


def test_a_coded_mask_is_its_code():
    one = coded_mask(disc())
    np.testing.assert_array_equal(one.array, disc())
    assert one.rle == rle.encode(disc())
    assert one.area == np.count_nonzero(disc())
    assert one.box == mask_box(disc())
    assert not one.array.flags.writeable


def mask_box(inside):
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def test_the_cut_out_of_a_coded_mask_has_a_soft_edge():
    alpha = np.asarray(coded_mask(disc()).cutout())[:, :, 3]
    assert len(np.unique(alpha)) > 20
    inside, outside = disc(37), ~disc(43)
    assert (alpha[inside] == 255).all()
    assert (alpha[outside] == 0).all()


def test_its_logits_are_positive_exactly_where_it_is():
    thin = np.zeros((150, 200), bool)
    thin[50, 20:180] = True
    for inside in (disc(), thin, ~disc()):
        np.testing.assert_array_equal(coded_mask(inside).logits > 0, inside)


def test_it_has_no_logits_of_the_model():
    with pytest.raises(StateError, match="everything mode, which keeps no logits"):
        _ = Masks((coded_mask(disc()),)).low_res_logits


def test_a_mask_needs_one_of_the_two():
    with pytest.raises(InputError, match="either low_res_logits or coded"):
        Mask(score=1, frame=FRAME)
    with pytest.raises(InputError, match="either low_res_logits or coded"):
        coded_mask(disc(), low_res_logits=logits())


def test_a_code_of_another_size_is_refused():
    with pytest.raises(InputError, match="mask 9×9 for picture 200×150"):
        coded_mask(np.ones((9, 9), bool))


def test_masks_of_a_picture_have_a_tree_and_a_label_map():
    both = Masks((coded_mask(disc(10)), coded_mask(disc(40))))
    assert both.tree.parents == (1, None)
    labels = both.label_map("smallest").labels
    assert labels[70, 90] == 1
    assert labels[70, 120] == 2
    assert labels[0, 0] == 0
    assert both.label_map("largest").labels[70, 90] == 2
    with pytest.raises(StateError, match="no mask and so no size"):
        Masks().label_map()
