"""Settings as frozen records, and as the mappings that JSON and TOML files hold.

A settings record is a frozen dataclass whose fields are numbers, words, truth values, tuples,
mappings, None, or further settings records. `to_mapping` writes it in JSON's terms and
`from_mapping` reads it back; a name it does not know is refused with the nearest it does.
"""

import dataclasses
import math
import types
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from anymask.errors import ConfigError

Record = TypeVar("Record")

# Where a field may hold one of several records, this entry of the mapping says which.
KIND = "kind"

_EXPECTED: Mapping[object, str] = types.MappingProxyType(
    {
        bool: "true or false",
        int: "a whole number",
        float: "a finite number",
        str: "text",
        types.NoneType: "nothing",
    }
)


def to_mapping(record: object) -> dict[str, Any]:
    """Write a settings record in JSON's terms.

    Args:
        record: A dataclass instance.

    Returns:
        Field names and values; tuples become lists, nested records nested mappings.

    Raises:
        ConfigError: If `record` or a value inside it has no written form.
    """
    if not dataclasses.is_dataclass(record) or isinstance(record, type):
        raise ConfigError(
            f"{record!r} is not a settings record", hint="pass an instance of a dataclass"
        )
    hints = get_type_hints(type(record))
    mapping: dict[str, Any] = {}
    for field in _fields(type(record)):
        value = getattr(record, field.name)
        if dataclasses.is_dataclass(value) and len(_record_types(hints[field.name])) > 1:
            mapping[field.name] = {KIND: type(value).__name__, **to_mapping(value)}
        else:
            mapping[field.name] = _write(value, field.name)
    return mapping


def from_mapping(kind: type[Record], mapping: object, *, name: str = "") -> Record:
    """Read a settings record from a mapping.

    Args:
        kind: The dataclass to make.
        mapping: Field names and values as JSON or TOML gives them.
        name: Where the mapping stands inside a larger one, for error sentences ("model.encoder").

    Returns:
        The record; fields that the mapping leaves out have their defaults.

    Raises:
        ConfigError: If a name is unknown or missing, or a value is not of its field's type.
    """
    if not isinstance(mapping, Mapping):
        raise ConfigError(
            f"{_place(name)} must be a table of settings, got {_shown(mapping)}",
            hint=f"give its entries by name: {_listed(_names(kind))}",
        )
    names = _names(kind)
    for key in mapping:
        if key not in names:
            raise ConfigError(f"unknown setting {_joined(name, key)!r}", hint=_nearest(key, names))
    hints = get_type_hints(kind)
    values = {key: _read(hints[key], value, _joined(name, key)) for key, value in mapping.items()}
    for field in _fields(kind):
        if field.name not in values and _is_required(field):
            expected = _expected(hints[field.name])
            raise ConfigError(
                f"setting {_joined(name, field.name)!r} is missing", hint=f"set it to {expected}"
            )
    return kind(**values)


# --- writing ---


def _write(value: object, name: str) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if dataclasses.is_dataclass(value):
        return to_mapping(value)
    if isinstance(value, tuple | list):
        return [_write(item, name) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _write(item, f"{name}.{key}") for key, item in value.items()}
    raise ConfigError(
        f"setting {name!r} cannot be written, it is {_shown(value)}",
        hint="use finite numbers, text, tuples and records",
    )


# --- reading ---


def _read(expected: object, value: object, name: str) -> object:
    """Turn one value into what a field of type `expected` holds, or refuse it."""
    if expected is Any or expected is object:
        return value
    if dataclasses.is_dataclass(expected):
        return from_mapping(cast(type[object], expected), value, name=name)
    origin = get_origin(expected)
    if origin in (Union, types.UnionType):
        return _read_union(expected, value, name)
    if origin is tuple:
        return _read_tuple(expected, value, name)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return _read_table(expected, value, name)
    if origin is Literal:
        return _read_choice(expected, value, name)
    return _read_plain(expected, value, name)


def _read_plain(expected: object, value: object, name: str) -> object:
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # bool counts as int in Python; a switch given where a number belongs is a mistake.
    fits = expected in _EXPECTED and type(value) is expected
    if not fits or (isinstance(value, float) and not math.isfinite(value)):
        raise _wrong(expected, value, name)
    return value


