"""A receipt makes the same bytes again, or says what is not as it was."""

import json
import shutil

import pytest

from anymask.cli.formats import FORMATS, SETS
from anymask.receipt import read_receipt
from tests.unit.cli.folders import names_in


@pytest.fixture
def written(segment):
    """Run segment so that one photo has outputs and a receipt in `out`."""

    def run(*words: object):
        assert segment("cat.png", "--point", "45,30", *words, "-o", "out").code == 0

    return run


def change(path, **entries):
    """Change entries of a receipt."""
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, **entries}))


def test_every_format_gives_the_same_bytes_again(written, anymask, folder):
    written(*(word for name in FORMATS for word in ("--format", name)))
    receipt = folder / "out" / "cat.png.receipt.json"
    stamps = read_receipt(receipt).outputs
    assert {stamp.name for stamp in stamps} == set(names_in(folder / "out")) - {receipt.name}
    before = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    ran = anymask("replay", receipt, "-o", "again")
    assert (ran.code, ran.out) == (0, f"same bytes: {len(stamps)} outputs, new ones in again\n")
    for stamp in stamps:
        assert (folder / "again" / stamp.name).read_bytes() == before[stamp.name]
    assert {path.name: path.read_bytes() for path in (folder / "out").iterdir()} == before


@pytest.mark.parametrize(
    "words",
    [
        ("--all-masks", "--format", "png"),
        ("--one-mask", "--input-size", "96"),
        ("--point", "80,50,-", "--allow-truncated", "--max-pixels", "9000"),
        ("--box", "5,5,60,50", "--precision", "bfloat16"),
    ],
)
def test_the_flags_are_repeated(written, anymask, words):
    written(*words)
    ran = anymask("replay", "out/cat.png.receipt.json")
    assert (ran.code, ran.out.splitlines()[0].partition(":")[0]) == (0, "same bytes")


def test_an_earlier_answer_and_a_single_file(segment, anymask, folder):
    assert segment("cat.png", "--point", "45,30", "--format", "logits", "-o", "in").code == 0
    mask = "in/cat.png.logits.npy"
    assert segment("cat.png", "--point", "40,28", "--mask", mask, "-o", "m.png").code == 0
    assert anymask("replay", "m.png.receipt.json").code == 0
    shutil.move(folder / mask, folder / "in" / "gone.npy")
    ran = anymask("replay", "m.png.receipt.json")
    assert (ran.code, ran.err.splitlines()) == (
        2,
        [
            "error: cat.png.logits.npy: the mask of this receipt is not where it was",
            "hint: put it back",
        ],
    )


def test_an_input_that_moved_is_named(written, anymask, folder):
    written()
    (folder / "cat.png").rename(folder / "kitten.png")
    ran = anymask("replay", "out/cat.png.receipt.json")
    assert ran.err.splitlines()[-1] == "hint: put it back, or name it with --input"
    assert anymask("replay", "out/cat.png.receipt.json", "--input", "kitten.png").code == 0


def test_standard_input_is_named_afterwards(segment, anymask, folder):
    assert segment("-", "--point", "4,5", stdin=(folder / "cat.png").read_bytes()).code == 0
    assert anymask("replay", "stdin.receipt.json").code == 2
    assert anymask("replay", "stdin.receipt.json", "--input", "cat.png").code == 0


def test_another_picture_and_version_are_told(written, anymask, folder):
    written("--format", "png", "--format", "logits")
    receipt = folder / "out" / "cat.png.receipt.json"
    change(receipt, versions={"torch": "1.0"})
    ran = anymask("replay", receipt)
    assert (ran.code, ran.out.splitlines()[0]) == (0, "same bytes: 2 outputs")
    assert [line.split()[:2] for line in ran.out.splitlines() if "torch" in line] == [
        ["torch", "1.0"]
    ]
    data = (folder / "cat.png").read_bytes()
    (folder / "cat.png").write_bytes(data + b"more")
    ran = anymask("replay", receipt)
    assert ran.code == 0
    assert any(line.startswith("input cat.png") for line in ran.out.splitlines())


def test_other_bytes_are_told(written, anymask, folder):
    written("--format", "png", "--format", "logits")
    receipt = folder / "out" / "cat.png.receipt.json"
    record = json.loads(receipt.read_text())
    record["outputs"][1]["sha256"] = 64 * "a"
    receipt.write_text(json.dumps(record))
    ran = anymask("replay", receipt)
    assert (ran.code, ran.out.splitlines()[0]) == (3, "other bytes: 1 of 2 outputs")
    assert "output cat.png.logits.npy" in ran.out
    assert "aaaaaaaaaaaa…" in ran.out


