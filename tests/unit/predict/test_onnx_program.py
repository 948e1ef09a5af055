"""A program becomes a file with names of its own, and nothing in it tells of this machine."""

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from anymask.predict import onnx_program as programs
from anymask.predict.onnx_program import (
    onnx_program,
    open_session,
    save_program,
    with_approximate_gelu,
)


class Small(nn.Module):
    """A linear layer of 64 kB and a GELU, for rows of any number."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(128, 128)

    def forward(self, rows):
        return F.gelu(self.linear(rows))


@pytest.fixture(scope="module")
def network():
    return Small().eval().requires_grad_(False)


@pytest.fixture
def program(network):
    shapes = ({0: torch.export.Dim.AUTO},)
    return torch.export.export(network, (torch.zeros(3, 128),), dynamic_shapes=shapes)


@pytest.fixture(scope="module")
def rows():
    return torch.linspace(-4, 4, 7 * 128).view(7, 128)


def saved(program, folder: Path) -> Path:
    sides = {"rows": {0: "number"}}
    made = onnx_program(program, ["rows"], ["found"], opset=18, free_sides=sides)
    path = folder / "small.onnx"
    save_program(made, path)
    return path


def test_a_file_has_the_names_that_were_given(program, network, rows, tmp_path):
    session = open_session(saved(program, tmp_path), 1)
    (given,), (found,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.shape) == ("rows", ["number", 128])
    assert (found.name, found.shape) == ("found", ["number", 128])
    (values,) = session.run(None, {"rows": rows.numpy()})
    np.testing.assert_allclose(values, network(rows).numpy(), atol=1e-6)


def test_a_file_tells_nothing_of_the_machine_it_was_made_on(program, tmp_path):
    path = saved(program, tmp_path)
    assert b"stack" not in path.read_bytes()
    assert str(Path(__file__).parent).encode() not in path.read_bytes()
    graph = onnx.load(path)
    entries = [graph, graph.graph, *graph.graph.node, *graph.graph.initializer]
    assert [list(entry.metadata_props) for entry in entries if len(entry.metadata_props)] == []


def test_the_tanh_formula_takes_the_place_of_gelu(program, network, rows, tmp_path):
    session = open_session(saved(with_approximate_gelu(program), tmp_path), 1)
    (found,) = session.run(None, {"rows": rows.numpy()})
    expected = F.gelu(network.linear(rows), approximate="tanh").numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(found - network(rows).numpy()).max() > 1e-5
    kinds = [node.op_type for node in onnx.load(tmp_path / "small.onnx").graph.node]
    assert ("Tanh" in kinds, "Erf" in kinds) == (True, False)


def test_weights_that_one_file_cannot_hold_lie_beside_it(program, tmp_path, monkeypatch):
    assert saved(program, tmp_path).stat().st_size > 65_000
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(programs, "_MOST_INSIDE", 65_000)
    folder = tmp_path / "large"
    folder.mkdir()
    path = saved(program, folder)
    assert path.stat().st_size < 10_000
    assert (folder / "small.onnx.data").stat().st_size >= 65_536
    moved = folder.rename(tmp_path / "elsewhere")
    session = open_session(moved / "small.onnx", 1)
    (found,) = session.run(None, {"rows": np.ones((2, 128), np.float32)})
    assert found.shape == (2, 128)


def test_the_limit_is_that_of_the_format():
    assert 1.8e9 < programs._MOST_INSIDE < 2**31 - 100_000_000


def test_exporting_leaves_warnings_and_logging_as_they_were(program, tmp_path):
    logger = logging.getLogger("torch.onnx")
    before = (list(warnings.filters), logger.level, list(logging.root.handlers))
    saved(program, tmp_path)
    assert (list(warnings.filters), logger.level, list(logging.root.handlers)) == before
