"""Label layers as files: 16-bit pictures and a JSON."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from anymask.errors import InputError
from anymask.masks import label_layers
from anymask.masks.annotation import AnnotatedPicture, Annotation
from anymask.masks.finding import Finding
from anymask.masks.forms.label_layers import layers_record, read_label_layers, write_label_layers
from anymask.masks.problem import Problem
from anymask.masks.rle import encode
from tests.unit.masks.forms.annotated import (
    SIZE_HW,
    annotation,
    blank,
    blobs,
    edge,
    islands,
    ring,
    square,
)

FOUND = Finding(point=(20.5, 6.25), stability_score=0.1 + 0.2, crop_box=(3, 0, 50, 40))


def picture(*objects, size=SIZE_HW, **fields):
    return AnnotatedPicture(file_name="a/b.v2.jpg", size_hw=size, objects=objects, **fields)


SCENE = picture(
    annotation(ring() | square(), label="a cat", score=1 / 3, finding=FOUND),
    annotation(square(), label="é\n"),
    annotation(blank(), score=0.25),
    annotation(blobs(0), label="a cat", is_crowd=True),
    annotation(islands(), score=1.0),
    annotation(square(), label="é\n", finding=FOUND),
    number=9,
)


def written(given=SCENE, policy="smallest"):
    return dict(write_label_layers(given, policy))


def back(files, size_hw=None, file_name="a/b.v2.jpg"):
    record = layers_record(files["a/b.v2.layers.json"])
    if isinstance(record, Problem):
        return record

    def read_file(name):
        if f"a/{name}" not in files:
            raise FileNotFoundError(2, "No such file or directory")
        return files[f"a/{name}"]

    return read_label_layers(record, read_file, file_name, size_hw)


def document(files):
    return json.loads(files["a/b.v2.layers.json"])


def changed(change, files=None):
    """The files with something else in their JSON."""
    files = written() if files is None else files
    record = document(files)
    change(record)
    return files | {"a/b.v2.layers.json": json.dumps(record).encode()}


@pytest.mark.parametrize("policy", ["smallest", "largest"])
def test_objects_come_back_exactly(policy):
    assert back(written(policy=policy)) == (SCENE, ())
    assert back(written(policy=policy), SIZE_HW) == (SCENE, ())


def test_the_best_score_on_top_comes_back_exactly():
    given = picture(*(annotation(blobs(seed), score=seed / 7) for seed in range(6)))
    files = written(given, "score")
    assert document(files)["annotations"][0]["policy"] == "score"
    assert back(files) == (given, ())


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (40, 56)])
def test_no_objects_come_back_too(size):
    given = picture(size=size)
    files = written(given)
    assert list(files) == ["a/b.v2.layer1.png", "a/b.v2.layers.json"]
    assert back(files) == (given, ())


def test_a_picture_of_one_pixel():
    full = Annotation(rle=encode(np.ones((1, 1), dtype=bool)), score=0.5)
    given = picture(full, full, size=(1, 1))
    assert back(written(given)) == (given, ())


def test_layers_are_16_bit_pictures_that_others_can_read():
    files = written(picture(*(annotation(square()) for _ in range(300))))
    assert len(files) == 301
    with Image.open(io.BytesIO(files["a/b.v2.layer1.png"])) as image:
        assert image.mode == "I;16"
        assert (image.getpixel((0, 0)), image.getpixel((9, 9))) == (300, 0)
    with Image.open(io.BytesIO(files["a/b.v2.layer300.png"])) as image:
        assert image.getpixel((8, 8)) == 1


def test_more_masks_than_16_bits_make_tiffs(monkeypatch):
    monkeypatch.setattr(label_layers, "MOST_OF_16_BITS", 3)
    files = written()
    assert next(iter(files)) == "a/b.v2.layer1.tif"
    with Image.open(io.BytesIO(files["a/b.v2.layer1.tif"])) as image:
        assert (image.format, image.mode) == ("TIFF", "I")
    assert back(files) == (SCENE, ())


def test_the_json_is_of_the_panoptic_form():
    record = document(written())
    assert record["images"] == [
        {"id": 9, "width": 56, "height": 40, "file_name": "b.v2.jpg", "number": 9}
    ]
    assert record["categories"] == [
        {"id": 1, "name": "a cat"}, {"id": 2, "name": "é\n"}, {"id": 3, "name": "object"}
    ]  # fmt: skip
    (told,) = record["annotations"]
    assert (told["image_id"], told["file_name"]) == (9, "b.v2.layer1.png")
    assert told["layers"] == [f"b.v2.layer{number}.png" for number in range(1, 5)]
    assert told["segments_info"][0] == {
        "id": 1,
        "category_id": 1,
        "area": 81 + 26 * 24 - 96 - 1,
        "bbox": [0, 0, 26, 38],
        "iscrowd": 0,
        "parent": None,
        "level": 0,
        "score": 1 / 3,
        "stability_score": 0.1 + 0.2,
        "crop_box": [3.0, 0.0, 47.0, 40.0],
        "point_coords": [[20.5, 6.25]],
    }
    # Both squares are part of the first.
    assert [one["parent"] for one in told["segments_info"]] == [None, 1, None, None, None, 1]
    assert [one["level"] for one in told["segments_info"]] == [0, 1, 0, 0, 0, 1]
    assert [one["id"] for one in told["segments_info"]] == [1, 2, 3, 4, 5, 6]


def test_the_json_comes_last_and_layers_one_by_one():
    files = write_label_layers(SCENE)
    assert next(files)[0] == "a/b.v2.layer1.png"
    assert [name for name, _ in files][-1] == "a/b.v2.layers.json"


def test_segments_that_cannot_be_used_are_told_and_the_others_read():
    def change(record):
        segments = record["annotations"][0]["segments_info"]
        segments[1]["id"] = 1
        segments[3]["category_id"] = 17
        segments[4]["id"] = 40
        segments[5] = "segment"

    found, problems = back(changed(change))
    assert found.objects == (SCENE.objects[0], SCENE.objects[2])
    assert [(one.place, one.code) for one in problems] == [
        ("segment 1", "duplicate-segment-id"),
        ("segment 4", "unknown-category"),
        ("segment 40", "empty-mask"),
        ("segments_info[5]", "bad-record"),
        ("segment 2", "no-segment"),
        ("segment 5", "no-segment"),
        ("segment 6", "no-segment"),
    ]


def png(values, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("layer", "code", "sentence"),
    [
        (None, "unreadable-labels", "cannot be read (No such file or directory)"),
        (b"", "unreadable-labels", "is no picture"),
        (png(np.ones(SIZE_HW, np.uint8))[:60], "unreadable-labels", "cannot be read"),
        (png(np.ones((9, 9), np.uint8)), "size-differs", "mask 9×9 for picture 56×40"),
        (png(np.ones(SIZE_HW, np.uint8), "JPEG"), "lossy-labels", "is a JPEG or WebP picture"),
    ],
)  # fmt: skip
def test_a_layer_that_cannot_be_used_is_named(layer, code, sentence):
    files = written()
    if layer is None:
        del files["a/b.v2.layer2.png"]
    else:
        files["a/b.v2.layer2.png"] = layer
    found = back(files)
    assert isinstance(found, Problem)
    assert (found.code, found.place) == (code, "b.v2.layer2.png")
    assert found.message.startswith(sentence)


def test_layers_that_say_the_same_twice_are_told():
    files = written()
    found = back(files | {"a/b.v2.layer2.png": files["a/b.v2.layer1.png"]})
    assert isinstance(found, Problem)
    assert (found.code, found.hint) == ("overlapping-layers", "write the layers again")
    assert found.message == "mask 1 has a pixel in two layers"


def test_a_picture_of_another_size_is_told():
    found = back(written(), (40, 57))
    assert isinstance(found, Problem)
    assert (found.code, found.message) == ("size-differs", "mask 56×40 for picture 57×40")
    found = back(changed(lambda record: record["images"][0].pop("width")))
    assert isinstance(found, Problem)
    assert (found.code, found.message) == ("no-size", "its image has no height and width")


def put(name, value):
    return lambda record: record["annotations"][0].__setitem__(name, value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda record: record.pop("images"), 'has not one "images" and one "annotations"'),
        (lambda record: record["annotations"].append({}), 'has not one "images" and one'),
        (put("segments_info", {}), 'has not one "images" and one "annotations" with "segments_'),
        (put("layers", []), 'its annotation has no list of "layers"'),
        (put("layers", "a.png"), 'its annotation has no list of "layers"'),
        (put("layers", ["../../a.png"]), "its layer ../../a.png is no name of a file"),
        (put("layers", ["..\\a.png"]), "its layer ..\\"),
        (put("layers", [".."]), "its layer .. is no name of a file"),
        (put("layers", [7]), "its layer 7 is no name of a file"),
    ],
)
def test_a_record_that_is_none_is_told(change, sentence):
    found = back(changed(change))
    assert isinstance(found, Problem)
    assert found.code == "bad-record"
    assert found.message.startswith(sentence)


@pytest.mark.parametrize("text", [b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_told(text):
    found = layers_record(text)
    assert isinstance(found, Problem)
    assert found.code == "bad-json"
    assert isinstance(layers_record(b"[]"), Problem)


def test_the_best_on_top_needs_no_scores_but_a_policy_must_be_one():
    assert back(written(picture(annotation(edge())), "score"))[1] == ()
    with pytest.raises(InputError, match="policy is 'best'; use smallest, score, largest"):
        written(SCENE, "best")
