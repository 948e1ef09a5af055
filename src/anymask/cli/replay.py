"""`anymask replay`: run a receipt's command again and say whether the same bytes come out."""

import contextlib
import hashlib
import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from anymask.cli.door import SOME_FAILED
from anymask.cli.screen import Screen, counted, make_screen
from anymask.errors import AnymaskError, InputError
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.receipt import Receipt

# Commands that write receipts; nothing else is run because a file says so.
COMMANDS = ("segment", "everything", "filter", "convert", "export onnx")
_MOST_THREADS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as it was.

    Attributes:
        what: Which.
        then: What the receipt says.
        now: What is found.
    """

    what: str
    then: str
    now: str


def replay(
    receipt: Annotated[
        Path, typer.Argument(metavar="RECEIPT", help="The .receipt.json beside an output.")
    ],
    *,
    input_path: Annotated[
        Path | None,
        typer.Option("--input", metavar="FILE", help="The input, if it is no longer where it was."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Keep the new outputs in this folder."
        ),
    ] = None,
) -> int:
    """Make an output again from its receipt, and compare the bytes.

    Nothing that exists is changed. If the bytes differ, it says which files, and what
    else is not as it was: input, model, versions, device, threads.

    [bold]Example[/bold]
      anymask replay photo.jpg.receipt.json
    """
    from anymask.cli.repeat import find_files, words_again
    from anymask.receipt import read_receipt

    screen = make_screen()
    then = read_receipt(receipt)
    _check_command(then, receipt)
    files = find_files(then, receipt, input_path)
    differences = [*_changed_files(then, files), *_changed_versions(then)]
    with _folder(output) as folder, screen.working("running it again"):
        _run_again(words_again(then, files, folder), then)
        place = _receipt_in(folder)
        now = read_receipt(place)
        differences += _changed_outputs(then, now, place)
    differences += _changed_engine(then, now)
    return _say(screen, then, differences, output)


def _check_command(then: "Receipt", path: Path) -> None:
    if then.command not in COMMANDS:
        raise InputError(
            f"{shown_name(path)}: is of a command that is not repeated "
            f"({shown_name(then.command)[:40]})",
            hint=f"give a receipt of {', '.join(COMMANDS)}",
        )
    if not then.outputs:
        raise InputError(f"{shown_name(path)}: lists no outputs", hint="make the output anew")


@contextlib.contextmanager
def _folder(output: Path | None) -> Iterator[Path]:
    if output is None:
        with tempfile.TemporaryDirectory(prefix="anymask-replay-") as name:
            yield Path(name)
        return
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(
            f"-o {shown_name(output)}: is not an empty folder", hint="name a new folder"
        )
    output.mkdir(parents=True, exist_ok=True)
    yield output


def _run_again(words: list[str], then: "Receipt") -> None:
    """Run the command in this process, silently, on as many threads as then."""
    import torch
    from typer.main import get_command

    from anymask.cli.main import app

    threads, wanted = torch.get_num_threads(), None if then.engine is None else then.engine.threads
    if wanted is not None and not 0 < wanted <= _MOST_THREADS:
        raise InputError(
            f"the receipt's threads are {wanted}, not 1 to {_MOST_THREADS}",
            hint="make the output anew",
        )
    said = io.StringIO()
    try:
        if wanted is not None:
            torch.set_num_threads(wanted)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = get_command(app).main(words, prog_name="anymask", standalone_mode=False)
    finally:
        torch.set_num_threads(threads)
    # Inputs that failed then fail again; the receipt is of the others.
    if code not in (None, 0, SOME_FAILED):
        last = said.getvalue().strip().splitlines()[-1:]
        raise InputError(
            f"the command ended with code {code}" + "".join(f" ({line})" for line in last),
            hint=f"run it by itself: anymask {' '.join(map(shown_name, words))}",
        )


def _receipt_in(folder: Path) -> Path:
    from anymask.receipt import SUFFIX

    found = sorted(folder.rglob(f"*{SUFFIX}"))
    if len(found) != 1:
        raise AnymaskError(
            f"the command wrote {counted(len(found), 'receipt')}, expected one",
            hint="make the output anew",
        )
    return found[0]


def _changed_files(then: "Receipt", files: dict[str, Path]) -> list[Difference]:
    from anymask.receipt import stamp_file

    stamps = {"input": then.input, **then.others}
    changed = []
    for name, stamp in stamps.items():
        if not stamp.sha256 or name not in files:
            continue
        now = stamp_file(files[name]).sha256
        if now != stamp.sha256:
            changed.append(Difference(what=f"{name} {stamp.name}", then=stamp.sha256, now=now))
    return changed


def _changed_versions(then: "Receipt") -> list[Difference]:
    from anymask.receipt import versions_here

    now = versions_here()
    names = dict.fromkeys([*then.versions, *now])
    return [
        Difference(what=name, then=then.versions.get(name, "none"), now=now.get(name, "none"))
        for name in names
        if then.versions.get(name) != now.get(name)
    ]


def _changed_engine(then: "Receipt", now: "Receipt") -> list[Difference]:
    pairs = [
        ("model", _sha256(then), _sha256(now)),
        ("device", str(then.device), str(now.device)),
        *(
            (f"engine's {name}", str(getattr(then.engine, name)), str(getattr(now.engine, name)))
            for name in ("name", "version", "precision", "threads")
            if then.engine is not None and now.engine is not None
        ),
        ("prompts", str(then.prompts), str(now.prompts)),
    ]
    return [Difference(what=what, then=a, now=b) for what, a, b in pairs if a != b]


def _sha256(receipt: "Receipt") -> str:
    return "none" if receipt.model is None else receipt.model.sha256


def _changed_outputs(then: "Receipt", now: "Receipt", place: Path) -> list[Difference]:
    """Compare the outputs in the order in which they were written; names may have changed."""
    from anymask.receipt import place_of

    written = [place_of(stamp, place) for stamp in now.outputs]
    changed = []
    for number, stamp in enumerate(then.outputs):
        path = written[number] if number < len(written) else None
        told = "missing" if path is None else hashlib.sha256(path.read_bytes()).hexdigest()
        if told != stamp.sha256:
            changed.append(Difference(what=f"output {stamp.name}", then=stamp.sha256, now=told))
    more = now.outputs[len(then.outputs) :]
    return changed + [
        Difference(what=f"output {stamp.name}", then="none", now=stamp.sha256) for stamp in more
    ]


def _say(
    screen: Screen, then: "Receipt", differences: list[Difference], output: Path | None
) -> int:
    outputs = [one for one in differences if one.what.startswith("output ")]
    same = counted(len(then.outputs), "output")
    place = "" if output is None else f", new ones in {shown_name(output)}"
    if not outputs:
        screen.say(Text.assemble(("same bytes", "bold green"), f": {same}{place}"))
    else:
        told = f"{len(outputs)} of {same}"
        screen.say(Text.assemble(("other bytes", "bold red"), f": {told}{place}"))
    if differences:
        table = Table("what", "then", "now", box=None, pad_edge=False)
        for one in differences:
            table.add_row(Text(shown_name(one.what)), _short(one.then), _short(one.now))
        screen.out.print(table, soft_wrap=False)
    return SOME_FAILED if outputs else 0


def _short(value: str) -> Text:
    is_hash = len(value) == 64 and all(letter in "0123456789abcdef" for letter in value)
    return Text(f"{value[:12]}…" if is_hash else shown_name(value))
