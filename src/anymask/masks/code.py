"""An origin as a program and as command lines that give the same masks again."""

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType

from anymask.masks.atomic import shown_name
from anymask.masks.origin import CARE, MaskFile, Origin

# Arguments of `anymask.load`, fields of `ReadOptions` → flags, where the names differ.
_FLAGS = MappingProxyType({"source": "model", "value_range": "range"})
# Pictures of such names lend them to what is made of them; of others nobody can say here how.
_PLAIN_NAME = re.compile(r"\w[\w .,()+=@%~-]{0,58}\w")


def code_of(origin: Origin) -> str:
    """Write down how masks were made.

    Args:
        origin: How they were asked for.

    Returns:
        A Python program that leaves them in `masks`; below it, as comments, the command lines.
    """
    told = ["", "# The same on the command line:", *(f"# {line}" for line in command_lines(origin))]
    return "\n".join([*python_lines(origin), *told]) + "\n"


def python_lines(origin: Origin) -> list[str]:
    """Give the Python program.

    Args:
        origin: How the masks were asked for.

    Returns:
        Its lines; what only the caller has is left as `...` with a remark.
    """
    chain = _chain(origin)
    reading = _arguments(origin.reading)
    lines = ["import anymask"]
    if reading:
        lines.append("from anymask.image.options import ReadOptions")
    if origin.is_half:
        lines.append("from anymask.predict.kept_embeddings import as_if_kept")
    if isinstance(chain[0].mask, MaskFile):
        lines.append("from anymask.masks.png import load_mask")
    lines += ["", f"model = anymask.load({', '.join(_arguments(origin.loading))})"]
    picture = repr(origin.picture)
    if origin.picture is None:
        lines.append(f"picture = ...  # {shown_name(origin.told)}")
        picture = "picture"
    options = [f"options=ReadOptions({', '.join(reading)})"] if reading else []
    lines.append(f"embedding = model.embed({', '.join([picture, *options])})")
    if origin.is_half:
        lines.append('embedding = as_if_kept(model.loaded, embedding, "float16")')
    mask, rough = None, chain[0].mask
    if isinstance(rough, MaskFile):
        lines.append(f"rough = load_mask({rough.name!r})")
        mask = "rough"
    elif isinstance(rough, str):
        lines.append(f"rough = ...  # {shown_name(rough)}")
        mask = "rough"
    for one in chain:
        lines.append(f"masks = model.predict({', '.join(['embedding', *_question(one, mask)])})")
        mask = f"masks[{one.number}]"
    return lines


def command_lines(origin: Origin, *, file: str | None = None) -> list[str]:
    """Give the command lines: one, and before it one for each earlier answer that was refined.

    Args:
        origin: How the masks were asked for.
        file: Name of a PNG for this mask alone; `file_written` says what it is called then. None
            for the usual files of the best.

    Returns:
        The lines, quoted for a POSIX shell.
    """
    chain = _chain(origin)
    picture = origin.picture or "PICTURE"
    stem = PurePosixPath(picture).name
    picture = _operand(picture)
    rough = chain[0].mask
    mask = "MASK.png" if isinstance(rough, str) else None
    mask = _operand(rough.name) if isinstance(rough, MaskFile) else mask
    lines = []
    for step, one in enumerate(chain, start=1):
        words = ["anymask", "segment", picture, *_prompt_words(one)]
        words += [] if mask is None else ["--mask", mask]
        is_last = step == len(chain)
        keeps_all = one.multimask is True or (one.rank > 0 and (not is_last or file is not None))
        words += ["--all-masks"] if keeps_all else []
        words += ["--one-mask"] if one.multimask is False else []
        words += _care_words(one)
        words += ["--half"] if one.is_half else []
        words += _flag_words({**one.loading, **one.reading})
        mark = f".{one.rank + 1}" if keeps_all else ""
        if is_last:
            words += [] if file is None else ["-o", file]
        elif _PLAIN_NAME.fullmatch(stem):
            words += ["--format", "logits", "-o", f"step-{step}"]
            mask = f"step-{step}/{stem}{mark}.logits.npy"
        else:
            words += ["-o", f"step-{step}.npy"]
            mask = f"step-{step}{mark}.npy"
        lines.append(" ".join(map(quoted, words)))
    return lines


