"""Pictures are kept in memory, within bounds, the ones used last."""

from dataclasses import replace

import numpy as np
import pytest

from anymask.image.picture import Picture
from anymask.image.read import read_picture
from anymask.serve.answers import Refusal
from anymask.serve.shelf import Shelf, bare_name, named

# 10 × 10 pixels of three bytes.
NUM_BYTES = 300


def picture(value=0):
    return named(Picture(pixels=np.full((10, 10, 3), value, np.uint8), sha256=str(value)), "a.png")


def test_an_id_is_128_bits_that_nobody_can_guess():
    shelf = Shelf(10**6)
    ids = {shelf.put(picture(value), str(value)).id for value in range(20)}
    assert len(ids) == 20
    assert {len(id_) for id_ in ids} == {32}
    assert all(int(id_, 16) for id_ in ids)


def test_the_same_bytes_again_are_the_same_picture():
    shelf = Shelf(10**6)
    first = shelf.put(picture(), "sum")
    assert shelf.put(picture(), "sum") is first
    assert shelf.find("sum") is first
    assert shelf.find("other") is None
    assert len(shelf) == 1


def test_the_one_not_used_for_longest_goes_first_and_is_said_to_be_gone():
    shelf = Shelf(3 * NUM_BYTES)
    first, second, third = (shelf.put(picture(value), str(value)) for value in range(3))
    shelf.entry(first.id)
    fourth = shelf.put(picture(3), "3")
    assert [shelf.entry(one.id) for one in (first, third, fourth)] == [first, third, fourth]
    with pytest.raises(Refusal, match="the picture had to leave the memory") as refused:
        shelf.entry(second.id)
    assert (refused.value.status, refused.value.code) == (410, "gone")


def test_what_grows_makes_others_go_but_never_itself():
    shelf = Shelf(3 * NUM_BYTES)
    first, second = (shelf.put(picture(value), str(value)) for value in range(2))
    first.candidate_bytes = 10 * NUM_BYTES
    shelf.entry(first.id)
    shelf.make_room()
    assert shelf.entry(first.id) is first
    assert len(shelf) == 1
    with pytest.raises(Refusal) as refused:
        shelf.entry(second.id)
    assert refused.value.status == 410


def test_an_id_that_never_was_is_unknown():
    with pytest.raises(Refusal, match="no picture has this id") as refused:
        Shelf(1).entry("0" * 32)
    assert (refused.value.status, refused.value.code) == (404, "unknown_picture")


def test_what_was_forgotten_leaves_no_trace():
    shelf = Shelf(10**6)
    ids = [shelf.put(picture(value), str(value)).id for value in range(3)]
    assert shelf.forget(ids[0])
    assert not shelf.forget(ids[0])
    assert shelf.forget_all() == 2
    for id_ in ids:
        with pytest.raises(Refusal) as refused:
            shelf.entry(id_)
        assert refused.value.status == 404


def test_all_that_a_picture_takes_is_counted(model):
    plain = picture()
    entry = Shelf(1).put(plain, "sum")
    assert entry.num_bytes == NUM_BYTES
    entry.picture = replace(plain, alpha=np.zeros((10, 10), np.uint8))
    assert entry.num_bytes == NUM_BYTES + 100
    entry.picture = plain
    embedding = entry.keep_embedding(model.embed(plain))
    features = embedding.features
    least = sum(x.nbytes for x in (features.embedding, *features.high_res))
    assert entry.num_bytes - NUM_BYTES == entry.embedding_bytes
    assert least <= entry.embedding_bytes <= 20 * least


def test_a_picture_goes_by_the_name_of_the_file_it_came_in_last(model):
    entry = Shelf(1).put(picture(), "sum")
    entry.keep_embedding(model.embed(entry.picture))
    entry.answers.keep(b"\1", model.predict(entry.embedding, points=[(5, 5)]))
    entry.call("b\n.png")
    assert entry.name == "b\\n.png"
    assert entry.picture.path == "b\n.png"
    embedding = entry.embedding
    assert embedding is not None
    assert (embedding.picture, embedding.picture_name) == (entry.picture, entry.name)
    # Their code would name the other file.
    assert entry.answers.find(b"\1") is None


def test_the_same_name_again_keeps_the_answers(model):
    entry = Shelf(1).put(picture(), "sum")
    masks = model.predict(entry.keep_embedding(model.embed(entry.picture)), points=[(5, 5)])
    entry.answers.keep(b"\1", masks)
    entry.call("a.png")
    assert entry.answers.find(b"\1") is masks


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("cat.png", "cat.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\pictures\\cat.png", "cat.png"),
        ("a\0b.png", "ab.png"),
        ("", "picture"),
        ("..", "picture"),
        ("folder/", "picture"),
        ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
        ("x" * 300 + ".png", "x" * 251 + ".png"),
    ],
)
def test_of_a_name_only_the_last_part_counts(given, name):
    assert bare_name(given) == name


def test_windows_that_answers_needed_count_too(model, photos):
    picture = read_picture(photos / "chelsea.png")
    entry = Shelf(10**9).put(picture, "a")
    embedding = entry.keep_embedding(model.embed(picture))
    before = entry.num_bytes
    model.predict(embedding, box=(200, 150, 230, 170), zoom=True)
    assert len(embedding.views) == 1
    assert entry.num_bytes == before + embedding.views.num_bytes > before