def test_the_threads_of_the_receipt_are_used(written, anymask, folder, monkeypatch):
    written("--format", "png")
    receipt = folder / "out" / "cat.png.receipt.json"
    engine = json.loads(receipt.read_text())["engine"]
    change(receipt, engine={**engine, "threads": engine["threads"] + 1})
    ran = anymask("replay", receipt, "-o", "again")
    again = read_receipt(folder / "again" / "cat.png.receipt.json")
    assert again.engine is not None
    assert again.engine.threads == engine["threads"] + 1
    assert "threads" not in ran.out


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"command": "train"}, "is of a command that is not repeated (train)"),
        ({"arguments": ["@input", "@secret"]}, "argument @'secret' names no file it lists"),
        ({"arguments": ["@input", "--output=/tmp/x"]}, "would write elsewhere, refused"),
        ({"arguments": ["@input", "-o", "/tmp/x"]}, "would write elsewhere, refused"),
        ({"arguments": ["@input", "-ox"]}, "would write elsewhere, refused"),
        ({"arguments": ["@input", "-o", "@output/../x"]}, "names no file it lists"),
        ({"arguments": ["@input", "-o", "@output//tmp/x"]}, "names no file it lists"),
        (
            {"engine": {"name": "torch", "version": "1", "precision": "float32", "threads": -1}},
            "the receipt's threads are -1, not 1 to 4096",
        ),
        (
            {"input": {"name": "a\nb", "sha256": "", "name_bytes": "zz", "folder": "."}},
            r"a\nb: the input of this receipt is not where it was",
        ),
        ({"arguments": ["@input", "--overwrite"]}, "would write elsewhere, refused"),
        ({"format": "anymask-receipt/9"}, "must be a receipt of the form"),
    ],
)
def test_a_receipt_that_asks_for_something_else_is_refused(
    written, anymask, folder, entries, sentence
):
    written("--format", "png")
    receipt = folder / "out" / "cat.png.receipt.json"
    kept = receipt.read_text()
    change(receipt, **entries)
    ran = anymask("replay", receipt)
    assert ran.code == 2
    assert sentence in ran.err
    receipt.write_text(kept)
    assert anymask("replay", receipt).code == 0


def test_a_folder_that_holds_something_is_left_alone(written, anymask):
    written("--format", "png")
    ran = anymask("replay", "out/cat.png.receipt.json", "-o", "out")
    assert (ran.code, ran.err.splitlines()[0]) == (2, "error: -o out: is not an empty folder")


def test_a_photo_that_fails_now_is_told(written, anymask, folder):
    written("--format", "png")
    (folder / "cat.png").write_bytes(b"")
    ran = anymask("replay", "out/cat.png.receipt.json")
    assert ran.code == 3
    assert "is empty (0 bytes)" in ran.err


@pytest.mark.parametrize("form", [(), ("--half",)])
def test_a_kept_embedding_is_replayed_without_the_cache(
    segment, anymask, folder, model_file, form, monkeypatch
):
    monkeypatch.setenv("ANYMASK_CACHE", str(folder / "cache"))
    assert anymask("embed", "cat.png", "--model", model_file, *form).code == 0
    words = ("--point", "45,30", "--format", "logits", "--format", "coco", "-o", "out")
    assert segment("cat.png", *words).code == 0
    receipt = read_receipt(folder / "out" / "cat.png.receipt.json")
    assert receipt.settings["embedding"] == f"kept, {'float16' if form else 'float32'}"
    shutil.rmtree(folder / "cache")
    for name in ("cat.png", "coco"):
        ran = anymask("replay", f"out/{name}.receipt.json")
        assert (ran.code, ran.out.splitlines()[0]) == (0, "same bytes: 1 output")


def test_sets_of_all_photos_are_repeated(segment, anymask, folder):
    shutil.copy(folder / "cat.png", folder / "dog.png")
    words = [word for name in SETS for word in ("--format", name)]
    assert segment("cat.png", "dog.png", "--point", "45,30", *words, "-o", "out").code == 0
    for name in SETS:
        receipt = folder / "out" / f"{name}.receipt.json"
        stamps = read_receipt(receipt).outputs
        assert stamps
        ran = anymask("replay", receipt)
        assert (ran.code, ran.out.partition(":")[0]) == (0, "same bytes"), name


def test_conversions_are_repeated(segment, anymask, folder):
    words = ("--box", "5,5,60,50", "--box", "40,10,85,55", "--format", "coco", "-o", "in.json")
    assert segment("cat.png", *words).code == 0
    for name in ("png", *SETS):
        made = anymask("convert", "in.json", f"as-{name}", "--to", name, "--images", ".")
        assert made.code == 0
        ran = anymask("replay", f"as-{name}.receipt.json")
        assert (ran.code, ran.out.partition(":")[0]) == (0, "same bytes"), name
    text = (folder / "in.json").read_text()
    (folder / "in.json").write_text(text.replace('"object"', '"animal"'))
    ran = anymask("replay", "as-labelme.receipt.json")
    assert (ran.code, ran.out.partition(":")[0]) == (3, "other bytes")
    assert "input in.json" in ran.out


def test_a_conversion_with_bad_records_is_repeated(anymask, folder):
    content = {
        "images": [{"id": 1, "file_name": "cat.png", "width": 90, "height": 60}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[5, 5, 50, 5, 50, 40]]},
            {"id": 2, "image_id": 1, "category_id": 1, "segmentation": [[5, 5, 50, 5]]},
        ],
    }
    (folder / "in.json").write_text(json.dumps(content))
    assert anymask("convert", "in.json", "out", "--to", "yolo").code == 3
    ran = anymask("replay", "out.receipt.json")
    assert (ran.code, ran.out) == (0, "same bytes: 2 outputs\n")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format": ' + "1" * 5000 + "}"])
def test_what_json_cannot_hold_is_no_receipt(anymask, folder, text):
    (folder / "x.receipt.json").write_text(text)
    ran = anymask("replay", "x.receipt.json")
    assert ran.code == 2
    assert "x.receipt.json: is not JSON" in ran.err


def test_a_model_named_default_or_in_the_home_folder_is_repeated(
    anymask, folder, model_file, monkeypatch
):
    monkeypatch.setenv("HOME", str(folder / "home"))
    (folder / "home").mkdir()
    shutil.copy(model_file, folder / "home" / "mine.safetensors")
    for number, name in enumerate(("default", "~/mine.safetensors")):
        words = ("--point", "45,30", "--model", name, "-o", f"{number}.png")
        assert anymask("segment", "cat.png", *words).code == 0
        ran = anymask("replay", f"{number}.png.receipt.json")
        assert (ran.code, ran.out) == (0, "same bytes: 1 output\n"), ran.err
