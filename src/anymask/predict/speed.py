"""How fast a model is here: measured on a picture, within a time that is given."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

from anymask.image.picture import Picture
from anymask.predict.decode import predict
from anymask.predict.encode import embed_batch
from anymask.vocabulary import Prompt
from anymask.weights.loaded import LoadedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What a measurement gave.

    Attributes:
        encode_seconds: Median time to embed the picture.
        click_seconds: Median time from a click to a mask of the picture's size.
        num_encodes: How often it was embedded.
        num_clicks: How often it was clicked on.
    """

    encode_seconds: float
    click_seconds: float
    num_encodes: int
    num_clicks: int


def measure_speed(loaded: LoadedModel, picture: Picture, seconds: float = 5.0) -> Speed:
    """Embed a picture and click on its middle, again and again, each for half of the time.

    Args:
        loaded: The model.
        picture: An upright picture; the cache of embeddings is not looked into.
        seconds: How long to measure. Each is done twice at least, however long that takes: the
            first time of each is not counted.
    """
    height, width = picture.size_hw
    click = Prompt(points=((width / 2, height / 2),), labels=(1,))
    (embedding,) = embed_batch(loaded, (picture,))
    encodes = _times(lambda: _encode(loaded, picture), seconds / 2)
    clicks = _times(lambda: predict(loaded, embedding, [click])[0].best.array, seconds / 2)
    return Speed(
        encode_seconds=median(encodes),
        click_seconds=median(clicks),
        num_encodes=len(encodes),
        num_clicks=len(clicks),
    )


def _encode(loaded: LoadedModel, picture: Picture) -> None:
    embed_batch(loaded, (picture,))
    # GPUs answer before they are done.
    if loaded.device.type == "cuda":
        torch.cuda.synchronize(loaded.device)
    elif loaded.device.type == "mps":
        torch.mps.synchronize()


def _times(work: Callable[[], object], seconds: float) -> list[float]:
    end = time.perf_counter() + seconds
    work()
    taken: list[float] = []
    while not taken or time.perf_counter() < end:
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return taken