def _read_union(expected: object, value: object, name: str) -> object:
    members = get_args(expected)
    if value is None and types.NoneType in members:
        return None
    records = _record_types(expected)
    if isinstance(value, Mapping) and len(records) > 1:
        return _read_record_of_kind(records, value, name)
    for member in members:
        if dataclasses.is_dataclass(member) and isinstance(value, Mapping):
            return _read(member, value, name)
    for member in members:
        try:
            return _read(member, value, name)
        except ConfigError:
            continue
    raise _wrong(expected, value, name)


def _read_record_of_kind(
    records: tuple[type[object], ...], value: Mapping[str, object], name: str
) -> object:
    by_name = {record.__name__: record for record in records}
    if KIND not in value:
        raise ConfigError(
            f"setting {_joined(name, KIND)!r} is missing",
            hint=f"set it to one of {', '.join(by_name)}",
        )
    chosen = value[KIND]
    if chosen not in by_name:
        raise ConfigError(
            f"setting {_joined(name, KIND)!r} must be one of {', '.join(by_name)}, "
            f"got {_shown(chosen)}",
            hint=_nearest(chosen, tuple(by_name)),
        )
    rest = {key: item for key, item in value.items() if key != KIND}
    return from_mapping(by_name[str(chosen)], rest, name=name)


def _read_tuple(expected: object, value: object, name: str) -> tuple[object, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise _wrong(expected, value, name)
    members = get_args(expected)
    if len(members) == 2 and members[1] is Ellipsis:
        members = (members[0],) * len(value)
    if len(members) != len(value):
        raise ConfigError(
            f"setting {name!r} must have {len(members)} values, got {len(value)}",
            hint=f"give {_expected(expected)}",
        )
    return tuple(
        _read(member, item, f"{name}[{index}]")
        for index, (member, item) in enumerate(zip(members, value, strict=True))
    )


def _read_table(expected: object, value: object, name: str) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise _wrong(expected, value, name)
    _, member = get_args(expected)
    return {str(key): _read(member, item, _joined(name, key)) for key, item in value.items()}


def _read_choice(expected: object, value: object, name: str) -> object:
    for choice in get_args(expected):
        if type(choice) is type(value) and choice == value:
            return value
    raise ConfigError(
        f"setting {name!r} must be {_expected(expected)}, got {_shown(value)}",
        hint=_nearest(value, tuple(str(choice) for choice in get_args(expected))),
    )


# --- words for error sentences ---


def _wrong(expected: object, value: object, name: str) -> ConfigError:
    return ConfigError(f"setting {name!r} must be {_expected(expected)}, got {_shown(value)}")


def _expected(expected: object) -> str:
    if expected in _EXPECTED:
        return _EXPECTED[expected]
    members = get_args(expected)
    origin = get_origin(expected)
    if origin is Literal:
        return "one of " + ", ".join(map(repr, members))
    if origin in (Union, types.UnionType):
        return " or ".join(_expected(member) for member in members)
    if origin is tuple:
        if members[-1] is Ellipsis:
            return f"a list, each {_expected(members[0])}"
        return f"a list of {len(members)}: " + ", ".join(map(_expected, members))
    return "a table of settings"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _nearest(key: object, names: Sequence[str]) -> str:
    near = get_close_matches(str(key), names, n=1)
    return f"did you mean {near[0]!r}" if near else f"choose from {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"


def _joined(name: str, key: object) -> str:
    return f"{name}.{key}" if name else str(key)


def _place(name: str) -> str:
    return f"setting {name!r}" if name else "the configuration"


# --- what a record's fields are ---


def _fields(kind: type[object]) -> tuple[dataclasses.Field[Any], ...]:
    return tuple(field for field in dataclasses.fields(cast(Any, kind)) if field.init)


def _names(kind: type[object]) -> tuple[str, ...]:
    return tuple(field.name for field in _fields(kind))


def _is_required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _record_types(expected: object) -> tuple[type[object], ...]:
    if get_origin(expected) not in (Union, types.UnionType):
        return ()
    members: tuple[type[object], ...] = get_args(expected)
    return tuple(filter(dataclasses.is_dataclass, members))
