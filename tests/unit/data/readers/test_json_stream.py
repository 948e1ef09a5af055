"""JSON is read an element at a time, and where it breaks off is named."""

import json
import tracemalloc

import pytest

from anymask.data.readers import json_stream
from anymask.data.readers.json_stream import (
    is_outer_list,
    read_element,
    stream_elements,
    stream_outer_list,
)
from anymask.errors import DataError


def written(tmp_path, text):
    path = tmp_path / "file.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("chunk", [1, 2, 7, 64, 1 << 20])
def test_every_element_comes_back_whatever_the_chunk(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(json_stream, "_CHUNK_BYTES", chunk)
    content = {
        "info": {"a": [1, {"b": "]}"}], "images": "not this one"},
        "images": [{"id": 1, "n": 'Käse \u20ac \\ "'}, 12345, -1.5e-3, None, True, [[]], "x"],
        "empty": [],
        "annotations": [],
        "late": -17,
    }
    for indent, ascii_only in ((None, True), (2, False)):
        text = json.dumps(content, indent=indent, ensure_ascii=ascii_only)
        path = written(tmp_path, "\ufeff" + text + "\n ")
        found = list(stream_elements(path, ("images", "annotations")))
        assert {element.key for element in found} == {"images"}
        with path.open("rb") as file:
            again = [read_element(file.fileno(), e.offset, e.num_bytes) for e in found]
        assert again == content["images"]
        assert [e.value for e in found][1:] == content["images"][1:]


def test_an_empty_object_has_no_elements(tmp_path):
    assert list(stream_elements(written(tmp_path, " { } "), ("images",))) == []


@pytest.mark.parametrize("chunk", [3, 1 << 20])
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"images": [{"id": 1},\n  {"id": 2', r"is cut short at line 2 column 11 "),
        ('{"images": [{"id": 1},\n  {"id": "ab', r"is cut short at line 2 column 10 .untermin"),
        ('{"images": [{"id": 1}\n', r"is cut short at line 2 column 1 .expected `,` or `\]`"),
        ('{"images": [{"id": 1}]', r"is cut short at line 1 column 23"),
        ('{"images": [{"id": 1}\n {"id": 2}]}', r"is not JSON at line 2 column 2 .expected `,`"),
        ('{"images": [{"id": oops}]}', r"is not JSON at line 1 column 20 .expecting value"),
        ('{"images": []} x', r"is not JSON at line 1 column 16"),
        ("<!DOCTYPE html>", r"is not JSON at line 1 column 1 .expected `\{`"),
        ("[1, 2]", r"is not JSON at line 1 column 1 .expected `\{`"),
        ("{1: 2}", r"is not JSON at line 1 column 2"),
        ("", r"file\.json: is empty"),
        ('{"images": {"a": 1}}', r'file\.json: "images" holds no list'),
    ],
)
def test_where_it_breaks_off_is_named(tmp_path, monkeypatch, text, sentence, chunk):
    monkeypatch.setattr(json_stream, "_CHUNK_BYTES", chunk)
    with pytest.raises(DataError, match=sentence):
        list(stream_elements(written(tmp_path, text), ("images",)))


def test_lines_are_counted_over_all_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(json_stream, "_CHUNK_BYTES", 16)
    lines = ['{"images": [', *['{"id": 1},'] * 40, '  {"id": oops}]}']
    with pytest.raises(DataError, match=r"is not JSON at line 42 column 10 "):
        list(stream_elements(written(tmp_path, "\n".join(lines)), ("images",)))


def test_endless_nesting_is_refused(tmp_path):
    path = written(tmp_path, '{"images": ' + "[" * 200_000)
    with pytest.raises(DataError, match=r"file\.json: is (not JSON|cut short) at line 1"):
        list(stream_elements(path, ("images",)))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.json: cannot be read \(No such file"):
        list(stream_elements(tmp_path / "gone.json", ("images",)))


def test_an_element_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(json_stream, "_MAX_ELEMENT_BYTES", 1 << 20)
    path = written(tmp_path, '{"images": ["' + "a" * (5 << 20) + '"]}')
    with pytest.raises(DataError, match=r"a value of over 1 MB"):
        list(stream_elements(path, ("images",)))


def test_memory_does_not_grow_with_the_file(tmp_path):
    one = json.dumps({"id": 1, "counts": list(range(400))})
    path = written(tmp_path, '{"images": [' + ",".join([one] * 4000) + "]}")
    assert path.stat().st_size > 7.5e6
    tracemalloc.start()
    num_elements = sum(1 for _ in stream_elements(path, ("images",)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert num_elements == 4000
    assert peak < 6e6


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_a_list_as_the_outermost_value_is_streamed_too(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(json_stream, "_CHUNK_BYTES", chunk)
    content = [{"n": "Käse"}, 1.5e3, [], {"a": [1]}]
    path = written(tmp_path, "\ufeff \n" + json.dumps(content, indent=1, ensure_ascii=False))
    assert is_outer_list(path)
    with path.open("rb") as file:
        again = [
            read_element(file.fileno(), one.offset, one.num_bytes)
            for one in stream_outer_list(path)
        ]
    assert again == content
    assert not is_outer_list(written(tmp_path, ' {"a": [1]}'))
    assert list(stream_outer_list(written(tmp_path, "[]"))) == []


def test_a_list_that_breaks_off_or_goes_on_is_refused_with_its_place(tmp_path):
    for text, sentence in (
        ("[1,\n2", "is cut short at line 2 column 2"),
        ("[1] 2", "is not JSON at line 1 column 5"),
        ('{"a": 1}', "is not JSON at line 1 column 1"),
    ):
        with pytest.raises(DataError, match=sentence):
            list(stream_outer_list(written(tmp_path, text)))
    with pytest.raises(DataError, match=r"none.json: cannot be read \(No such file"):
        list(stream_outer_list(tmp_path / "none.json"))
    with pytest.raises(DataError, match=r"none.json: cannot be read \(No such file"):
        is_outer_list(tmp_path / "none.json")
