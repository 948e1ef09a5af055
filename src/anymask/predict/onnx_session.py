"""Exported files, opened by ONNX Runtime: a picture → features, features and a prompt → masks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anymask.predict.decode import model_points
from anymask.predict.onnx_decoder import EMBEDDING, PROMPTS
from anymask.predict.onnx_program import open_session
from anymask.vocabulary import ImageFrame, Prompt

PIXELS = "pixels"

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedModel:
    """An encoder and a decoder file.

    Attributes:
        encoder: Its session.
        decoder: Its session.
    """

    encoder: Any
    decoder: Any

    def encode(self, pixels: NDArray[np.float32]) -> Arrays:
        """Encode a normalised picture (1, 3, S, S); features by the decoder's input names."""
        return _named(self.encoder, {PIXELS: pixels})

    def decode(self, features: Arrays, prompt: Prompt, frame: ImageFrame) -> Arrays:
        """Answer a prompt.

        Args:
            features: Output of `encode`.
            prompt: In pixels; its mask as logits, (4h, 4w), or None.
            frame: Where the picture lies in the model's square.

        Returns:
            What the decoder gives, by output name.
        """
        return _named(self.decoder, {**features, **prompt_arrays(prompt, frame, features)})


def open_files(encoder: Path, decoder: Path, threads: int) -> ExportedModel:
    """Open two exported files.

    Args:
        encoder: The encoder's file.
        decoder: The decoder's file.
        threads: Threads each may use.
    """
    return ExportedModel(
        encoder=open_session(encoder, threads), decoder=open_session(decoder, threads)
    )


def prompt_arrays(prompt: Prompt, frame: ImageFrame, features: Arrays) -> Arrays:
    """Give a prompt as the decoder's inputs, float32.

    Args:
        prompt: In pixels; its mask as logits, (4h, 4w), or None.
        frame: Where the picture lies in the model's square.
        features: Of the picture, which tell the size of mask prompts.
    """
    points, labels = model_points(prompt, frame)
    side = 4 * features[EMBEDDING].shape[-1]
    has_mask = prompt.mask is not None
    mask = prompt.mask if has_mask else np.zeros((side, side))
    values = (points[None], [labels], mask[None, None], [has_mask], frame.original_hw)
    arrays = (np.ascontiguousarray(value, dtype=np.float32) for value in values)
    return dict(zip(PROMPTS, arrays, strict=True))


def _named(session: Any, inputs: Arrays) -> Arrays:  # noqa: ANN401 - an optional package
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))
