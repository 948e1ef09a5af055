"""The pictures to begin with."""

import io

import pytest
from PIL import Image

from anymask.serve.gallery import Gallery
from tests.unit.serve.asking import error_of


def test_the_six_photos_are_there_with_their_sizes():
    found = {one.id: (one.name, one.size_hw) for one in Gallery().all()}
    assert len(found) == 6
    assert found["chelsea"] == ("chelsea.png", (300, 451))
    assert found["rocket"] == ("rocket.jpg", (427, 640))


def test_a_photo_is_given_as_its_file(page, photos):
    answer = page.get("/api/gallery/rocket")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content == (photos / "rocket.jpg").read_bytes()
    assert page.get("/api/gallery/coins").headers["content-type"] == "image/png"


@pytest.mark.parametrize("id_", ["chelsea", "astronaut"])
def test_a_small_one_is_at_most_320_pixels_and_of_the_same_shape(page, id_):
    answer = page.get(f"/api/gallery/{id_}/thumbnail")
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as small:
        assert small.size == {"chelsea": (320, 213), "astronaut": (320, 320)}[id_]
    assert len(answer.content) < 40_000


@pytest.mark.parametrize("path", ["nothing", "nothing/thumbnail", "..", "chelsea.png"])
def test_another_id_is_not_found(page, path):
    assert error_of(page.get(f"/api/gallery/{path}"), 404)["code"] == "not_found"
