"""Candidates in a person's hands: choose from them as often as one likes, and ask why."""

import os
from dataclasses import dataclass, replace

from anymask.everything.candidates import Candidates
from anymask.everything.explain import Explanation, explain
from anymask.everything.generate import choose
from anymask.everything.kept import PictureOf, load_candidates, save_candidates
from anymask.everything.overrides import with_options
from anymask.everything.settings import EverythingSettings
from anymask.image.picture import Picture
from anymask.masks.mask import Masks
from anymask.vocabulary import ImageFrame, Point


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CandidateMasks:
    """Everything a model answered to a grid of points on one picture.

    Attributes:
        candidates: The answers, none left out.
        settings: What `choose` starts from.
        picture_of: Of which picture and by which model.
        picture: The picture itself; None where they were read from a file.
        frame: Where it lies in the model's square; likewise.
    """

    candidates: Candidates
    settings: EverythingSettings
    picture_of: PictureOf
    picture: Picture | None = None
    frame: ImageFrame | None = None

    def __len__(self) -> int:
        return len(self.candidates)

    def choose(self, **options: object) -> Masks:
        """Apply thresholds: the masks that a run with them would give.

        Args:
            **options: Fields of `EverythingSettings` that differ from the run's.

        Returns:
            The masks.

        Raises:
            ConfigError: If an option is unknown or cannot be used.
        """
        settings = with_options(self.settings, options)
        return choose(self.candidates, settings, frame=self.frame, picture=self.picture).masks

    def explain(self, point: Point, **options: object) -> Explanation:
        """Say which candidates cover a pixel, and what removed each; print its `sentence()`.

        Args:
            point: (x, y) in pixels of the upright picture.
            **options: Fields of `EverythingSettings` that differ from the run's.

        Returns:
            The explanation.

        Raises:
            ConfigError: If an option is unknown or cannot be used.
            PromptError: If the point lies outside the picture.
        """
        return explain(self.candidates, with_options(self.settings, options), point)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write them to a file, for `load` and for `anymask filter`.

        Args:
            path: The file.
            overwrite: Whether a file of that name may be replaced.

        Raises:
            OutputError: If it cannot be written or may not be replaced.
        """
        save_candidates(
            replace(self.candidates, settings=self.settings),
            self.picture_of,
            path,
            overwrite=overwrite,
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "CandidateMasks":
        """Read candidates from a file.

        Args:
            path: As `save` wrote it.

        Raises:
            InputError: If it cannot be read or is no such file.
        """
        candidates, picture_of = load_candidates(path)
        return cls(candidates=candidates, settings=candidates.settings, picture_of=picture_of)
