"""Settings records go to mappings and back, and what does not fit is refused by name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anymask.configuration import from_mapping, to_mapping
from anymask.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    depth: int = 12
    width: int = 768
    global_blocks: tuple[int, ...] = (2, 5, 8, 11)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mobile:
    name: Literal["lite0", "lite1"] = "lite0"
    drop: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    size: int
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    encoder: Plain | Mobile = field(default_factory=Plain)
    decoder: Plain = field(default_factory=Plain)
    limit: int | None = None
    normalise: bool = True
    free: Mapping[str, float] = field(default_factory=dict)
    tag: str = ""


WHOLE = Whole(
    size=1024,
    mean=(0.5, 0.25, 1.0),
    encoder=Mobile(name="lite1", drop=0.1),
    decoder=Plain(depth=2, global_blocks=()),
    limit=None,
    normalise=False,
    free={"a": 1.5},
    tag="tiny",
)

WRITTEN = {
    "size": 1024,
    "mean": [0.5, 0.25, 1.0],
    "encoder": {"kind": "Mobile", "name": "lite1", "drop": 0.1},
    "decoder": {"depth": 2, "width": 768, "global_blocks": []},
    "limit": None,
    "normalise": False,
    "free": {"a": 1.5},
    "tag": "tiny",
}


def test_a_record_is_written_in_the_terms_of_json():
    assert to_mapping(WHOLE) == WRITTEN


def test_what_was_written_as_json_is_read_back_equal():
    assert from_mapping(Whole, json.loads(json.dumps(to_mapping(WHOLE)))) == WHOLE


def test_left_out_settings_have_their_defaults():
    assert from_mapping(Whole, {"size": 64}) == Whole(size=64)


@given(
    depth=st.integers(),
    blocks=st.lists(st.integers()).map(tuple),
    drop=st.floats(allow_nan=False, allow_infinity=False),
    tag=st.text(),
    limit=st.none() | st.integers(),
)
def test_any_record_survives_the_round_trip(depth, blocks, drop, tag, limit):
    record = Whole(
        size=depth,
        encoder=Mobile(drop=drop),
        decoder=Plain(depth=depth, global_blocks=blocks),
        limit=limit,
        tag=tag,
    )
    assert from_mapping(Whole, json.loads(json.dumps(to_mapping(record)))) == record


def test_a_whole_number_is_taken_where_any_number_fits():
    drop = from_mapping(Mobile, {"drop": 1}).drop
    assert drop == 1.0
    assert type(drop) is float


def test_a_single_record_type_with_none_needs_no_kind():
    @dataclass(frozen=True, kw_only=True)
    class Holder:
        inner: Mobile | None = None

    assert to_mapping(Holder(inner=Mobile())) == {"inner": {"name": "lite0", "drop": 0.0}}
    assert from_mapping(Holder, {"inner": {"drop": 0.5}}) == Holder(inner=Mobile(drop=0.5))
    assert from_mapping(Holder, {"inner": None}) == Holder()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sise": 3}, r"^unknown setting 'sise'; did you mean 'size'\.$"),
        ({"a\nb": 3}, r"^unknown setting 'a\\nb'; choose from size, mean, .* limit,"),
        (
            {"decoder": {"deph": 1}},
            r"^unknown setting 'decoder\.deph'; did you mean 'depth'\.$",
        ),
        ({"size": "big"}, r"^setting 'size' must be a whole number, got 'big'\.$"),
        ({"size": True}, r"^setting 'size' must be a whole number, got True\."),
        ({"size": 2.0}, r"^setting 'size' must be a whole number, got 2\.0\."),
        ({"normalise": 1}, r"^setting 'normalise' must be true or false, got 1\.$"),
        ({"mean": [1, 2]}, r"^setting 'mean' must have 3 values, got 2; give a list of 3: a fin"),
        ({"mean": "abc"}, r"^setting 'mean' must be a list of 3: .*, got 'abc'\."),
        ({"mean": [1, 2, "x"]}, r"^setting 'mean\[2\]' must be a finite number, got 'x'\."),
        ({"mean": [1, 2, float("nan")]}, r"^setting 'mean\[2\]' must be a finite number, got nan"),
        ({"limit": "no"}, r"^setting 'limit' must be a whole number or nothing, got 'no'\."),
        ({"decoder": 3}, r"^setting 'decoder' must be a table of settings, got 3; give its"),
        ({"decoder": {"global_blocks": 3}}, r"'decoder\.global_blocks' must be a list, each a who"),
        ({"encoder": {"drop": 1}}, r"^setting 'encoder\.kind' is missing; set it to one of Plain,"),
        (
            {"encoder": {"kind": "Mobil"}},
            r"'encoder\.kind' must be one of Plain, Mobile, got 'Mobil'; did you mean 'Mobile'",
        ),
        (
            {"encoder": {"kind": "Mobile", "name": "lite9"}},
            r"'encoder\.name' must be one of 'lite0', 'lite1', got 'lite9'; did you mean 'lite",
        ),
        ({"free": {"a": "x"}}, r"^setting 'free\.a' must be a finite number, got 'x'\."),
        ({"free": 3}, r"^setting 'free' must be a table of settings, got 3\."),
        ({"tag": "x" * 99, "size": "y" * 99}, r"got 'y{58}…\.$"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changes: dict[str, Any], sentence):
    with pytest.raises(ConfigError, match=sentence):
        from_mapping(Whole, {"size": 64} | changes)


def test_a_choice_among_numbers_takes_no_truth_value():
    @dataclass(frozen=True, kw_only=True)
    class Chosen:
        stride: Literal[1, 2]

    assert from_mapping(Chosen, {"stride": 2}) == Chosen(stride=2)
    with pytest.raises(ConfigError, match=r"^setting 'stride' must be one of 1, 2, got True"):
        from_mapping(Chosen, {"stride": True})


def test_a_missing_setting_is_named_with_what_it_takes():
    with pytest.raises(ConfigError, match=r"^setting 'size' is missing; set it to a whole number"):
        from_mapping(Whole, {})


def test_something_else_than_a_mapping_is_refused():
    with pytest.raises(ConfigError, match=r"^the configuration must be a table of settings, got 3"):
        from_mapping(Whole, 3)


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (Mobile(drop=float("inf")), r"^setting 'drop' cannot be written, it is inf; use finite"),
        (Whole(size=1, free={"a": object()}), r"^setting 'free\.a' cannot be written"),  # type: ignore[dict-item]
        (Whole, r"Whole'> is not a settings record; pass an instance"),
        (3, r"^3 is not a settings record"),
    ],
)
def test_what_has_no_written_form_is_refused(record, sentence):
    with pytest.raises(ConfigError, match=sentence):
        to_mapping(record)


def test_a_record_that_refuses_its_own_values_is_heard():
    @dataclass(frozen=True, kw_only=True)
    class Checked:
        depth: int

        def __post_init__(self) -> None:
            if self.depth < 1:
                raise ConfigError("depth must be 1 or more", hint="raise it")

    with pytest.raises(ConfigError, match=r"^depth must be 1 or more; raise it"):
        from_mapping(Checked, {"depth": 0})
