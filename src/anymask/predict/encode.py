"""Pictures → image embeddings."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import torch

from anymask.image.frame import frame_for
from anymask.image.picture import Picture
from anymask.image.prepare import to_model_input
from anymask.model.image_encoder import ImageFeatures
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.embedding_cache import KeptForm
from anymask.weights.loaded import LoadedModel


def embed_pictures(
    loaded: LoadedModel, pictures: Iterable[Picture], batch_size: int = 4
) -> Iterator[ImageEmbedding]:
    """Encode pictures, several at a time, and give their embeddings in order.

    Args:
        loaded: The model.
        pictures: Upright pictures; read as they are needed.
        batch_size: Pictures encoded at once.
    """
    waiting = iter(pictures)
    while group := tuple(islice(waiting, batch_size)):
        yield from embed_batch(loaded, group)


def embed_batch(loaded: LoadedModel, pictures: tuple[Picture, ...]) -> list[ImageEmbedding]:
    """Encode some pictures in one pass through the encoder.

    Args:
        loaded: The model.
        pictures: Upright pictures of any size.

    Returns:
        One embedding a picture, features in float32 on the model's device.
    """
    features = encode_batch(loaded, pictures)
    return [
        to_embedding(loaded, picture, one) for picture, one in zip(pictures, features, strict=True)
    ]


# Not inference_mode: a program may train a decoder on what it gives.
@torch.no_grad()
def encode_batch(loaded: LoadedModel, pictures: tuple[Picture, ...]) -> list[ImageFeatures]:
    """Give what the image encoder makes of some pictures in one pass.

    Args:
        loaded: The model.
        pictures: Upright pictures of any size.

    Returns:
        The features of each picture, float32, on the model's device.

    Source:
        Segment Anything (Kirillov et al., 2023), section 3, "Image encoder".
    """
    config = loaded.sam.config
    inputs = np.stack(
        [
            to_model_input(
                picture.pixels,
                frame_for(picture.size_hw, config.input_size),
                config.pixel_mean,
                config.pixel_std,
            )
            for picture in pictures
        ]
    )
    features = loaded.encode(torch.from_numpy(inputs).to(loaded.device))
    return [features_of_one(features, index) for index in range(len(pictures))]


def to_embedding(
    loaded: LoadedModel,
    picture: Picture,
    features: ImageFeatures,
    *,
    kept_as: KeptForm | None = None,
    notes: tuple[str, ...] = (),
) -> ImageEmbedding:
    """Join features with the picture they are of, and prepare them for questions.

    Args:
        loaded: The model that made them.
        picture: The upright picture.
        features: What the image encoder made of it, float32.
        kept_as: Number format in which they were kept; None if they are fresh.
        notes: What was noticed about them.
    """
    embedding = ImageEmbedding(
        features=features,
        frame=frame_for(picture.size_hw, loaded.sam.config.input_size),
        picture=picture,
        picture_name=picture.name,
        picture_sha256=picture.sha256 or "",
        model_name=loaded.name,
        model_sha256=loaded.sha256,
        kept_as=kept_as,
        notes=notes,
    )
    return prepare(loaded, embedding)


@torch.no_grad()
def prepare(loaded: LoadedModel, embedding: ImageEmbedding) -> ImageEmbedding:
    """Give an embedding, say one read from a file, with what the decoder works out from it.

    Args:
        loaded: The model.
        embedding: A picture, embedded by this model.

    Returns:
        The embedding on the model's device, ready to be asked; the same if it was.
    """
    embedding = embedding.to(loaded.device)
    if embedding.prepared is not None:
        return embedding
    # Whatever a program around this call has chosen for its own network.
    with torch.autocast(loaded.device.type, enabled=False):
        prepared = loaded.sam.prepare(embedding.features, loaded.places)
    return replace(embedding, prepared=prepared)


def features_of_one(features: ImageFeatures, index: int) -> ImageFeatures:
    """Give the features of one picture of a batch, float32, contiguous and in memory of their own.

    One kept embedding must not keep its whole batch, and the decoder rounds alike only where its
    input lies alike.
    """
    embedding, *high_res = (
        x[index : index + 1].float().clone(memory_format=torch.contiguous_format)
        for x in (features.embedding, *features.high_res)
    )
    return ImageFeatures(embedding, tuple(high_res))
