"""The model people hold: load it, embed a picture, ask for masks."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Unpack

from numpy.typing import ArrayLike

from anymask.errors import ConfigError, InputError
from anymask.everything.candidate_masks import CandidateMasks
from anymask.everything.candidates import Floors
from anymask.everything.generate import find_all
from anymask.everything.kept import PictureOf
from anymask.everything.memory import bytes_of
from anymask.everything.overrides import with_options
from anymask.everything.presets import preset_for
from anymask.everything.settings import EverythingSettings
from anymask.image.options import ReadOptions
from anymask.image.read import read_picture
from anymask.masks.mask import Masks
from anymask.predict.care import Care, CareOptions
from anymask.predict.careful import predict_with_care
from anymask.predict.checks import make_prompt
from anymask.predict.decode import Progress, refuse_foreign
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.encode import prepare
from anymask.predict.engines import (
    EngineName,
    Precision,
    check_engine,
    device_for,
    with_engine,
)
from anymask.predict.kept_embeddings import embed_or_find
from anymask.vocabulary import Prompt
from anymask.weights.load import load_model
from anymask.weights.loaded import LoadedModel


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model. It keeps nothing between calls, so threads may share it.

    Attributes:
        loaded: The network, its name and origin.
    """

    loaded: LoadedModel

    def __repr__(self) -> str:
        size = self.loaded.sam.config.input_size
        told = [self.loaded.name, self.loaded.origin, f"{size} px", str(self.loaded.device)]
        if (self.loaded.engine, self.loaded.precision) != ("torch", "float32"):
            told.append(f"{self.loaded.engine} {self.loaded.precision}")
        return f"Model({', '.join(told)})"

    def embed(
        self,
        image: Any,  # noqa: ANN401 - a path, bytes, file, Pillow image, array or tensor
        *,
        channels: Literal["rgb", "bgr"] = "rgb",
        options: ReadOptions | None = None,
        use_cache: bool = True,
        keep: bool = False,
    ) -> ImageEmbedding:
        """Encode a picture: the slow part, once a picture.

        Args:
            image: A path, bytes, a binary file, a Pillow image, an array uint8 (H, W, 3), or a
                tensor (3, H, W).
            channels: Order of an array's colours.
            options: How the picture is read.
            use_cache: Whether an embedding that was kept, here or by `anymask embed`, is taken
                instead; its `kept_as` tells.
            keep: Whether the embedding is kept on the disk for later.

        Returns:
            The embedding, with the upright picture inside.

        Raises:
            ImageError: If the picture cannot be read.
            StateError: If it is to be kept, and the model is from no file.
            OutputError: If it cannot be kept.
        """
        picture = read_picture(image, channels=channels, options=options or ReadOptions())
        (embedding,) = embed_or_find(self.loaded, [picture], use_cache=use_cache, keep=keep)
        return embedding

    def embed_many(
        self,
        images: Iterable[Any],
        *,
        channels: Literal["rgb", "bgr"] = "rgb",
        options: ReadOptions | None = None,
        batch_size: int = 4,
        use_cache: bool = True,
        keep: bool = False,
    ) -> list[ImageEmbedding]:
        """Encode many pictures, several at once.

        Args:
            images: Anything `embed` takes.
            channels: Order of the arrays' colours.
            options: How the pictures are read.
            batch_size: Pictures encoded at once.
            use_cache: Whether embeddings that were kept are taken instead.
            keep: Whether the embeddings are kept on the disk for later; then each is encoded
                alone, so that it is what `embed` would give.

        Returns:
            One embedding a picture, in order.

        Raises:
            ImageError: If a picture cannot be read.
            StateError: If they are to be kept, and the model is from no file.
            OutputError: If they cannot be kept.
            ConfigError: If `batch_size` is not positive.
            InputError: If `images` is a single picture.
        """
        # A path would be taken apart into letters, an array into its rows.
        if isinstance(images, str | bytes | os.PathLike) or getattr(images, "ndim", 4) < 4:
            raise InputError(
                f"images must be a list of pictures, got one {type(images).__name__}",
                hint="pass [image], or use embed",
            )
        if batch_size < 1:
            raise ConfigError(f"batch_size is {batch_size}", hint="use 1 or more")
        options = options or ReadOptions()
        pictures = (read_picture(image, channels=channels, options=options) for image in images)
        embeddings = embed_or_find(
            self.loaded, pictures, batch_size, use_cache=use_cache, keep=keep
        )
        return list(embeddings)

    def prepare(self, embedding: ImageEmbedding) -> ImageEmbedding:
        """Give an embedding read from a file with what its answers are worked out from.

        `embed` gives embeddings that are prepared; files leave that part out, as it is several
        times their size. Without it every question works it out again.

        Args:
            embedding: A picture embedded by this model.

        Returns:
            The embedding, ready to be asked often; the answers are the same.

        Raises:
            InputError: If `embedding` is none.
            StateError: If the embedding was made by another model.
        """
        refuse_foreign(self.loaded, embedding)
        return prepare(self.loaded, embedding)

    def predict(
        self,
        embedding: ImageEmbedding,
        *,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask: Any = None,  # noqa: ANN401 - a Mask, Masks or array
        multimask: bool | None = None,
        normalized: bool = False,
        **care: Unpack[CareOptions],
    ) -> Masks:
        """Give the masks of one object.

        Args:
            embedding: A picture embedded by this model.
            points: (x, y) pairs in pixels of the upright picture, (N, 2).
            labels: 1 (the object is here) or 0 (it is not) for each point; None for all 1.
            box: x0, y0, x1, y1 in pixels.
            mask: An earlier answer to refine (its best mask is taken), a rough mask bool (H, W),
                or logits (h, w).
            multimask: Three masks (True) or one (False); None gives three for a single point and
                one otherwise.
            normalized: Whether coordinates run from 0 to 1 instead of pixels.
            **care: How much trouble is taken, each None or left out for what is usual for the model
                and the kind of prompt; published weights are asked once. `zoom=True`: a window
                around an object that is small in the picture is encoded and asked again;
                `refine=1`: the answer is asked again with itself as mask prompt, so often;
                `flip=True`: the answer is averaged with that of the mirrored picture;
                `connected=True`: pieces that no click touches are dropped; `snug=True`: the answer
                to a box is fitted to its sides, and its small pieces are dropped.

        Returns:
            The candidate masks with their scores; `.best` is the best scored.

        Raises:
            PromptError: If the prompt cannot be used.
            ConfigError: If one of the options of care cannot be used.
            StateError: If the embedding was made by another model; or if zoom or flip is asked for
                and the embedding does not carry its picture.
        """
        prompt = make_prompt(points, labels, box, mask)
        return predict_with_care(
            self.loaded,
            embedding,
            [prompt],
            multimask=multimask,
            normalized=normalized,
            care=Care(**care),
        )[0]

    def everything(
        self,
        image: Any,  # noqa: ANN401 - an ImageEmbedding, or anything `embed` takes
        *,
        preset: str = "default",
        max_memory: int | str | None = None,
        on_progress: Progress | None = None,
        **options: object,
    ) -> Masks:
        """Find all masks of a picture.

        Args:
            image: A picture embedded by this model, or anything `embed` takes.
            preset: "default", "dense", "objects" or "sa1b".
            max_memory: What the whole program may take, bytes or text like "1GB"; None for no
                limit.
            on_progress: Called with points done and points in all.
            **options: Fields of `EverythingSettings` that differ from the preset's.

        Returns:
            The masks in the published generator's order: by score, but masks of smaller crops
            first, and those that needed cleaning last. Each has a `finding` and a `coded` form and
            no logits; `tree` says which is part of which, `label_map()` gives them as numbers.

        Raises:
            ConfigError: If preset, memory or an option is unknown or cannot be used.
            ImageError: If the picture cannot be read.
            StateError: If the embedding was made by another model, or does not carry the picture
                that crops are cut from.
        """
        found = find_all(
            self.loaded,
            self._embedded(image),
            self._settings(preset, options),
            budget_bytes=bytes_of(max_memory),
            on_progress=on_progress,
        )
        return found.masks

    def candidates(
        self,
        image: Any,  # noqa: ANN401 - as for `everything`
        *,
        preset: str = "default",
        max_memory: int | str | None = None,
        on_progress: Progress | None = None,
        **options: object,
    ) -> CandidateMasks:
        """Find all masks of a picture and keep every candidate, to choose and ask afterwards.

        Args:
            image: As for `everything`.
            preset: As for `everything`.
            max_memory: As for `everything`.
            on_progress: As for `everything`.
            **options: As for `everything`.

        Returns:
            The candidates: `choose(pred_iou_thresh=…)` gives masks, `explain((x, y))` says why
            there is none.

        Raises:
            ConfigError: As `everything` does.
            ImageError: Likewise.
            StateError: Likewise.
        """
        embedding, settings = self._embedded(image), self._settings(preset, options)
        found = find_all(
            self.loaded,
            embedding,
            settings,
            floors=Floors(),
            budget_bytes=bytes_of(max_memory),
            on_progress=on_progress,
        )
        return CandidateMasks(
            candidates=found.candidates,
            settings=settings,
            picture_of=PictureOf(
                name=embedding.picture_name,
                sha256=embedding.picture_sha256,
                model=f"{self.loaded.name}, {self.loaded.origin}",
                model_sha256=self.loaded.sha256,
            ),
            picture=embedding.picture,
            frame=embedding.frame,
        )

    def _embedded(self, image: Any) -> ImageEmbedding:  # noqa: ANN401 - as for `everything`
        return image if isinstance(image, ImageEmbedding) else self.embed(image)

    def _settings(self, name: str, options: Mapping[str, object]) -> EverythingSettings:
        return with_options(preset_for(self.loaded, name), options)

    def predict_many(
        self,
        embedding: ImageEmbedding,
        prompts: Sequence[Prompt],
        *,
        multimask: bool | None = None,
        normalized: bool = False,
        on_progress: Progress | None = None,
        **care: Unpack[CareOptions],
    ) -> list[Masks]:
        """Answer many prompts on one picture; numbers of points may differ.

        Args:
            embedding: A picture embedded by this model.
            prompts: One prompt an object.
            multimask: As in `predict`, for every prompt.
            normalized: Whether coordinates run from 0 to 1 instead of pixels.
            on_progress: Called with prompts done and prompts in all.
            **care: As in `predict`, for every prompt; `zoom=False, flip=False` is the fastest.

        Returns:
            One Masks a prompt, in order: the same answers as one by one.

        Raises:
            PromptError: If a prompt cannot be used.
            ConfigError: If one of the options of care cannot be used.
            StateError: As in `predict`.
        """
        return predict_with_care(
            self.loaded,
            embedding,
            prompts,
            multimask=multimask,
            normalized=normalized,
            on_progress=on_progress,
            care=Care(**care),
        )


