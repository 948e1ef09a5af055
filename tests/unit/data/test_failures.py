"""Bad samples are listed whole, and more than allowed stop the run."""

import json
import re

import pytest

from anymask.data.failures import add_failure, check_bad, read_failures, write_failures
from anymask.data.sample_record import BadSample
from anymask.errors import ConfigError, OutputError


def bad(index: int, code: str = "size-differs") -> BadSample:
    return BadSample(
        set_name="discs", input=f"p{index}.png", code=code, message="has a fault", hint="mend it"
    )


def test_rows_are_json_with_these_fields(tmp_path):
    write_failures(tmp_path / "failures.jsonl", [bad(1)])
    assert json.loads((tmp_path / "failures.jsonl").read_text()) == {
        "set": "discs",
        "input": "p1.png",
        "code": "size-differs",
        "message": "has a fault",
        "hint": "mend it",
    }


def test_the_list_is_of_this_run_and_reads_back(tmp_path):
    path = tmp_path / "failures.jsonl"
    write_failures(path, [bad(1), bad(2)])
    write_failures(path, [bad(3)])
    add_failure(path, bad(4))
    assert read_failures(path) == (bad(3), bad(4))
    write_failures(path, [])
    assert read_failures(path) == ()
    assert path.read_bytes() == b""


def test_without_faults_no_list_is_made(tmp_path):
    write_failures(tmp_path / "failures.jsonl", [])
    assert list(tmp_path.iterdir()) == []
    assert read_failures(tmp_path / "failures.jsonl") == ()


def test_a_row_that_cannot_be_added_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"failures\.jsonl: cannot be written"):
        add_failure(tmp_path / "file" / "failures.jsonl", bad(1))


def test_any_bad_sample_stops_and_five_are_named(tmp_path):
    path = tmp_path / "failures.jsonl"
    with pytest.raises(ConfigError) as caught:
        check_bad([bad(index) for index in range(7)], 20, path, skip_bad=False)
    assert caught.value.message.startswith(
        "7 of 20 samples are bad, the first five: p0.png: has a fault; p1.png"
    )
    assert "p4.png" in caught.value.message
    assert "p5.png" not in caught.value.message
    assert caught.value.hint == f"mend them, or add --skip-bad; all are listed in {path}"


@pytest.mark.parametrize(("number", "total"), [(1, 2), (1, 100), (2, 101), (3, 300)])
def test_one_percent_rounded_up_may_be_skipped(tmp_path, number, total):
    samples = [bad(index) for index in range(number + 1)]
    check_bad(samples[:number], total, tmp_path / "f", skip_bad=True)
    message = f"{number + 1} of {total} samples are bad, more than 1 %, namely: p0"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}.*mend or remove them"):
        check_bad(samples, total, tmp_path / "f", skip_bad=True)


def test_masks_lost_by_shrinking_stop_nothing(tmp_path):
    vanished = [bad(index, "mask-vanishes") for index in range(9)]
    check_bad(vanished, 10, tmp_path / "f", skip_bad=False)
    with pytest.raises(ConfigError, match=r"^1 of 10 samples is bad, namely: p1"):
        check_bad([*vanished, bad(1)], 10, tmp_path / "f", skip_bad=False)
