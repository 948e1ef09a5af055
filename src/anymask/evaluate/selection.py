"""Which pictures and masks are asked about: drawn with a seed, the same on every machine."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from anymask.data.picture import AnnotatedPicture
from anymask.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One picture and the masks that are asked about.

    Attributes:
        picture: The annotated picture.
        indices: Which of its masks.
    """

    picture: AnnotatedPicture
    indices: tuple[int, ...]


def choose_questions(
    pictures: Iterable[AnnotatedPicture], per_set: int, per_picture: int, seed: int
) -> dict[str, list[Question]]:
    """Draw pictures of each set and masks of each picture.

    Args:
        pictures: Annotated pictures of any number of sets.
        per_set: Most pictures a set.
        per_picture: Most masks a picture.
        seed: Seed of the draw.

    Returns:
        Questions by set name, sets and pictures in alphabetical order.

    Raises:
        DataError: If no picture has a mask.
    """
    groups: dict[str, list[AnnotatedPicture]] = {}
    for picture in pictures:
        if picture.runs:
            groups.setdefault(picture.set_name, []).append(picture)
    if not groups:
        raise DataError("the evaluation data holds no mask", hint="check the folder's shards")
    chosen = {}
    for name in sorted(groups):
        rng = np.random.default_rng(seed)
        group = sorted(groups[name], key=lambda picture: picture.name)
        kept = np.sort(rng.permutation(len(group))[:per_set])
        chosen[name] = [_question(group[int(i)], per_picture, rng) for i in kept]
    return chosen


def _question(picture: AnnotatedPicture, count: int, rng: np.random.Generator) -> Question:
    order = rng.permutation(len(picture.runs))[:count]
    return Question(picture=picture, indices=tuple(int(i) for i in np.sort(order)))
