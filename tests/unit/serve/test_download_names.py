"""Names of downloads hurt nobody."""

from urllib.parse import unquote

import pytest

from anymask.serve.download_names import content_disposition, safe_name, stem_of_picture


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("cat.png", "cat.png"),
        ("고양이 사진.jpg", "고양이 사진.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\cat.png", "cat.png"),
        ("<img src=x onerror=alert(1)>.png", "_img src=x onerror=alert(1)_.png"),
        ("a\r\nSet-Cookie: x.png", "a  Set-Cookie_ x.png"),
        ("-rf", "rf"),
        (".hidden", "hidden"),
        ("..", "picture"),
        ("", "picture"),
        ("con.png", "_con.png"),
        ("gpj.\u202ecat.png", "gpj.cat.png"),
        ("half\ud800.png", "half.png"),
        ("nul\0.png", "_nul.png"),
    ],
)
def test_any_name_becomes_a_safe_one(name, safe):
    assert safe_name(name) == safe
    assert safe_name(safe) == safe


def test_long_names_keep_their_ending():
    short = safe_name("가" * 200 + ".jpeg")
    assert short.endswith("가.jpeg")
    assert 100 < len(short.encode()) <= 120
    assert len(safe_name("x" * 500).encode()) == 120
    assert len(safe_name("a." + "y" * 500).encode()) <= 120


def test_the_stem_is_without_the_ending():
    assert stem_of_picture("a/b.tar.gz") == "b.tar"
    assert stem_of_picture("/") == "picture"


@pytest.mark.parametrize("name", ["cat.png", 'a "b"; c=d.png', "고양이.png", "100%.png", "a'b.png"])
def test_the_header_is_one_line_and_says_the_name(name):
    header = content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    begin, plain, exact = header.split("; ", 2) if ";" not in name else header.rsplit("; ", 2)
    assert begin == "attachment"
    assert plain.startswith('filename="')
    assert plain.count('"') == 2
    assert unquote(exact.removeprefix("filename*=UTF-8''")) == name
