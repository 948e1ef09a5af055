"""Drawing pictures so that every data set is seen, large ones more often but not in proportion."""

from collections.abc import Iterable, Sequence

import numpy as np

from anymask.data.picture import AnnotatedPicture
from anymask.data.samples import Sample, SampleSettings, make_sample
from anymask.errors import DataError

TRIES = 1000


class Mixture:
    """Pictures grouped by set, drawn with a weight of (pictures in the set) ** power.

    Draws depend on nothing but the generator passed in, so a resumed run sees the same samples.

    Args:
        pictures: Annotated pictures; those without masks are left out.
        power: 0 for equal sets, 1 for equal pictures.

    Raises:
        DataError: If no picture has a mask.
    """

    def __init__(self, pictures: Iterable[AnnotatedPicture], power: float = 0.5) -> None:
        groups: dict[str, list[AnnotatedPicture]] = {}
        for picture in pictures:
            if picture.runs:
                groups.setdefault(picture.set_name, []).append(picture)
        if not groups:
            raise DataError("the training data holds no mask", hint="check the folder's shards")
        self.sets: Sequence[Sequence[AnnotatedPicture]] = [groups[name] for name in sorted(groups)]
        weights = np.array([len(group) for group in self.sets], np.float64) ** power
        self.chances = weights / weights.sum()

    def draw(self, size: int, settings: SampleSettings, rng: np.random.Generator) -> Sample:
        """Draw one sample with a frame of `size` pixels.

        Raises:
            DataError: If a thousand pictures in a row show no usable mask.
        """
        for _ in range(TRIES):
            group = self.sets[int(rng.choice(len(self.sets), p=self.chances))]
            picture = group[int(rng.integers(len(group)))]
            sample = make_sample(picture, size, settings, rng)
            if sample is not None:
                return sample
        raise DataError(
            f"none of {TRIES} pictures shows a mask at {size} pixels", hint="use a larger size"
        )
