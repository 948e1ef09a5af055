"""A network out of an architecture and tensors: every name and shape fits, or there is none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from anymask.errors import KeysMismatch
from anymask.image.names import display_name
from anymask.model.configs import SamConfig
from anymask.model.mask_decoder import NUM_MASK_TOKENS
from anymask.model.sam import Sam
from anymask.model.score_calibration import MOST_KNOTS, RAW_NAME, ScoreCalibration
from anymask.weights.recognise import describe

_SHOWN = 3
_SMALLEST_DEPTH = 64  # a file with few tensors still gets the sentence that names the missing ones
_DRAWING = ("normal_", "uniform_", "kaiming_normal_", "kaiming_uniform_")


def fit(config: SamConfig, tensors: Mapping[str, Tensor], shown: str) -> Sam:
    """Build a network that holds exactly these tensors.

    Args:
        config: The architecture; its frame may differ from the one the position table is for.
        tensors: By name, each of the shape the architecture gives it.
        shown: The file's name for error sentences.

    Returns:
        The network in eval mode, without gradients.

    Raises:
        KeysMismatch: If a tensor is missing, left over, or of another shape or type, or the
            architecture cannot be built; or if maps that calibrate scores do not rise.
    """
    # On the meta device nothing is allocated; the tensors become the parameters.
    try:
        _check_depth(config, len(tensors))
        with _NothingDrawn(), torch.device("meta"):
            sam = Sam(replace(config, input_size=_table_size(config, tensors)))
            _make_room_for_calibration(sam, tensors)
    except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        first_line = str(error).partition("\n")[0]
        raise KeysMismatch(
            f"{shown}: its settings describe no network: {first_line}",
            hint="save or download it again",
        ) from error
    problems = _problems(sam.state_dict(), tensors)
    if problems:
        raise KeysMismatch(
            f"{shown}: does not fit the nearest architecture, {describe(config)}: "
            f"{'; '.join(problems)}",
            hint="give a complete checkpoint of a known architecture",
        )
    sam.load_state_dict(dict(tensors), strict=True, assign=True)
    _check_calibration(sam, shown)
    sam.config = config
    return sam.eval().requires_grad_(False)


def _check_depth(config: SamConfig, num_tensors: int) -> None:
    """Refuse more blocks than there are tensors: building them could take for ever.

    Raises:
        ValueError: If there are.
    """
    depths = [config.decoder_depth]
    if config.vit is not None:
        depths.append(config.vit.depth)
    if config.lite is not None:
        depths += [config.lite.num_global_blocks, config.lite.num_skip_blocks]
    if config.tinyvit is not None:
        depths.extend(config.tinyvit.depths)
    if max(depths) > max(num_tensors, _SMALLEST_DEPTH):
        raise ValueError(f"{max(depths):,} blocks for {num_tensors:,} tensors")


def _make_room_for_calibration(sam: Sam, tensors: Mapping[str, Tensor]) -> None:
    """Add the maps that calibrate scores where the tensors have them: each fit makes its own."""
    given = tensors.get(RAW_NAME)
    if given is None or given.dim() != 3 or not sam.mask_decoder.has_mask_scorer:
        return
    num_knots = min(max(int(given.shape[2]), 2), MOST_KNOTS)
    sam.mask_decoder.mask_scorer.calibration = ScoreCalibration(NUM_MASK_TOKENS, num_knots)


def _check_calibration(sam: Sam, shown: str) -> None:
    scorer = sam.mask_decoder.mask_scorer if sam.mask_decoder.has_mask_scorer else None
    if scorer is None or scorer.calibration is None or scorer.calibration.is_rising():
        return
    raise KeysMismatch(
        f"{shown}: the maps that calibrate its scores do not rise",
        hint="calibrate the model again with anymask train calibrate",
    )


class _NothingDrawn(TorchFunctionMode):
    """Leaves out first values: on the meta device they would load torch's compiler, a second."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        given = kwargs or {}
        if getattr(func, "__name__", "") in _DRAWING:  # methods of tensors, or torch.nn.init's
            return given["tensor"] if "tensor" in given else args[0]
        return (torch.empty if func is torch.randn else func)(*args, **given)


def _table_size(config: SamConfig, tensors: Mapping[str, Tensor]) -> int:
    """Give the frame that the absolute position table is for; other frames interpolate it."""
    table = tensors.get("image_encoder.pos_embed")
    if config.vit is None or table is None or table.dim() != 4:
        return config.input_size
    size = int(table.shape[1]) * config.vit.patch
    return size if size > 0 and size % 32 == 0 else config.input_size


def _problems(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    missing = [name for name in expected if name not in given]
    unexpected = [name for name in given if name not in expected]
    different = [
        f"{name} {_form(given[name])} instead of {_form(tensor)}"
        for name, tensor in expected.items()
        if name in given and _form(given[name]) != _form(tensor)
    ]
    return [
        f"{len(names)} {what} ({_listed(names)})"
        for names, what in (
            (missing, "missing"),
            (unexpected, "unexpected"),
            (different, "of another shape"),
        )
        if names
    ]


def _form(tensor: Tensor) -> str:
    shape = "×".join(map(str, tensor.shape)) or "one number"
    return shape if tensor.is_floating_point() else f"{shape} {str(tensor.dtype)[6:]}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(display_name(name)[:120] for name in names[:_SHOWN])
    return f"{shown}, …" if len(names) > _SHOWN else shown
