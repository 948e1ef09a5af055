"""Small sets are divided by name, and pictures that look the same stay on one side."""

import numpy as np
import pytest

from anymask.data.splits import hold_out


class Looks:
    """A set of pictures that are known only by what they look like."""

    def __init__(self, name, words, masks=None):
        self.name, self.names = name, tuple(f"{name}{n}" for n in range(len(words)))
        self.fingerprints = np.array([(0, w, w) for w in words], np.uint64).reshape(-1, 3)
        self.index = np.zeros(len(words), [("masks", "i4")])
        self.index["masks"] = 1 if masks is None else masks

    def name_of(self, index):
        return self.names[index]

    def __len__(self):
        return len(self.names)


def different(count, seed=0):
    """Words that differ in half of their bits."""
    return np.random.default_rng(seed).integers(1, 1 << 63, count, dtype=np.uint64)


def held(*sets, **how):
    """Names of training and of held-out pictures."""
    return tuple(
        {part.whole.names[row] for part in parts for row in part.indices}  # type: ignore[attr-defined]
        for parts in hold_out(sets, **how)
    )


@pytest.mark.parametrize(
    ("count", "one_in", "number"), [(40, 3, 13), (3, 3, 1), (2, 3, 1), (9, 2, 4)]
)
def test_a_share_is_held_out_and_everything_is_on_one_side(count, one_in, number):
    whole = Looks("a", different(count))
    training, measured = held(whole, one_in=one_in)
    assert len(measured) == number
    assert training | measured == set(whole.names)
    assert not training & measured


def test_the_choice_depends_on_the_names_alone():
    words = different(12)
    assert held(Looks("a", words)) == held(Looks("a", different(12, seed=1)))
    assert held(Looks("a", words)) != held(Looks("b", words))


def test_pictures_that_look_the_same_stay_together_also_across_sets():
    for seed in range(8):
        words = different(12, seed)
        one = Looks(f"a{seed}", words)
        other = Looks(f"b{seed}", [*words[:3] ^ np.uint64(1), *different(5, seed + 100)])
        _, measured = held(one, other)
        for row in range(3):
            assert (one.names[row] in measured) == (other.names[row] in measured)


def test_pictures_without_masks_are_not_counted():
    whole = Looks("a", different(12), masks=[1, 0, 0, 0] * 3)
    _, measured = held(whole)
    assert len(measured) == 1
    assert measured <= {"a0", "a4", "a8"}


@pytest.mark.parametrize("words", [[5], [5, 5, 5], []])
def test_what_cannot_be_divided_is_all_for_training(words):
    whole = Looks("a", words)
    assert held(whole) == (set(whole.names), set())


def test_one_picture_with_masks_is_not_divided():
    whole = Looks("a", different(3), masks=[0, 1, 0])
    assert held(whole) == (set(whole.names), set())