def python_of_everything(origin: Origin, options: Mapping[str, object]) -> list[str]:
    """Give the Python program that finds all masks of a picture.

    Args:
        origin: Which picture and model; what was asked about it does not matter.
        options: Arguments of `Model.everything`.

    Returns:
        Its lines; they leave the masks in `masks`.
    """
    lines = python_lines(origin)[:-1]
    words = ", ".join(["embedding", *_arguments(options)])
    return [*lines, f"masks = model.everything({words})"]


def command_of_everything(origin: Origin, options: Mapping[str, object], folder: str) -> str:
    """Give the command line that finds all masks of a picture.

    Args:
        origin: As for `python_of_everything`.
        options: Likewise.
        folder: Where the masks go, a PNG each.

    Returns:
        The line, quoted for a POSIX shell.
    """
    words = ["anymask", "everything", _operand(origin.picture or "PICTURE")]
    words += ["--half"] if origin.is_half else []
    words += _flag_words({**options, **origin.loading, **origin.reading})
    return " ".join(map(quoted, [*words, "--format", "png", "-o", folder]))


def file_written(origin: Origin, file: str) -> str:
    """Give the name under which the last of `command_lines` writes a mask.

    Args:
        origin: How the mask was asked for.
        file: The name that was given.
    """
    path = PurePosixPath(file)
    keeps_all = origin.multimask is True or origin.rank > 0
    return str(path.with_stem(f"{path.stem}.{origin.rank + 1}")) if keeps_all else file


def _operand(name: str) -> str:
    """Give a file's name so that nobody takes it for a flag."""
    return f"./{name}" if name.startswith("-") else name


def quoted(word: str) -> str:
    """Quote a word for the shell, on one line: a line break would end the remark it stands in.

    Args:
        word: Any text, file names that are none too.
    """
    if word.isprintable():
        return shlex.quote(word)
    letters = (
        chr(byte) if 32 <= byte < 127 and chr(byte) not in "'\\" else f"\\{byte:03o}"
        for byte in os.fsencode(word)
    )
    return f"$'{''.join(letters)}'"


def _chain(origin: Origin) -> list[Origin]:
    """Give the answers that were refined one after another, the first one first."""
    chain = [origin]
    while isinstance(chain[0].mask, Origin):
        chain.insert(0, chain[0].mask)
    return chain


def _question(origin: Origin, mask: str | None) -> list[str]:
    words = []
    if origin.points:
        points = ", ".join(f"({x!r}, {y!r})" for x, y in map(_plain, origin.points))
        words += [f"points=[{points}]", f"labels={list(origin.labels)!r}"]
    if origin.box is not None:
        words.append(f"box=({', '.join(map(repr, _plain(origin.box)))})")
    if mask is not None:
        words.append(f"mask={mask}")
    if origin.multimask is not None:
        words.append(f"multimask={origin.multimask}")
    return [*words, *(f"{name}={value!r}" for name, value in _care(origin).items())]


def _care(origin: Origin) -> dict[str, bool | int]:
    """Give what was said about the care to be taken; what was left to the model is left out."""
    said = {name: getattr(origin, name) for name in CARE}
    return {name: value for name, value in said.items() if value is not None}


def _care_words(origin: Origin) -> list[str]:
    words = []
    for name, value in _care(origin).items():
        if name == "refine":
            words += ["--refine", str(value)]
        else:
            words.append(f"--{name}" if value else f"--no-{name}")
    return words


def _arguments(given: Mapping[str, object]) -> list[str]:
    return [
        repr(value) if name == "source" else f"{name}={value!r}" for name, value in given.items()
    ]


def _prompt_words(origin: Origin) -> list[str]:
    words = []
    for (x, y), label in zip(map(_plain, origin.points), origin.labels, strict=True):
        words += [f"--point={x!r},{y!r}" + ("" if label else ",-")]
    if origin.box is not None:
        words += [f"--box={','.join(map(repr, _plain(origin.box)))}"]
    return words


def _flag_words(given: Mapping[str, object]) -> list[str]:
    words = []
    for name, value in given.items():
        flag = f"--{_FLAGS.get(name, name).replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif isinstance(value, tuple):
            words += [flag, ",".join(map(repr, value))]
        else:
            words += [flag, str(value)]
    return words


def _plain(numbers: tuple[float, ...]) -> tuple[float | int, ...]:
    """Give whole numbers without their ".0"; they mean the same."""
    return tuple(int(number) if number == int(number) else float(number) for number in numbers)
