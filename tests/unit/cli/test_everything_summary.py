"""What people read after everything on a photo was found."""

from dataclasses import replace

from anymask.cli.everything_found import FoundOnPhoto
from anymask.cli.everything_summary import counts_told
from anymask.everything.generate import choose
from anymask.everything.kept import load_candidates


def test_one_mask_is_told_as_one(everything, folder):
    words = ("--points-per-side", 1, "--box-nms-thresh", 0.7)
    ran = everything("cat.png", *words, "-o", "all.npz", "--format", "candidates")
    assert ran.out.splitlines()[0] == "cat.png, 90×60: 1 mask of 3 candidates"
    assert ran.err.splitlines()[-1].startswith("1 point; ")
    candidates, source = load_candidates("all.npz")
    alone = replace(candidates, rows=candidates.rows[:1], codes=candidates.codes[:1])
    one = FoundOnPhoto(
        found=choose(alone, alone.settings),
        picture=None,
        source=source,
        kept_as=None,
        notes=(),
        encode_seconds=0.0,
        find_seconds=0.0,
    )
    assert counts_told(one) == "1 mask of 1 candidate"
