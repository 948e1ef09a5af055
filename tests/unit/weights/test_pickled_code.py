"""Code in a pickle is found by reading, never by running."""

import collections
import functools
import io
import os
import pickle

import pytest
import torch

from anymask.weights.pickled_code import find_code


class Runs:
    """Calls a function when it is unpickled."""

    def __init__(self, function, *arguments):
        self.called = (function, arguments)

    def __reduce__(self):
        return self.called


def pickled(thing: object, protocol: int) -> io.BytesIO:
    return io.BytesIO(pickle.dumps(thing, protocol))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (Runs(os.system, "true"), "posix.system"),
        ({"a": [1, (2, Runs(os.getcwd))]}, "posix.getcwd"),
        ({"a": "os", "b": "system", "c": Runs(eval, "1")}, "builtins.eval"),
        (functools.partial(print), "functools.partial"),
        ([os.path.join, os.path.join, Runs(os.system, "true")], "posixpath.join"),
    ],
)
def test_the_first_callable_is_named(thing, name, protocol):
    found = find_code(pickled(thing, protocol), 1)
    # The oldest protocols still call this module by its name in Python 2.
    assert found == (name.replace("builtins", "__builtin__") if protocol < 3 else name)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_plain_values_hold_no_code(protocol):
    plain = {"a": collections.OrderedDict(b=[1.5, None, True, "posix"]), "c": (torch.Size([2]),)}
    assert find_code(pickled(plain, protocol), 1) is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_tensors_hold_no_code(dtype, tmp_path):
    path = tmp_path / "legacy.pth"
    tensors = {"a": torch.ones(2, 3, dtype=dtype), "b": torch.nn.Parameter(torch.ones(2))}
    torch.save(tensors, path, _use_new_zipfile_serialization=False)
    with path.open("rb") as file:
        assert find_code(file, 5) is None


def test_code_in_a_later_pickle_is_found():
    file = io.BytesIO(pickle.dumps(1) + pickle.dumps({}) + pickle.dumps(Runs(os.system, "true")))
    assert find_code(file, 2) is None
    file.seek(0)
    assert find_code(file, 3) == "posix.system"


def test_a_name_recalled_from_the_memo_is_known():
    # Both texts are stored first and put together from the memo afterwards.
    stored = b"\x8c\x05posix\x94\x8c\x06system\x94\x8c\x04none\x94000"
    program = b"\x80\x04" + stored + b"h\x00h\x01\x93\x8c\x04true\x85R."
    assert find_code(io.BytesIO(program), 1) == "posix.system"


def test_extension_codes_count_as_code():
    assert find_code(io.BytesIO(b"\x80\x02\x82\x07."), 1) == "copyreg extension 7"


@pytest.mark.parametrize(
    "data", [b"", b"nonsense", b"\x80\x02", b"\x80\x02}q\x00(X\xff\xff\xff\xff"]
)
def test_what_is_no_pickle_is_said(data):
    with pytest.raises(ValueError, match=r"\w"):
        find_code(io.BytesIO(data), 1)


@pytest.mark.parametrize(
    "name", ["torch.float_power", "torch.load", "torch.hub.load", "torch.save"]
)
def test_functions_of_torch_are_code_too(name):
    module, _, function = name.rpartition(".")
    assert find_code(io.BytesIO(f"c{module}\n{function}\n.".encode()), 1) == name
