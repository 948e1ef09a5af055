"""All eight orientations, with Pillow as the judge."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from anymask.image.orient import upright


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("bands", [1, 3])
def test_turns_as_pillow_does(photo, orientation, bands):
    array = photo if bands == 3 else photo[:, :, 0].copy()
    image = Image.fromarray(array)
    image.getexif()[274] = orientation
    turned = upright(array, orientation)
    np.testing.assert_array_equal(turned, np.asarray(ImageOps.exif_transpose(image)))
    assert turned.flags.c_contiguous
