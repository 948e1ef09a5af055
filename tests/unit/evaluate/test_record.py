"""A record of an evaluation says how it came to be, and its tables can be made again."""

import json
from datetime import date
from pathlib import Path

import pytest

from anymask.errors import DataError
from anymask.evaluate.record import Protocol, evaluation_record, worked_out_again
from anymask.evaluate.run import Row
from anymask.weights.load import load_model

SHIPPED = Path(__file__).parents[3] / "benchmarks" / "results" / "default_model.json"
FIGURES = {"click": 0.5, "score": 0.4, "oracle": 0.6, "clicks_3": 0.7, "box": 0.8}
ROWS: list[Row] = [
    {"set": "a", "picture": "p", "mask": 0.0, "area_share": 0.002, **FIGURES},
    {"set": "a", "picture": "q", "mask": 1.0, "area_share": 0.2, **FIGURES, "click": 1 / 3},
]


def test_a_record_holds_figures_of_sets_and_sizes_and_what_was_asked() -> None:
    protocol = Protocol(data="train", per_set=4, per_picture=3, seed=0, is_validation=True)
    loaded = load_model(device="cpu")
    record = evaluation_record(loaded, protocol, ROWS, date(2026, 11, 23))
    assert record["command"] == (
        "anymask evaluate --data train --pictures 4 --masks 3 --seed 0 --validation"
    )
    assert record["care"] == "usual"
    assert record["model"]["sha256"] == loaded.sha256
    assert record["means"]["mean"]["click"] == 0.4167
    assert record["sets"]["a"]["masks"] == 2
    assert [size["masks"] for size in record["sizes"]] == [1, 0, 0, 0, 1]
    names = {"default_model", "default_model_sets", "default_model_sizes", "training"}
    assert set(record["tables"]) == names
    assert record["rows"][1]["click"] == 0.3333


def test_a_plain_measurement_says_so_and_keeps_saying_so() -> None:
    protocol = Protocol(data="eval", per_set=40, per_picture=3, seed=0, is_plain=True)
    record = evaluation_record(load_model(device="cpu"), protocol, ROWS, date(2026, 11, 23))
    assert record["command"] == (
        "anymask evaluate --data eval --pictures 40 --masks 3 --seed 0 --plain"
    )
    assert record["care"] == "plain"
    assert worked_out_again(record)["care"] == "plain"


def test_tables_made_again_are_the_same_and_means_stand() -> None:
    protocol = Protocol(data="eval", per_set=40, per_picture=3, seed=0)
    record = evaluation_record(load_model(device="cpu"), protocol, ROWS, date(2026, 11, 23))
    assert worked_out_again(record) == record
    known = ("name", "command", "date", "means", "intervals_95", "rows")
    older = {key: record[key] for key in known}
    older["tables"] = {key: record["tables"][key] for key in ("default_model", "training")}
    again = worked_out_again({**older, "means": {"mean": {"click": 0.4166}}})
    assert again["means"] == {"mean": {"click": 0.4166}}
    assert again["tables"] == record["tables"]
    assert again["sizes"] == record["sizes"]


def test_what_is_no_record_is_refused() -> None:
    wrong: list[dict[str, object]] = [{}, {"rows": [], "tables": {}}, {"rows": ROWS}]
    for record in wrong:
        with pytest.raises(DataError, match=r"no record of an evaluation: it has no rows; give"):
            worked_out_again(record)


def test_the_shipped_record_has_the_tables_that_its_rows_give() -> None:
    record = json.loads(SHIPPED.read_text(encoding="utf-8"))
    assert worked_out_again(record)["tables"] == record["tables"]
