"""Sets are drawn as often as was asked; what cannot be shown is passed over and counted."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from anymask.data.mixing import Mixture
from anymask.data.picture import AnnotatedPicture
from anymask.data.samples import SampleSettings
from anymask.data.shards import read_shards
from anymask.errors import ConfigError, DataError
from tests.scenes import write_shard


@dataclass(frozen=True)
class LazySet:
    """A set that gives its pictures when asked, as the prepared ones do."""

    name: str
    pictures: tuple[AnnotatedPicture, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> AnnotatedPicture:
        return self.pictures[index]


@dataclass(frozen=True)
class VanishedSet(LazySet):
    """A set whose file is gone."""

    def __getitem__(self, index: int) -> AnnotatedPicture:
        raise FileNotFoundError(self.name)


Pictures = Callable[[str, int], tuple[AnnotatedPicture, ...]]


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    def written(name: str, number: int) -> tuple[AnnotatedPicture, ...]:
        return tuple(read_shards([write_shard(tmp_path / f"{name}.tar", number)]))

    return written


def without_masks(pictures: tuple[AnnotatedPicture, ...]) -> tuple[AnnotatedPicture, ...]:
    return tuple(replace(picture, runs=()) for picture in pictures)


def test_large_sets_are_seen_more_often_but_not_in_proportion(pictures: Pictures) -> None:
    mixture = Mixture((*pictures("a", 16), *pictures("b", 4)))
    assert mixture.chances_by_set() == pytest.approx({"a": 4 / 6, "b": 2 / 6})


def test_weights_multiply_a_sets_chance(pictures: Pictures) -> None:
    both = (*pictures("a", 16), *pictures("b", 4))
    assert Mixture(both, weights={"b": 4}).chances_by_set() == pytest.approx(
        {"a": 1 / 3, "b": 2 / 3}
    )
    assert Mixture(both, power=1, weights={"a": 0}).chances_by_set() == {"a": 0, "b": 1}


def test_drawn_sets_have_their_chances(pictures: Pictures) -> None:
    mixture = Mixture((*pictures("a", 4), *pictures("b", 4)), weights={"b": 3})
    rng, settings = np.random.default_rng(0), SampleSettings(prompts=1)
    drawn = [mixture.draw(32, settings, rng).name.split("/")[0] for _ in range(400)]
    assert drawn.count("b") / 400 == pytest.approx(0.75, abs=0.07)


def test_lazy_sets_give_the_same_samples_as_pictures_in_memory(pictures: Pictures) -> None:
    a, b = pictures("a", 3), pictures("b", 2)
    held, lazy = Mixture((*a, *b)), Mixture([LazySet("b", b), LazySet("a", a), LazySet("c", ())])
    travelled = pickle.loads(pickle.dumps(lazy))  # noqa: S301
    for mixture in (lazy, travelled):
        rng, other = np.random.default_rng(5), np.random.default_rng(5)
        for _ in range(5):
            one = held.draw(64, SampleSettings(), rng)
            two = mixture.draw(64, SampleSettings(), other)
            assert one.name == two.name
            np.testing.assert_array_equal(one.frame, two.frame)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"pest": 2.0}, "a weight is given for the data set 'pest', which is not there; "
                        "did you mean 'pets'"),
        ({"qqq": 2.0}, "choose from pets"),
        ({"pets": -1.0}, "the weight of data set 'pets' must be 0 or more, got -1"),
        ({"pets": float("nan")}, "must be 0 or more, got nan"),
        ({"pets": 0.0}, "all data sets have the weight 0"),
    ],
)  # fmt: skip
def test_wrong_weights_are_refused(
    pictures: Pictures, weights: dict[str, float], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Mixture(pictures("pets", 2), weights=weights)


def test_no_masks_at_all_is_refused(pictures: Pictures) -> None:
    with pytest.raises(DataError, match="the training data holds no mask; check the folder"):
        Mixture([])
    with pytest.raises(DataError, match="the training data holds no mask"):
        Mixture(without_masks(pictures("a", 2)))


def test_set_without_masks_ends_with_a_sentence(pictures: Pictures) -> None:
    mixture = Mixture([LazySet("a", without_masks(pictures("a", 2)))])
    with pytest.raises(DataError, match="none of 1000 pictures shows a mask at 64 pixels"):
        mixture.draw(64, SampleSettings(), np.random.default_rng(0))


def test_pictures_without_objects_are_drawn_elsewhere_and_counted(pictures: Pictures) -> None:
    a = pictures("a", 4)
    mixture = Mixture([LazySet("a", (*without_masks(a[:3]), a[3]))])
    whole = SampleSettings(zoom_share=0, whole_share=1)
    rng = np.random.default_rng(0)
    samples = [mixture.draw(64, whole, rng) for _ in range(100)]
    assert {sample.name for sample in samples} == {"a/a_003"}
    # Three misses for each hit: a geometric distribution of mean 3.
    assert np.mean([sample.redraws for sample in samples]) == pytest.approx(3, abs=1)
    assert all(sample.bad == () for sample in samples)


def test_unreadable_pictures_are_passed_over_and_named(pictures: Pictures) -> None:
    a = pictures("a", 2)
    mixture = Mixture((replace(a[0], encoded=b"broken"), a[1]))
    rng = np.random.default_rng(0)
    whole = SampleSettings(zoom_share=0, whole_share=1)
    samples = [mixture.draw(64, whole, rng) for _ in range(40)]
    assert {sample.name for sample in samples} == {"a/a_001"}
    assert {sample.redraws for sample in samples} == {0}
    assert {sample.bad for sample in samples} == {(), ("a/a_000",)}


def test_vanished_set_is_named_by_place_and_ends_with_a_sentence(pictures: Pictures) -> None:
    gone = VanishedSet("gone", pictures("a", 1))
    mixed = Mixture([gone, LazySet("b", pictures("b", 1))])
    rng = np.random.default_rng(0)
    bad = [name for _ in range(20) for name in mixed.draw(64, SampleSettings(), rng).bad]
    assert set(bad) == {"gone/0"}
    with pytest.raises(
        DataError, match="none of 1000 pictures could be read, the first was 'gone/0'"
    ):
        Mixture([gone]).draw(64, SampleSettings(), rng)


def test_masks_too_small_for_the_size_are_said_so(pictures: Pictures) -> None:
    settings = SampleSettings(zoom_share=0.0, whole_share=1.0)
    dot = (np.array([500, 4, 96 * 128 - 504]),)
    small = replace(pictures("a", 1)[0], runs=dot)
    with pytest.raises(DataError, match="none of 1000 pictures shows a mask at 32 pixels"):
        Mixture([small]).draw(32, settings, np.random.default_rng(0))
