"""Masks of another size than their picture."""

from anymask.masks.forms.sized import size_problem


def test_only_another_size_is_a_problem_and_both_are_told():
    assert size_problem((480, 640), (480, 640)) is None
    assert size_problem((480, 640), None) is None
    found = size_problem((512, 512), (480, 640))
    assert found is not None
    assert (found.code, found.message) == ("size-differs", "mask 512×512 for picture 640×480")
