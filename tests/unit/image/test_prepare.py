"""The model's input equals what the published pre-processing makes."""

import numpy as np
import pytest
import torch
from PIL import Image

from anymask.errors import InputError
from anymask.image import frame_for, to_model_input

MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)


def as_published(pixels, resized_hw, input_size):
    """Written with Pillow and torch, as the published code does it."""
    height, width = resized_hw
    resized = np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))
    tensor = torch.as_tensor(resized).permute(2, 0, 1)
    normal = (tensor - torch.tensor(MEAN).view(-1, 1, 1)) / torch.tensor(STD).view(-1, 1, 1)
    return torch.nn.functional.pad(normal, (0, input_size - width, 0, input_size - height)).numpy()


@pytest.mark.parametrize("input_size", [32, 64, 128])
@pytest.mark.parametrize("turned", [False, True])
def test_equals_the_published_pre_processing(photo, input_size, turned):
    pixels = np.ascontiguousarray(photo.swapaxes(0, 1)) if turned else photo
    frame = frame_for(pixels.shape[:2], input_size)
    made = to_model_input(pixels, frame, MEAN, STD)
    np.testing.assert_array_equal(made, as_published(pixels, frame.resized_hw, input_size))
    assert made.dtype == np.float32
    assert made.flags.c_contiguous


def test_pads_right_and_bottom_with_zeros_after_normalising(photo):
    wide = to_model_input(photo, frame_for((60, 90), 90), MEAN, STD)
    assert np.all(wide[:, 60:] == 0)
    assert np.all(wide[:, 59].any(axis=1))


def test_same_size_is_not_resampled(photo):
    square = np.ascontiguousarray(photo[:, :60])
    made = to_model_input(square, frame_for((60, 60), 60), (0, 0, 0), (1, 1, 1))
    np.testing.assert_array_equal(made, square.transpose(2, 0, 1))


def test_thin_pictures_keep_a_row():
    pixels = np.full((1, 3000, 3), 200, np.uint8)
    made = to_model_input(pixels, frame_for((1, 3000), 64), (0, 0, 0), (1, 1, 1))
    assert np.all(made[:, 0] == 200)
    assert np.all(made[:, 1:] == 0)


def test_picture_is_not_changed(photo):
    before = photo.copy()
    to_model_input(photo, frame_for((60, 90), 64), MEAN, STD)
    np.testing.assert_array_equal(photo, before)


@pytest.mark.parametrize("pixels", [np.zeros((9, 9, 3), np.float32), np.zeros((9, 8, 3), np.uint8)])
def test_other_pixels_than_the_frame_is_for_are_refused(pixels):
    with pytest.raises(InputError, match=r"pixels must be uint8 \(9, 9, 3\), got"):
        to_model_input(pixels, frame_for((9, 9), 64), MEAN, STD)