def load(
    source: str | Path | None = None,
    *,
    device: str = "auto",
    engine: EngineName = "torch",
    precision: Precision = "auto",
    architecture: str | None = None,
    input_size: int | None = None,
) -> Model:
    """Load a model.

    Args:
        source: None for the default model inside the package; a path to a published SAM file or
            to one of ours; or the name of a published checkpoint ("sam_vit_b", "sam_vit_l",
            "sam_vit_h", "mobile_sam"), which is fetched into the cache folder if it is not there.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        engine: What runs the image encoder: "torch"; "compile", which torch compiles while
            loading; "openvino" or "onnxruntime", which are extras for processors. The decoder
            stays in torch.
        precision: Number format of the image encoder; "auto" is bfloat16 on GPUs that have it and
            float32 elsewhere. The decoder always runs in float32.
        architecture: "vit_b", "vit_l", "vit_h", "mobile_sam" or "tiny" to insist on
            one; None to take what the file holds.
        input_size: Side of the model frame, pixels; None for the size the file was trained at.

    Returns:
        The model, ready to embed and predict; `model.loaded.notes` tells what was chosen.

    Raises:
        WeightsError: If the file is missing, damaged, or does not fit.
        ConfigError: If the device, engine, precision or size cannot be used.
        MissingExtra: If the engine's package is not installed.
    """
    check_engine(engine, precision)
    loaded = load_model(
        source,
        device=device_for(engine, device),
        architecture=architecture,
        input_size=input_size,
    )
    return Model(with_engine(loaded, engine, precision))
