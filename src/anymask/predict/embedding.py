"""What the image encoder made of one picture: a value to keep, save and share."""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from anymask.configuration import from_mapping, to_mapping
from anymask.errors import InputError, StateError
from anymask.image.names import display_name
from anymask.image.options import ReadOptions
from anymask.image.picture import Picture
from anymask.masks.atomic import write_bytes
from anymask.model.image_encoder import ImageFeatures
from anymask.model.prepared_image import PreparedImage
from anymask.predict.embedding_cache import KeptForm
from anymask.predict.embedding_file import pack, read_file
from anymask.predict.kept_views import KeptViews
from anymask.vocabulary import ImageFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
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
        prepared: What the model's decoder works out from the features alone. Files and pickles do
            without, as it is several times their size; then every question works it out again,
            until `prepare` puts it back.
        kept_as: "float32" or "float16" where the features come from the cache of embeddings, in
            that number format; None where they were made for this embedding.
        notes: What was noticed about the cache, one sentence each; files do without.
        views: Embeddings of its windows and its mirror image, as far as answers needed them; files
            and pickles do without.
    """

    features: ImageFeatures
    frame: ImageFrame
    picture: Picture | None
    picture_name: str
    picture_sha256: str
    model_name: str
    model_sha256: str
    prepared: PreparedImage | None = None
    kept_as: KeptForm | None = None
    notes: tuple[str, ...] = ()
    views: KeptViews = field(default_factory=KeptViews)

    def __getstate__(self) -> list[Any]:
        return [
            None if field.name == "prepared" else getattr(self, field.name)
            for field in fields(self)
        ]

    def __repr__(self) -> str:
        H, W = self.frame.original_hw
        return f"ImageEmbedding({self.picture_name}, {W}×{H}, by {self.model_name})"

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
        prepared = None
        if self.prepared is not None:
            made_from = (features.embedding, *high_res)
            prepared = self.prepared.to(device)._replace(made_from=made_from)
        return replace(self, features=features, prepared=prepared)

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
        record = {
            "original_hw": self.frame.original_hw,
            "resized_hw": self.frame.resized_hw,
            "input_size": self.frame.input_size,
            "picture_name": self.picture_name,
            "picture_sha256": self.picture_sha256,
            "model_name": self.model_name,
            "model_sha256": self.model_sha256,
        }
        if self.kept_as is not None:
            record["kept_as"] = self.kept_as
        if picture and self.picture is not None:
            kept = self.picture
            # Copies, because tensors do not accept read-only arrays.
            tensors["pixels"] = torch.from_numpy(kept.pixels.copy())
            if kept.alpha is not None:
                tensors["alpha"] = torch.from_numpy(kept.alpha.copy())
            if kept.no_data is not None:
                tensors["no_data"] = torch.from_numpy(kept.no_data.copy())
            record["picture"] = {
                "notes": kept.notes,
                "name": kept.name,
                "sha256": kept.sha256,
                "format": kept.format,
                "orientation": kept.orientation,
                "path": kept.path,
                "options": to_mapping(kept.options),
            }
        write_bytes(path, pack(tensors, record))
        return Path(path)

    @staticmethod
    def load(path: str | Path) -> "ImageEmbedding":
        """Read an embedding written by `save`; its features lie on the CPU.

        Raises:
            InputError: If the file is missing, is no embedding, or was damaged.
        """
        tensors, record = read_file(Path(path))
        if "model_name" not in record:
            raise InputError(
                f"{display_name(path)}: is an entry of the cache, not a saved embedding",
                hint="name a file written by save",
            )
        picture = _unpack_picture(tensors, record["picture"]) if "picture" in record else None
        high_res = sorted(name for name in tensors if name.startswith("high_res."))
        return ImageEmbedding(
            features=ImageFeatures(tensors["embedding"], tuple(tensors[name] for name in high_res)),
            frame=ImageFrame(
                original_hw=tuple(record["original_hw"]),
                resized_hw=tuple(record["resized_hw"]),
                input_size=record["input_size"],
            ),
            picture=picture,
            picture_name=record["picture_name"],
            picture_sha256=record["picture_sha256"],
            model_name=record["model_name"],
            model_sha256=record["model_sha256"],
            kept_as=record.get("kept_as"),
        )


def _unpack_picture(tensors: dict[str, Tensor], known: dict[str, Any]) -> Picture:
    pixels = tensors["pixels"].numpy()
    alpha = tensors["alpha"].numpy() if "alpha" in tensors else None
    return Picture(
        pixels=pixels,
        alpha=alpha,
        no_data=tensors["no_data"].numpy() if "no_data" in tensors else None,
        notes=tuple(known["notes"]),
        name=known["name"],
        sha256=known["sha256"],
        format=known["format"],
        orientation=known["orientation"],
        # Earlier files do not tell these.
        path=known.get("path"),
        options=from_mapping(ReadOptions, known.get("options", {})),
    )
