"""A program that torch exported → an ONNX file.

Shared by the engine ONNX Runtime and by the files people take elsewhere.
"""

import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

# A file of the format holds at most 2 GiB; weights of more lie beside it. Some room is for nodes.
_MOST_INSIDE = 1_900_000_000
DATA_SUFFIX = ".data"
# Severity in ONNX Runtime's terms: what it warns of is how it placed its own parts.
_ERRORS_ALONE = 3

_GELU = torch.ops.aten.gelu.default


def onnx_program(
    program: torch.export.ExportedProgram,
    inputs: Sequence[str],
    outputs: Sequence[str] | None = None,
    *,
    opset: int | None = None,
    free_sides: Mapping[str, Mapping[int, str]] | None = None,
) -> Any:  # noqa: ANN401 - torch names no type of its own for it
    """Give a program in the terms of ONNX.

    Args:
        program: What torch exported.
        inputs: Names of its inputs, in order.
        outputs: Names of its outputs, in order; None for torch's own.
        opset: Version of the operators; None for torch's usual one.
        free_sides: Names of the sides of inputs and outputs that may have any length, by input or
            output and axis.

    Returns:
        The program, with `save`; it tells nothing of the machine it was made on.
    """
    with warnings.catch_warnings(), _quiet_exporter():
        # It uses names that torch will drop; a user cannot change that.
        warnings.simplefilter("ignore")
        made: Any = torch.onnx.export(
            program,
            f=None,
            dynamo=True,
            input_names=list(inputs),
            output_names=None if outputs is None else list(outputs),
            opset_version=opset,
            verbose=False,
        )
    _name_sides(made.model.graph, free_sides or {})
    _forget_origin(made.model)
    return made


def with_approximate_gelu(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """Give a program whose GELU is the tanh formula, for runtimes without the error function.

    Args:
        program: Changed in place.

    Source:
        Gaussian Error Linear Units (Hendrycks and Gimpel, 2016), section 2.
    """
    for node in program.graph.nodes:
        if node.target is _GELU:
            node.kwargs = {**node.kwargs, "approximate": "tanh"}
    return program


def save_program(made: Any, path: Path) -> None:  # noqa: ANN401 - torch names no type for it
    """Write a program; weights that one file cannot hold go to `path` + ".data" beside it.

    Args:
        made: Output of `onnx_program`.
        path: The file.
    """
    num_bytes = sum(
        value.const_value.nbytes
        for value in made.model.graph.initializers.values()
        if value.const_value is not None
    )
    made.save(path, external_data=num_bytes > _MOST_INSIDE)


def quantize(whole: Path, path: Path) -> None:
    """Write a file with weights of 8 bits, as the published exporter makes them.

    Args:
        whole: The file with weights of 32 bits.
        path: The file to write, in a folder that does not exist yet.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    path.parent.mkdir()
    with _quiet_root():
        quantize_dynamic(
            model_input=whole,
            model_output=path,
            per_channel=False,
            reduce_range=False,
            weight_type=QuantType.QUInt8,
        )


def open_session(path: Path, threads: int) -> Any:  # noqa: ANN401 - an optional package
    """Give a file opened by ONNX Runtime for processors.

    Args:
        path: The file.
        threads: Threads it may use.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ALONE
    # Threads that wait by spinning would take the processor from the decoder.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _name_sides(graph: Any, free_sides: Mapping[str, Mapping[int, str]]) -> None:  # noqa: ANN401
    """Call free sides by names that tell what they are, wherever they occur."""
    import onnx_ir

    names: dict[str | None, str] = {}
    for value in (*graph.inputs, *graph.outputs):
        for axis, name in free_sides.get(value.name, {}).items():
            names[getattr(value.shape[axis], "value", None)] = name
    for value in _values_of(graph):
        if value.shape is None or value.shape.is_static():
            continue
        value.shape = onnx_ir.Shape(
            [names.get(getattr(side, "value", None), side) for side in value.shape]
        )


def _values_of(graph: Any) -> Iterable[Any]:  # noqa: ANN401
    yield from graph.inputs
    for node in graph.all_nodes():
        yield from node.outputs


def _forget_origin(model: Any) -> None:  # noqa: ANN401
    """Take out where each node stood in the source: names of folders, and half of a small file."""
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None
    for value in (*_values_of(model.graph), *model.graph.initializers.values()):
        value.metadata_props.clear()
    model.graph.metadata_props.clear()
    model.metadata_props.clear()


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keep the exporter from telling which packages it could use besides."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _quiet_root() -> Iterator[None]:
    """Keep the quantizer from advising a step it does not need, and from setting up logging."""
    root, nowhere = logging.getLogger(), logging.NullHandler()
    before = root.level
    root.addHandler(nowhere)
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(nowhere)
