"""What the image encoder made of one picture: a value to keep, save and share."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor

from anymask.errors import InputError, StateError
from anymask.image.picture import Picture
from anymask.masks.atomic import write_bytes
from anymask.model.image_encoder import ImageFeatures
from anymask.vocabulary import ImageFrame

FORMAT = "anymask-embedding-1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageEmbedding:
    """One picture as the mask decoder sees it.

    Attributes:
        features: Image embedding (1, C, h, w) and high-resolution features, float32.
        frame: Where the picture lies in the model's square.
        picture: The upright picture, or None where it was dropped on saving.
        picture_name: Name of the picture, for messages.
        picture_sha256: Hex digest of the picture.
        model_name: Architecture that made the features.
        model_sha256: Hex digest of its weights.
    """

    features: ImageFeatures
    frame: ImageFrame
    picture: Picture | None
    picture_name: str
    picture_sha256: str
    model_name: str
    model_sha256: str

    @property
    def low_res_hw(self) -> tuple[int, int]:
        """Size (h, w) of low-resolution logits for this embedding: four cells a side each."""
        h, w = self.features.embedding.shape[-2:]
        return 4 * h, 4 * w

    def upright(self) -> Picture:
        """Give the picture.

        Raises:
            StateError: If the embedding was saved without it.
        """
        if self.picture is None:
            raise StateError(
                f"the embedding of {self.picture_name} was saved without its picture",
                hint="pass image= with the picture",
            )
        return self.picture

    def to(self, device: torch.device | str) -> "ImageEmbedding":
        """Give the same embedding with its features on another device."""
        high_res = tuple(x.to(device) for x in self.features.high_res)
        features = ImageFeatures(self.features.embedding.to(device), high_res)
        return replace(self, features=features)

    def save(self, path: str | Path, *, picture: bool = True) -> Path:
        """Write the embedding to one portable file.

        Args:
            path: File to write; an existing one is replaced.
            picture: Whether the picture goes along. Without it, cut-outs and overlays need
                `image=` later.

        Returns:
            The path.

        Raises:
            OutputError: If the file cannot be written.
        """
        tensors = {"embedding": self.features.embedding}
        tensors |= {f"high_res.{i}": x for i, x in enumerate(self.features.high_res)}
        if picture and self.picture is not None:
            tensors["pixels"] = torch.from_numpy(np.array(self.picture.pixels))
            if self.picture.alpha is not None:
                tensors["alpha"] = torch.from_numpy(np.array(self.picture.alpha))
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        record = {
            "original_hw": self.frame.original_hw,
            "resized_hw": self.frame.resized_hw,
            "input_size": self.frame.input_size,
            "picture_name": self.picture_name,
            "picture_sha256": self.picture_sha256,
            "model_name": self.model_name,
            "model_sha256": self.model_sha256,
            "checksum": checksum(tensors),
        }
        metadata = {"format": FORMAT, "record": json.dumps(record)}
        write_bytes(Path(path), to_safetensors(tensors, metadata))
        return Path(path)

    @staticmethod
    def load(path: str | Path) -> "ImageEmbedding":
        """Read an embedding written by `save`.

        Raises:
            InputError: If the file is missing, is no embedding, or was damaged.
        """
        tensors, record = read_file(Path(path))
        frame = ImageFrame(
            original_hw=tuple(record["original_hw"]),
            resized_hw=tuple(record["resized_hw"]),
            input_size=record["input_size"],
        )
        high_res = tuple(tensors[n] for n in sorted(tensors) if n.startswith("high_res."))
        picture = None
        if "pixels" in tensors:
            alpha = tensors.get("alpha")
            picture = Picture(
                pixels=tensors["pixels"].numpy(),
                alpha=None if alpha is None else alpha.numpy(),
                name=record["picture_name"],
                sha256=record["picture_sha256"],
            )
        return ImageEmbedding(
            features=ImageFeatures(tensors["embedding"], high_res),
            frame=frame,
            picture=picture,
            picture_name=record["picture_name"],
            picture_sha256=record["picture_sha256"],
            model_name=record["model_name"],
            model_sha256=record["model_sha256"],
        )


def read_file(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Give the tensors and the record of an embedding file.

    Raises:
        InputError: If the file is missing, is no embedding, or was damaged.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:  # type: ignore[no-untyped-call]
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file", hint="save an embedding there first") from error
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(
            f"{path}: is not a readable embedding ({error})", hint="make it again with embed"
        ) from error
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"{path}: is not an embedding of this library", hint="make it with embed and save"
        )
    record = json.loads(metadata["record"])
    if checksum(tensors) != record["checksum"]:
        raise InputError(
            f"{path}: is damaged, its checksum does not match", hint="make it again with embed"
        )
    return tensors, record


def checksum(tensors: dict[str, Tensor]) -> str:
    """Give the hex digest of some tensors' names, shapes and bytes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        array = tensors[name].numpy()
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
