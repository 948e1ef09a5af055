"""What `--model` may name, what it gets when it may not, and the commands about models."""

import errno
import functools
import hashlib
import os
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
import safetensors.torch
import torch

from anymask.cli.models import fetch_before
from anymask.cli.screen import make_screen
from anymask.weights.catalogue import PUBLISHED
from tests.unit.cli.folders import names_in
from tests.unit.weights.web import published, serving

BODY = bytes(range(256)) * 4000


@pytest.fixture
def ask(anymask, folder):
    """Segment the photo with a model and give exit code and messages."""

    def run(model):
        ran = anymask("segment", "cat.png", "--point", "45,30", "--model", model)
        return ran.code, ran.err

    return run


class _Attack:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch attacked",)


def test_a_model_file_is_used_and_said_to_be_of_unknown_origin(ask, model_file):
    code, err = ask(model_file)
    assert (code, "note: random.safetensors: unknown origin\n" in err) == (0, True)


def test_a_file_with_code_is_refused_and_not_run(ask, folder):
    torch.save({"model": _Attack()}, folder / "bad.pth")
    code, err = ask("bad.pth")
    assert code == 2
    assert "bad.pth: contains code (posix.system), refused" in err
    assert not (folder / "attacked").exists()


def test_a_file_cut_short_says_how_much_is_there(ask, folder, model_file):
    whole = model_file.read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[:-1000])
    code, err = ask("cut.safetensors")
    sizes = f"{len(whole) - 1000:,} of {len(whole):,} bytes"
    assert (code, f"error: cut.safetensors: is cut short: {sizes}" in err) == (2, True)


def test_weights_that_are_no_numbers_are_refused(ask, folder, model_file):
    tensors = safetensors.torch.load_file(model_file)
    name = next(name for name in tensors if name.endswith("weight"))
    tensors[name].view(-1)[0] = torch.nan
    with safetensors.safe_open(model_file, "pt") as file:
        safetensors.torch.save_file(tensors, folder / "nan.safetensors", file.metadata())
    code, err = ask("nan.safetensors")
    assert (code, name in err) == (2, True)


def test_tensors_of_something_else_are_refused(ask, folder):
    torch.save({"state_dict": {"module.a": torch.zeros(3)}}, folder / "other.pth")
    code, err = ask("other.pth")
    assert (code, err.startswith("error: other.pth: ")) == (2, True)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("none.pth", "error: none.pth: no such file and no published model of that name\n"),
        ("sam_vit_k", "hint: did you mean sam_vit_"),
        (".", "error: .: is no file\n"),
    ],
)
def test_a_model_that_is_not_there(ask, name, sentence):
    code, err = ask(name)
    assert (code, sentence in err) == (2, True)


def test_a_published_model_that_is_not_at_hand_says_where_to_get_it(ask, monkeypatch):
    """Nothing can be fetched: name, address, hash and folder are told."""
    monkeypatch.setenv("ANYMASK_OFFLINE", "1")
    code, err = ask("sam_vit_b")
    published = PUBLISHED["sam_vit_b"]
    assert code == 2
    for told in (published.file_name, published.url, published.sha256, "anymask/weights"):
        assert told in err


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("gpu", "error: device must be auto, cpu, cuda, cuda:<number> or mps, got 'gpu'"),
        ("cuda:99", "error: device cuda:99 "),
    ],
)
def test_a_device_that_is_not_there(anymask, model_file, device, sentence):
    words = ["segment", "cat.png", "--point", "45,30", "--model", model_file]
    ran = anymask(*words, "--device", device)
    assert (ran.code, sentence in ran.err) == (2, True)
    assert anymask(*words, "--device", "cpu").code == 0


def test_a_missing_model_stops_many_photos_before_the_first(anymask, folder):
    ran = anymask("segment", "cat.png", "gone.png", "--point", "4,5", "--model", "none.pth")
    assert ran.code == 2
    assert names_in(folder) == ["cat.png"]
    assert "photos are done" not in ran.err


def test_the_model_is_loaded_once_for_many_photos(segment, monkeypatch, loaded_once):
    calls = []

    @functools.wraps(loaded_once)
    def load(*words, **named):
        calls.append(words)
        return loaded_once(*words, **named)

    monkeypatch.setattr("anymask.api.load", load)
    segment("cat.png", "gone.png", "./cat.png", "--point", "4,5")
    assert len(calls) == 1


# --- anymask models ---


