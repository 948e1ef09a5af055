"""What training is given and what it must say, as a person meets it; only the model is tiny."""

import errno
import json
import os
import shutil
import signal

import numpy as np
import pytest
import torch
from PIL import Image

from anymask.train.recipes import Recipe
from anymask.weights.load import load_model
from tests.scenes import HEIGHT, WIDTH, scene, write_shard
from tests.unit.cli.spoiled import (
    add_annotation,
    cut_picture,
    last_checkpoint,
    leave_no_mask,
    make_all_crowds,
    remove_picture,
    repeat_image,
    swap_sides,
    write_coco,
    write_web_page,
)
from tests.unit.train.conftest import small_config
from tests.unit.train.programs import small_settings


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Let `anymask train default` train a very small model for four steps."""

    def recipe(start=None):
        settings = small_settings(save_every=1)
        return Recipe(name="default", architecture=small_config(), settings=settings, start=start)

    monkeypatch.setattr("anymask.train.recipes.default_model", recipe)


@pytest.fixture
def data(folder):
    """A folder with a shard of twenty scenes; one of them is held back by its name."""
    (folder / "data").mkdir()
    write_shard(folder / "data" / "discs.tar", 20)
    return folder / "data"


@pytest.fixture
def train(anymask, data):
    """Run `anymask train default`, on the scenes where nothing else is given."""

    def run(*words, data="data", out="run"):
        return anymask("train", "default", "--data", data, "--out", out, *words)

    return run


@pytest.fixture
def document(folder):
    """Write some scenes as `coco/a.json`; a function may spoil them first."""

    def write(spoil=None):
        write_coco(folder / "coco", spoil)

    return write


def steps_in(run):
    return sorted(path.name for path in run.glob("step-*"))


def leftovers(run):
    return [path.name for path in run.iterdir() if path.name.startswith(".")]


# --- annotations (45, 46, 48) ---


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (add_annotation(image_id=77), "annotation 999: its image_id 77 is no image of the file"),
        (repeat_image, "image 0: another image has the same id"),
        (remove_picture, "image 3: p3.png was found in none of "),
        (swap_sides, "annotation 11: RLE size [128, 96] is 96×128, but its sums fit 128×96: "),
        (add_annotation(segmentation=[[1, 2, 3, 4]]), "annotation 999: polygon 0 has 2 points"),
        (write_web_page, "coco/p2.png: is a web page, not a picture (begins with `<!DOCTYPE`)"),
        (cut_picture, "coco/p2.png: cut short, "),
    ],
)
def test_a_bad_annotation_or_picture_is_named_and_may_be_skipped(
    train, document, folder, spoil, sentence
):
    document(spoil)
    ran = train(data="coco")
    assert ran.code == 2
    assert ran.err.startswith("error: 1 of ")
    assert sentence in ran.err
    assert "hint: mend them, or add --skip-bad; all are listed in run/failures.jsonl" in (ran.err)
    (row,) = (folder / "run" / "failures.jsonl").read_text().splitlines()
    assert sentence in "{input}: {message}".format(**json.loads(row))
    assert steps_in(folder / "run") == []
    skipped = train("--skip-bad", data="coco")
    assert (skipped.code, "1 bad sample" in skipped.err) == (0, True)


def test_an_annotation_file_cut_short_names_line_and_column(train, document, folder):
    document()
    path = folder / "coco" / "a.json"
    path.write_text(path.read_text()[:1500])
    ran = train(data="coco/a.json")
    assert ran.code == 2
    assert ran.err.startswith("error: coco/a.json: is cut short at line 1 column ")
    assert "hint: download or write it again\n" in ran.err
    measured = train("--validation", "coco/a.json")
    assert measured.code == 2
    assert "error: coco/a.json: is cut short at line 1 column " in measured.err
    assert steps_in(folder / "run") == []


# --- pictures and masks (110, 111, 112, 113, 122) ---


@pytest.mark.parametrize("spoil", [leave_no_mask, make_all_crowds])
def test_pictures_without_any_object_are_refused(train, document, folder, spoil):
    document(spoil)
    ran = train(data="coco")
    assert ran.code == 2
    assert ran.err.startswith("error: coco: holds no mask\nhint: name the folder of pictures and")
    assert steps_in(folder / "run") == []
    assert train().code == 0


def test_some_pictures_without_objects_are_counted_and_the_others_learnt_from(
    train, document, folder
):
    def empty_four(content, _folder):
        content["annotations"] = [a for a in content["annotations"] if a["image_id"] > 3]

    document(empty_four)
    ran = train(data="coco")
    assert ran.code == 0
    assert "6 pictures, 6 masks in 1 set; 4 pictures without masks, 0 bad samples" in ran.err
    lines = (folder / "run" / "log.jsonl").read_text().splitlines()
    assert max(json.loads(line)["redraws"] for line in lines) > 0


def test_masks_too_small_for_any_frame_are_refused_before_the_first_step(train, folder):
    for name in ("images", "masks"):
        (folder / "specks" / name).mkdir(parents=True)
    for number in range(3):
        Image.fromarray(scene(number)[0]).save(folder / "specks" / "images" / f"p{number}.png")
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[40:44, 50:54] = 255
        Image.fromarray(mask).save(folder / "specks" / "masks" / f"p{number}.png")
    ran = train(data="specks")
    assert ran.code == 2
    assert "error: --data: none of 1000 pictures shows a mask at 64 pixels\n" in ran.err
    assert "hint: use a larger size, or pictures with larger masks\n" in ran.err
    assert steps_in(folder / "run") == []


@pytest.fixture
def pairs(folder):
    """Five pictures and their masks; one mask is a column too wide, one is missing."""
    for name in ("images", "masks"):
        (folder / "pairs" / name).mkdir(parents=True)
    for number in range(5):
        pixels, masks = scene(50 + number)
        Image.fromarray(pixels).save(folder / "pairs" / "images" / f"p{number}.png")
        mask = np.pad(masks[0], ((0, 0), (0, number == 1)))
        if number != 2:
            Image.fromarray(mask).save(folder / "pairs" / "masks" / f"p{number}.png")
    return folder / "pairs"


def test_all_pairs_that_do_not_fit_are_listed_before_the_first_step(train, pairs, folder):
    ran = train(data="pairs")
    assert ran.code == 2
    assert ran.err.startswith("error: 2 of 5 samples are bad, namely: ")
    assert "pairs/images/p1.png: mask 129x96 for picture 128x96: off by one; " in ran.err
    assert "pairs/images/p2.png: has no label image of its name\n" in ran.err
    rows = (folder / "run" / "failures.jsonl").read_text().splitlines()
    assert len(rows) == 2
    assert steps_in(folder / "run") == []


def test_more_than_one_percent_of_bad_samples_cannot_be_skipped(train, pairs, folder):
    ran = train("--skip-bad", data="pairs")
    assert ran.code == 2
    assert ran.err.startswith("error: 2 of 5 samples are bad, more than 1 %, namely: ")
    assert "hint: mend or remove them; all are listed in run/failures.jsonl\n" in ran.err
    (pairs / "images" / "p2.png").unlink()
    assert train("--skip-bad", data="pairs").code == 0


def test_pictures_on_both_sides_are_refused_unless_that_is_meant(train, folder):
    write_shard(folder / "again.tar", 2)
    ran = train("--validation", "again.tar")
    assert (ran.code, "discs/discs_000 = again/again_000" in ran.err) == (2, True)
    assert "hint: remove them from one side, or add --allow-overlap\n" in ran.err
    assert train("--validation", "again.tar", "--allow-overlap").code == 0


def test_a_folder_one_level_off_is_pointed_to(train, document, folder):
    document()
    (folder / "deep" / "inside").mkdir(parents=True)
    shutil.move(folder / "coco", folder / "deep" / "inside" / "coco")
    ran = train(data="deep")
    assert ran.code == 2
    assert ran.err == (
        "error: deep: no annotated pictures recognised among 1 names (inside)\n"
        "hint: name deep/inside/coco (COCO or LVIS JSON and its pictures)\n"
    )
    assert train(data="deep/inside/coco").code == 0


def test_a_name_with_a_line_break_is_used_and_shown_escaped(train, document, folder):
    document()
    (folder / "coco").rename(folder / "co\nco ü")
    ran = train(data="co\nco ü", out="a\nrun")
    assert (ran.code, ran.out) == (0, "trained; the model is a\\nrun/model.safetensors\n")
    (folder / "co\nco ü" / "p1.png").unlink()
    broken = train(data="co\nco ü", out="b\nrun")
    assert broken.code == 2
    assert "co\\nco ü/a.json: image 1: p1.png was found in none of " in broken.err
    assert "all are listed in b\\nrun/failures.jsonl" in broken.err


def test_the_same_data_named_twice_is_learnt_from_once(train, folder):
    (folder / "link").symlink_to(folder / "data")
    ran = train("--data", "data/discs.tar", "--data", "link", "--dry-run")
    assert ran.code == 0
    assert "note: 20 pictures, 60 masks in 1 set; " in ran.err


# --- where things go ---


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--out", "data"), "--out data: lies inside the data data\nhint: choose a folder beside"),
        (("--out", "data/run", "--cache", "c"), "--out data/run: lies inside the data data\n"),
        (("--out", "cat.png"), "--out cat.png: is a file\nhint: name a folder\n"),
        (("--out", "x" * 300), f"{'x' * 300}: cannot be used (File name too long)\nhint: "),
        (("--data", "x" * 300), f"{'x' * 300}: cannot be used (File name too long)\nhint: "),
        (("--validation", "x" * 300), f"{'x' * 300}: cannot be read (File name too long)\nhint: "),
    ],
)
def test_a_place_that_cannot_be_used_starts_nothing(train, folder, words, sentence):
    before = sorted(path.name for path in (folder / "data").iterdir())
    ran = train(*words)
    told = [line for line in ran.err.splitlines(keepends=True) if not line.startswith("note: ")]
    assert ran.code == 2
    assert "".join(told).startswith(f"error: {sentence}")
    assert sorted(path.name for path in (folder / "data").iterdir()) == before


def test_a_folder_above_out_that_cannot_be_written_is_not_blamed_on_the_data(
    train, folder, monkeypatch
):
    (folder / "closed").mkdir()
    mkdir = os.mkdir

    def refuse(path, *rest, **named):
        if "closed" in str(path):
            raise PermissionError(errno.EACCES, "Permission denied", "closed/run")
        mkdir(path, *rest, **named)

    monkeypatch.setattr("os.mkdir", refuse)
    ran = train(out="closed/run")
    assert ran.code == 1
    assert ran.err == (
        "error: closed/run/data: cannot be written (Permission denied)\n"
        "hint: choose a folder you can write to\n"
    )
    assert train().code == 0


# --- numbers and memory (109, 114, 118, 119) ---


def test_values_that_are_not_finite_stop_the_run_with_a_good_state_and_advice(
    train, folder, monkeypatch
):
    from anymask.train.interaction import converse

    seen = [0]

    def poisoned(model, *rest, **named):
        figures = converse(model, *rest, **named)
        seen[0] += 1
        if seen[0] > 3:  # the first is the trial before the run
            next(p for p in model.parameters() if p.grad is not None).grad.fill_(torch.nan)
        return figures

    monkeypatch.setattr("anymask.train.task.converse", poisoned)
    ran = train("--set", "steps=20")
    assert ran.code == 1
    assert "error: loss or gradient was not finite 3 times in a row at step 5 " in ran.err
    assert "(last samples: discs/discs_0" in ran.err
    assert "hint: use --set precision=fp32 or a lower optimizer.rate, then --resume --over" in (
        ran.err
    )
    assert not (folder / "run" / "model.safetensors").exists()
    rows = (folder / "run" / "failures-steps.jsonl").read_text().splitlines()
    assert [json.loads(row)["step"] for row in rows] == [3, 4, 5]
    good = last_checkpoint(folder / "run")
    assert all(bool(tensor.isfinite().all()) for tensor in good.model.values())
    monkeypatch.setattr("anymask.train.task.converse", converse)
    lower = ("--set", "steps=6", "--set", "optimizer.rate=1e-5")
    assert train("--resume", "--override", *lower).code == 0


def test_too_little_memory_is_said_with_what_fits(train, folder, monkeypatch):
    monkeypatch.setattr("anymask.train.launch.memory_free", lambda _device: 10**9)
    ran = train("--set", "batch=4000", "--set", "accumulate=2")
    assert ran.code == 2
    assert "error: the run needs about " in ran.err
    assert " GB, 1.0 GB are free\nhint: use --set batch=" in ran.err
    assert steps_in(folder / "run") == []
    advice = ran.err.rpartition("hint: use ")[2].split()
    batch, parts = (int(word.rpartition("=")[2]) for word in advice[1::2])
    assert 1 < batch < 4000
    assert 8000 <= batch * parts < 8000 + batch
    assert train("--dry-run", *advice).code == 0
    many = train("--processes", "1000000")
    assert (many.code, "\nhint: use fewer processes, " in many.err) == (2, True)


def test_one_picture_is_allowed(train, folder):
    write_shard(folder / "one.tar", 1)
    ran = train(data="one.tar")
    assert (ran.code, "1 picture, 3 masks" in ran.err) == (0, True)
    assert not load_model(folder / "run" / "model.safetensors", device="cpu").sam.training


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("set_power=1e9", "set_power must be 0 to 1, got 1e+09\nhint: use 0.5\n"),
        ("size=0", "sizes must be positive multiples of 32, got (0,)\nhint: use 128, 192, "),
        ("batch=many", "setting 'batch' must be a whole number, got 'many'\n"),
        ("bad\nkey=1", "unknown setting 'bad\\nkey'\nhint: choose from "),
        ("=5", "--set must be key=value, got '=5'\nhint: write --set batch=8\n"),
        ("optimizer.rate=NaN", "setting 'optimizer.rate' must be a finite number, got nan\n"),
    ],
)
def test_a_setting_that_makes_no_sense_starts_nothing(train, folder, change, sentence):
    ran = train("--set", change)
    told = [line for line in ran.err.splitlines(keepends=True) if not line.startswith("note: ")]
    assert ran.code == 2
    assert "".join(told).startswith(f"error: {sentence}")
    assert steps_in(folder / "run") == []


# --- stopping, saving and going on (115, 116, 117, 123, 124) ---


def full_disk_from(monkeypatch, count):
    """Let the disk be full from some write of a large file on."""
    fsync, left = os.fsync, [count]

    def full(number):
        if os.fstat(number).st_size > 100_000:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
        fsync(number)

    monkeypatch.setattr("os.fsync", full)


def test_a_full_disk_leaves_the_old_checkpoint_and_no_half_one(train, folder, monkeypatch):
    with monkeypatch.context() as patch:
        train("--dry-run")  # pictures are prepared while there is room
        full_disk_from(patch, 2)
        ran = train()
    assert ran.code == 1
    assert "error: run/step-00000003.pt: the disk is full\n" in ran.err
    assert "hint: free some space or choose another folder\n" in ran.err
    assert steps_in(folder / "run") == ["step-00000001.pt", "step-00000002.pt"]
    assert leftovers(folder / "run") == []
    resumed = train("--resume")
    assert (resumed.code, "note: going on at step 2\n" in resumed.err) == (0, True)
    assert train(out="whole").code == 0
    ends = [last_checkpoint(folder / name).model for name in ("run", "whole")]
    assert all(torch.equal(tensor, ends[1][name]) for name, tensor in ends[0].items())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_pictures_are_prepared_leaves_nothing_half_done(
    train, folder, monkeypatch, number, code
):
    from anymask.data.opening import open_sample

    def interrupted(found):
        signal.raise_signal(number)
        return open_sample(found)

    monkeypatch.setattr("anymask.data.packing.open_sample", interrupted)
    ran = train()
    assert ran.code == code
    assert list((folder / "run" / "data").iterdir()) == []
    monkeypatch.setattr("anymask.data.packing.open_sample", open_sample)
    assert train().code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_training_saves_and_says_how_to_go_on(
    train, folder, monkeypatch, number, code
):
    from anymask.train.task import Samples

    draw, left = Samples.draw, [3]

    def interrupted(self, size, rng):
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(number)
        return draw(self, size, rng)

    monkeypatch.setattr(Samples, "draw", interrupted)
    ran = train()
    assert ran.code == code
    assert "note: run is saved; go on with --resume\n" in ran.err
    assert steps_in(folder / "run")[-1] == "step-00000002.pt"
    resumed = train("--resume")
    assert (resumed.code, "note: going on at step 2\n" in resumed.err) == (0, True)


def test_a_run_under_other_conditions_is_refused_unless_that_is_meant(train, document, folder):
    assert train().code == 0
    document()
    for words, told in (
        (("--data", "coco"), "in 1 points (data: "),
        (("--processes", "2"), "in 1 points (processes: 1 → 2)"),
        (("--seed", "3", "--set", "batch=2"), "in 2 points (batch: 1 → 2; seed: 0 → 3)"),
    ):
        ran = train("--resume", *words)
        assert ran.code == 2
        assert f"error: the run was begun otherwise {told}" in ran.err
        assert "hint: give the same settings, add --override, or begin anew in another" in ran.err
    assert train("--resume", "--override", "--seed", "3").code == 0


def test_the_checkpoint_before_is_used_when_the_newest_is_cut_short(train, folder):
    assert train().code == 0
    newest = folder / "run" / "step-00000004.pt"
    whole = last_checkpoint(folder / "run").model
    newest.write_bytes(newest.read_bytes()[:50_000])
    ran = train("--resume")
    assert (ran.code, "note: going on at step 3\n" in ran.err) == (0, True)
    again = last_checkpoint(folder / "run")
    assert again.step == 4
    assert all(torch.equal(tensor, whole[name]) for name, tensor in again.model.items())


def test_a_run_without_any_readable_checkpoint_is_not_begun_anew_unasked(train, folder):
    assert train().code == 0
    for path in (folder / "run").glob("step-*.pt"):
        path.write_bytes(b"")
    ran = train("--resume")
    assert ran.code == 1
    assert "error: run: none of its 2 checkpoints can be read\n" in ran.err
    assert "hint: begin anew in another folder\n" in ran.err
    (folder / "empty").mkdir()
    begun = train("--resume", out="empty")
    assert (begun.code, "note: nothing to go on with; beginning anew\n" in begun.err) == (0, True)


def test_weights_without_settings_are_told_what_is_missing(train, folder, model_file, anymask):
    tensors = load_model(model_file, device="cpu").sam.state_dict()
    torch.save(tensors, folder / "plain.pt")
    ran = anymask("segment", "cat.png", "--point", "40,30", "--model", "plain.pt")
    assert ran.code == 2
    assert "error: plain.pt: holds a default model without its settings\n" in ran.err
    assert "hint: save it with anymask.weights.save.save_model, which keeps them\n" in ran.err


def test_a_checkpoint_of_a_run_given_as_a_model_says_how_to_make_one(train, folder, anymask):
    assert train().code == 0
    words = ("segment", "cat.png", "--point", "40,30", "--model")
    ran = anymask(*words, "run/step-00000004.pt")
    assert ran.code == 2
    assert (
        "error: run/step-00000004.pt: is a checkpoint of a training run, not a model\n" in ran.err
    )
    assert "hint: run anymask train export --run FOLDER --out model.safetensors, and " in ran.err
    made = anymask("train", "export", "--run", "run", "--out", "model.safetensors")
    assert made.code == 0
    assert anymask(*words, "model.safetensors", "-o", "out").code == 0
