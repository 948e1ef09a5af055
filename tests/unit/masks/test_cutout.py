"""Cut-outs: a soft edge in the right place and clean colours."""

import numpy as np
import pytest
from PIL import Image

from anymask.errors import InputError
from anymask.masks.cutout import cut_out

OBJECT, BACKGROUND = np.array([220, 40, 30]), np.array([20, 200, 60])


def disc(shape=(90, 110), centre=(44.3, 52.8), radius=30.4):
    """Give signed distance to a disc (H, W) and a photo of it, mixed at the border."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    distance = radius - np.hypot(y - centre[0], x - centre[1])
    cover = np.clip(0.5 + distance / 2, 0, 1)[:, :, None]
    photo = np.rint(OBJECT * cover + BACKGROUND * (1 - cover)).astype(np.uint8)
    return distance.astype(np.float32), photo


def parts(cut):
    assert isinstance(cut, Image.Image)
    assert cut.mode == "RGBA"
    values = np.asarray(cut)
    return values[:, :, :3], values[:, :, 3].astype(int)


@pytest.mark.parametrize("scale", [0.05, 1.0, 40.0])
def test_the_edge_lies_between_pixels_whatever_the_logits_scale(scale):
    distance, photo = disc()
    _, alpha = parts(cut_out(photo, distance * np.float32(scale)))
    expected = np.clip(0.5 + distance / 1.5, 0, 1) * 255
    np.testing.assert_allclose(alpha, expected, atol=16)
    assert (alpha[distance > 1.5] == 255).all()
    assert (alpha[distance < -1.5] == 0).all()
    assert len(np.unique(alpha)) > 40


def test_inside_keeps_its_pixels_and_outside_has_none():
    distance, photo = disc()
    photo[40:45, 50:55] = 7
    colours, alpha = parts(cut_out(photo, distance))
    np.testing.assert_array_equal(colours[alpha == 255], photo[alpha == 255])
    assert (colours[distance < -7] == 0).all()


def test_the_rim_has_the_colour_of_the_object():
    distance, photo = disc()
    colours, alpha = parts(cut_out(photo, distance))
    is_rim = (alpha > 0) & (alpha < 255)
    assert is_rim.sum() > 200
    # In the photo these pixels are mixed with up to all of the background.
    assert np.abs(photo[is_rim] - OBJECT).max() > 100
    assert np.abs(colours[is_rim] - OBJECT).max() <= 2
    # Pixels just outside carry it too, so that scaling the file draws nothing dark in.
    is_beyond = (alpha == 0) & (distance > -1.5)
    assert np.abs(colours[is_beyond] - OBJECT).max() <= 2


def test_each_side_borrows_from_its_own_neighbourhood():
    distance, photo = disc()
    photo[:, 53:] = np.where(distance[:, 53:, None] > 0, np.array([0, 0, 250], np.uint8), 0)
    colours, alpha = parts(cut_out(photo, distance))
    is_rim = (alpha > 0) & (alpha < 255)
    right = is_rim & (np.arange(110) > 58)
    left = is_rim & (np.arange(110) < 48)
    assert (colours[right] == [0, 0, 250]).all()
    assert np.abs(colours[left] - OBJECT).max() <= 2


def test_the_nearest_colour_is_borrowed():
    distance, _ = disc()
    photo = np.clip(distance * 10, 0, 255).astype(np.uint8)[:, :, None].repeat(3, axis=2)
    colours, alpha = parts(cut_out(photo, distance))
    # The first pixels of the core lie at one to three pixels from the border.
    rim = colours[(alpha > 0) & (alpha < 255)]
    assert 12 < rim.mean() < 27
    assert rim.max() < 34


def test_thin_lines_keep_their_own_colour():
    logits = np.full((30, 30), -5.0, dtype=np.float32)
    logits[:, 15] = 5.0
    photo = np.full((30, 30, 3), BACKGROUND, dtype=np.uint8)
    photo[:, 15] = OBJECT
    colours, alpha = parts(cut_out(photo, logits))
    assert (alpha[:, 15] == 255).all()
    assert (colours[:, 15] == OBJECT).all()
    assert alpha[:, :14].max() == 0
    assert alpha[:, 17:].max() == 0


def test_where_nothing_is_solid_the_photo_is_kept():
    logits = np.array([[-3, -3, -3, -3], [-3, 0.2, -3, -3], [-3, -3, -3, -3]], dtype=np.float32)
    logits[1, 2] = -0.1
    photo = np.random.default_rng(0).integers(1, 255, (3, 4, 3), dtype=np.uint8)
    colours, alpha = parts(cut_out(photo, logits))
    assert 0 < alpha[1, 1] < 255
    np.testing.assert_array_equal(colours[1, 1], photo[1, 1])


def test_the_picture_border_is_no_soft_edge():
    photo = np.full((40, 40, 3), 99, dtype=np.uint8)
    logits = np.tile(np.linspace(8, -8, 40, dtype=np.float32), (40, 1))
    _, alpha = parts(cut_out(photo, logits))
    assert (alpha[:, :18] == 255).all()
    assert (alpha[:, 22:] == 0).all()
    _, full = parts(cut_out(photo, np.full((40, 40), 3.0, dtype=np.float32)))
    assert (full == 255).all()


def test_transparency_of_the_picture_is_kept():
    distance, photo = disc()
    own = np.full(distance.shape, 255, dtype=np.uint8)
    own[:, :50], own[:, 60:70] = 0, 102
    _, plain_alpha = parts(cut_out(photo, distance))
    _, alpha = parts(cut_out(photo, distance, own))
    np.testing.assert_allclose(alpha, plain_alpha * (own / 255), atol=0.51)


def test_cropping_keeps_the_visible_box():
    distance, photo = disc()
    whole, cropped = cut_out(photo, distance), cut_out(photo, distance, crop=True)
    rows, columns = np.nonzero(parts(whole)[1])
    box = int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
    assert cropped.tobytes() == whole.crop(box).tobytes()
    assert whole.size == (110, 90)


def test_an_empty_mask_is_a_transparent_picture_and_not_cropped():
    photo = np.full((4, 6, 3), 99, dtype=np.uint8)
    for crop in (False, True):
        colours, alpha = parts(cut_out(photo, np.full((4, 6), -1.0), crop=crop))
        assert alpha.shape == (4, 6)
        assert not alpha.any()
        assert not colours.any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2)])
def test_the_smallest_pictures_are_cut_out(shape):
    photo = np.full((*shape, 3), 99, dtype=np.uint8)
    colours, alpha = parts(cut_out(photo, np.full(shape, 2.0), crop=True))
    assert (alpha == 255).all()
    assert (colours == 99).all()


def test_a_cut_out_read_back_gives_the_mask(tmp_path):
    from anymask.masks.png import load_mask

    distance, photo = disc()
    cut_out(photo, distance).save(tmp_path / "c.png")
    assert (load_mask(tmp_path / "c.png") != (distance > 0)).mean() < 0.001


def test_sizes_must_agree():
    photo = np.zeros((4, 6, 3), dtype=np.uint8)
    with pytest.raises(InputError, match=r"logits \(6, 4\) for a picture of \(4, 6\); pass"):
        cut_out(photo, np.zeros((6, 4)))
    with pytest.raises(InputError, match=r"alpha \(1, 1\) for a picture of \(4, 6\)"):
        cut_out(photo, np.zeros((4, 6)), np.zeros((1, 1), dtype=np.uint8))