@pytest.fixture
def site(monkeypatch):
    """A server that has two published checkpoints; the others lie nowhere."""
    monkeypatch.delenv("ANYMASK_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    with serving(BODY) as served:
        names = ("mobile_sam", "sam_vit_b")
        there = {name: published(served.url, body=BODY, name=name) for name in names}
        gone = replace(PUBLISHED["sam_vit_h"], mirrors=("http://127.0.0.1:9/h.pth",))
        catalogue = MappingProxyType({**there, "sam_vit_h": gone})
        monkeypatch.setattr("anymask.weights.catalogue.PUBLISHED", catalogue)
        yield served


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "weights"


@pytest.fixture
def models(anymask, cache):
    """Run `anymask models WORDS...` with a cache of its own."""
    return functools.partial(anymask, "models")


def test_download_prints_where_the_file_lies(models, site, cache):
    ran = models("download", "mobile_sam")
    path = cache / "mobile_sam.pt"
    assert (ran.code, ran.out) == (0, f"{path}\n")
    assert ran.err == "note: mobile_sam: fetched 1 MB in 0 s\n"
    assert path.read_bytes() == BODY


def test_what_is_here_is_checked_and_not_fetched_again(models, site):
    models("download", "mobile_sam")
    ran = models("download", "mobile_sam", "default", "mobile_sam")
    assert (ran.code, len(site.ranges)) == (0, 1)
    assert ran.err == (
        "note: default: is in the package, nothing to do\n"
        "note: mobile_sam: is here already, as published\n"
    )


def test_a_damaged_file_is_fetched_anew(models, site, cache):
    cache.mkdir(parents=True)
    (cache / "mobile_sam.pt").write_bytes(BODY[:-1])
    ran = models("download", "mobile_sam")
    assert "mobile_sam.pt is not as published; fetching it anew" in ran.err
    assert (ran.code, (cache / "mobile_sam.pt").read_bytes() == BODY) == (0, True)


def test_what_one_server_has_not_keeps_nothing_from_the_others(models, site, cache):
    ran = models("download", "sam_vit_h", "mobile_sam", "sam_vit_b")
    sentence = f"failed: sam_vit_h: sam_vit_h_4b8939.pth is not in {cache} and cannot be fetched: "
    assert (ran.code, len(ran.out.splitlines())) == (3, 2)
    assert f"{sentence}127.0.0.1 refuses the connection; try again, or download http:" in ran.err


def test_a_single_one_that_cannot_be_had_is_an_error(models, site):
    ran = models("download", "sam_vit_h")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: sam_vit_h: sam_vit_h_4b8939.pth is not in ")
    assert "\nhint: try again, or download http://127.0.0.1:9/h.pth into that folder (" in ran.err
    assert models("download", "mobile_sam").code == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["download", "mobile_sam", "sam_vit"], "error: sam_vit: no model of that name\n"),
        (["download", "mobilesam"], "hint: did you mean mobile_sam\n"),
        (["download", "a\nb"], "error: a\\nb: no model of that name\nhint: use mobile_sam, sam_"),
        (["download", "mobile_sam", "--timeout", "0"], "error: --timeout must be more than 0"),
        (["download"], "error: missing argument"),
        (["info", "none"], "error: none: no model of that name\n"),
        (["path", "none"], "error: none: no model of that name\n"),
        (["lst"], "error: no such command 'lst'"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_fetched(models, site, words, sentence):
    ran = models(*words)
    assert (ran.code, sentence in ran.err, site.ranges) == (2, True, [])


def test_list_says_what_is_here(models, site, cache):
    models("download", "sam_vit_b")
    (cache / "mobile_sam.pt.part").write_bytes(BODY[: len(BODY) // 2])
    rows = {row[0]: row[1:] for row in map(str.split, models("list").out.splitlines())}
    assert rows["default"][-3:] == ["in", "the", "package"]
    assert rows["sam_vit_b"] == ["1", "MB", "Apache-2.0", "here"]
    assert rows["mobile_sam"] == ["1", "MB", "Apache-2.0", "50", "%", "are", "here"]
    assert rows["sam_vit_h"] == ["2.56", "GB", "Apache-2.0", "not", "here"]


def test_list_gives_records(models, site):
    models("download", "sam_vit_b")
    records = {record["name"]: record for record in models("list", "--json").records}
    assert list(records) == ["default", "mobile_sam", "sam_vit_b", "sam_vit_h"]
    assert [record["is_here"] for record in records.values()] == [True, False, True, False]
    assert records["sam_vit_b"]["sha256"] == hashlib.sha256(BODY).hexdigest()
    assert records["sam_vit_h"]["mirrors"] == ["http://127.0.0.1:9/h.pth"]


def test_info_tells_everything_and_reads_the_file(models, site, cache):
    models("download", "mobile_sam")
    told = models("info", "mobile_sam").out
    for word in (site.url, hashlib.sha256(BODY).hexdigest(), "1,024,000 bytes", "as published"):
        assert word in told.replace("\n              ", "")
    (cache / "mobile_sam.pt").write_bytes(BODY[::-1])
    assert "here, but damaged: download it" in models("info", "mobile_sam").out
    assert models("info", "mobile_sam", "--json").records[0]["is_whole"] is False
    assert "default.safetensors" in models("info", "default").out


def test_path_is_for_other_commands(models, site, cache):
    assert models("path").out == f"{cache}\n"
    ran = models("path", "mobile_sam")
    assert (ran.code, ran.out) == (2, "")
    assert "hint: run anymask models download mobile_sam\n" in ran.err
    models("download", "mobile_sam")
    assert models("path", "mobile_sam").out == f"{cache / 'mobile_sam.pt'}\n"
    assert models("path", "default").out.endswith("weights/default.safetensors\n")


def test_a_command_that_names_a_model_brings_it_first(site, cache):
    fetch_before(make_screen(), "mobile_sam")
    assert ((cache / "mobile_sam.pt").read_bytes() == BODY, len(site.ranges)) == (True, 1)
    for other in (None, "mine.pth", "mobile_sam"):
        fetch_before(make_screen(), other)
    assert len(site.ranges) == 1


def test_the_list_stands_where_the_cache_may_not_be_entered(anymask, monkeypatch):
    is_file = Path.is_file

    def locked(path):
        if path.name in {entry.file_name for entry in PUBLISHED.values()}:
            raise PermissionError(errno.EACCES, "Permission denied")
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", locked)
    listed, told = anymask("models", "list"), anymask("models", "path", "mobile_sam")
    assert (listed.code, listed.out.count("not here")) == (0, 4)
    assert (told.code, "mobile_sam.pt is not in" in told.err) == (2, True)


def test_the_largest_timeout_is_told(anymask):
    ran = anymask("models", "download", "mobile_sam", "--timeout", "4000")
    assert (ran.code, "more than 0 and at most 3600, got 4000" in ran.err) == (2, True)


def test_the_name_of_the_default_model_may_be_given(ask):
    assert ask("default")[0] == 0
