"""Commands that can be repeated: what a receipt needs so that `anymask replay` can run it again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path, PurePath

from anymask.errors import InputError
from anymask.masks.atomic import shown_name
from anymask.receipt import FileStamp, Receipt, place_of, placed, stamp_bytes, stamp_file
from anymask.weights.catalogue import PUBLISHED

MARK = "@"
INPUT = "input"
OUTPUT = "output"
# Flags that say where a command writes, or that it may replace files.
_WRITING = ("--output", "--overwrite", "--quantize-out=")


def repeatable(
    receipt: Receipt,
    owner: Path,
    *,
    inputs: Mapping[str, Path | None],
    words: Sequence[str],
    files: Mapping[str, Path],
    hashes: Mapping[str, str],
    output: Sequence[str],
) -> Receipt:
    """Add to a receipt how its command can be run again.

    Args:
        receipt: The receipt; its command takes inputs and flags.
        owner: The output beside which it will stand.
        inputs: "input" and names for further ones → paths, in order; None for standard input.
            Empty where the input is no file of the caller's.
        words: What else was typed and matters: "--flag", "--flag=value", or the name of a
            published checkpoint.
        files: Flag's name without dashes → the file it named.
        hashes: SHA-256 of those files that were hashed already, by name.
        output: The words that name the output: `output_in` gives the path in them.

    Returns:
        The receipt with arguments, places and further files.
    """
    first = inputs.get(INPUT)
    further = {name: path for name, path in inputs.items() if path is not None and name != INPUT}
    others = {
        name: placed(_stamp(path, hashes.get(name)), path, owner)
        for name, path in {**further, **files}.items()
    }
    references = [word for name in files for word in (f"--{name}", f"{MARK}{name}")]
    return replace(
        receipt,
        arguments=(*(f"{MARK}{name}" for name in inputs), *words, *references, *output),
        others=others,
        input=receipt.input if first is None else placed(receipt.input, first, owner),
    )


def output_in(place: str | PurePath = ".") -> str:
    """Give the reference to a path inside the folder of a repetition; bad bytes become `?`."""
    path = (PurePath(OUTPUT) / place).as_posix()
    return f"{MARK}{path.encode('utf-8', 'replace').decode('utf-8')}"


def words_again(receipt: Receipt, files: Mapping[str, Path], output: Path) -> list[str]:
    """Give the words that run a receipt's command again.

    Args:
        receipt: The receipt.
        files: "input" and the names in `others` → where those files are.
        output: The folder for the new outputs.

    Returns:
        The words after `anymask`.

    Raises:
        InputError: If an argument refers to a file that the receipt does not list, or would let
            the command write elsewhere.
    """
    words = receipt.command.split()
    for word, following in pairwise((*receipt.arguments, "")):
        _refuse_writing(word, following)
        if not word.startswith(MARK):
            words.append(word)
        else:
            words.append(str(_file_of(word[1:], files, output)))
    return words


def find_files(receipt: Receipt, path: Path, input_path: Path | None) -> dict[str, Path]:
    """Say where a receipt's files are.

    Args:
        receipt: The receipt.
        path: Its file.
        input_path: The input where it is elsewhere than the receipt says; None to look there.

    Returns:
        "input" and the names in `others` → paths.

    Raises:
        InputError: If one of them is not there.
    """
    found = {}
    for name, stamp in {INPUT: receipt.input, **receipt.others}.items():
        if f"{MARK}{name}" not in receipt.arguments:
            continue
        place = place_of(stamp, path)
        if name == INPUT and input_path is not None:
            place = input_path
        if place is None or not place.exists():
            flag = " with --input" if name == INPUT else ""
            raise InputError(
                f"{shown_name(stamp.name)}: the {shown_name(name)} of this receipt is not where "
                "it was",
                hint=f"put it back, or name it{flag}" if flag else "put it back",
            )
        found[name] = place
    return found


def _refuse_writing(word: str, following: str) -> None:
    """Refuse what would write anywhere but in the folder of the repetition."""
    is_known = word.startswith((MARK, "--")) and not word.startswith(_WRITING)
    is_known = is_known or word in PUBLISHED
    is_output = word == "-o" and following.startswith(f"{MARK}{OUTPUT}")
    if not is_known and not is_output and word:
        raise InputError(
            f"the receipt's argument {word[:40]!r} would write elsewhere, refused",
            hint="make the output anew",
        )


def _stamp(path: Path, sha256: str | None) -> FileStamp:
    if sha256 is None:
        return stamp_file(path)
    named = path if path.name not in ("", "..") else path.resolve()
    return replace(stamp_bytes(str(named), b""), sha256=sha256)


def _file_of(reference: str, files: Mapping[str, Path], output: Path) -> Path:
    name, _, rest = reference.partition("/")
    if name == OUTPUT and ".." not in PurePath(rest).parts and not PurePath(rest).is_absolute():
        return output / rest
    if name in files and not rest:
        return files[name]
    raise InputError(
        f"the receipt's argument {MARK}{reference[:40]!r} names no file it lists",
        hint="make the output anew",
    )
