"""`anymask data`: see whether annotated pictures can be learned from, before learning."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from anymask.cli.flags import with_flags
from anymask.cli.screen import Screen, counted, make_screen
from anymask.errors import ConfigError, DataError
from anymask.masks.atomic import shown_name, write_bytes

if TYPE_CHECKING:
    from anymask.data.doctor import CheckedSet, Finding
    from anymask.data.opening import OpenedSample
    from anymask.data.packing import SetLayout

SOME_UNUSABLE = 3
SETS_SHOWN = 3

data_app = typer.Typer()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFlags:
    """What `anymask data check` takes; each field is a flag."""

    data: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Annotated pictures, in any layout.")
    ]
    against: Annotated[
        list[Path] | None,
        typer.Option(
            "--against", metavar="DIR", help="Data that must share no picture with it; repeatable."
        ),
    ] = None
    json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print one JSON record a line.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PackFlags:
    """What `anymask data pack` takes; each field is a flag."""

    data: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Annotated pictures, in any layout.")
    ]
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="CACHE", help="Folder for the prepared sets.")
    ]
    longest: Annotated[
        int, typer.Option(metavar="PX", help="Larger pictures are shrunk to this.")
    ] = 1024
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", metavar="", help="Leave out up to 1 % of bad samples."),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LookFlags:
    """What `anymask data look` takes; each field is a flag."""

    data: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Annotated pictures, in any layout.")
    ]
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="PNG to write.")]
    number: Annotated[int, typer.Option(metavar="N", help="Pictures on the sheet.")] = 24
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the draw.")] = 0
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar="", help="Replace the file if there is one.")
    ] = False


def _check(flags: CheckFlags) -> int:
    """Find what is wrong with annotated pictures, and say what to do.

    Faults that make samples unusable end with exit code 3; warnings alone with 0.

    [bold]Example[/bold]
      anymask data check data/train --against data/eval
    """
    from anymask.data.doctor import examine

    screen = make_screen()
    layouts = _layouts(flags.data, "DIR")
    others = _layouts(flags.against or (), "--against")
    with _counted(screen, "pictures looked at") as advance:
        sets = _checked(layouts, advance)
        against = _checked(others, advance)
    findings = examine(sets, against)
    if flags.json:
        _write_records(screen, sets, findings)
    else:
        _print_sets(screen, sets)
        _print_findings(screen, findings)
        _print_end(screen, findings, num_others=sum(len(checked.pictures) for checked in against))
    return SOME_UNUSABLE if any(finding.level == "error" for finding in findings) else 0


def _pack(flags: PackFlags) -> int:
    """Prepare annotated pictures for training ahead of it.

    What cannot be used is listed in failures.jsonl in the cache folder.

    [bold]Example[/bold]
      anymask data pack my_coco.json --out cache
    """
    from anymask.data.layouts import recognise_all
    from anymask.data.prepare import prepare_data

    screen = make_screen()
    if flags.out.exists() and not flags.out.is_dir():
        raise ConfigError(f"--out {shown_name(flags.out)}: is a file", hint="name a folder")
    failures = flags.out / "failures.jsonl"
    _layouts(flags.data, "DIR")
    with _counted(screen, "pictures prepared") as advance:
        done = 0

        def on_progress(now: int, _total: int | None) -> None:
            nonlocal done
            advance(now - done)
            done = now

        prepared = prepare_data(
            flags.data,
            flags.out,
            longest_px=flags.longest,
            skip_bad=flags.skip_bad,
            failures=failures,
            on_progress=on_progress,
            read=recognise_all,
        )
    for note in prepared.notes:
        screen.note(note)
    counts = prepared.counts
    if counts.bad:
        screen.note(f"left out: {counts.bad}, listed in {shown_name(failures)}")
    screen.say(
        f"prepared {counted(counts.pictures, 'picture')} with {counted(counts.masks, 'mask')} in "
        f"{counted(len(prepared.sets), 'set')} in {shown_name(flags.out)}"
    )
    return 0


def _look(flags: LookFlags) -> int:
    """Draw random pictures with their masks on one sheet, to see what was read.

    [bold]Example[/bold]
      anymask data look data/train --out sheet.png
    """
    if not 1 <= flags.number <= 200:
        raise ConfigError(f"--number must be 1 to 200, got {flags.number}", hint="use 24")
    if flags.out.suffix.lower() != ".png":
        raise ConfigError(f"--out {shown_name(flags.out)}: is not a .png file", hint="use .png")
    if flags.out.exists() and not flags.overwrite:
        raise ConfigError(f"--out {shown_name(flags.out)}: exists", hint="add --overwrite")

    import io

    from anymask.data.contact_sheet import contact_sheet

    screen = make_screen()
    layouts = _layouts(flags.data, "DIR")
    with _counted(screen, "pictures found") as advance:
        samples = _drawn(layouts, flags.number, flags.seed, advance)
    if not samples:
        raise ConfigError(
            f"{', '.join(map(shown_name, flags.data))}: holds no picture that opens",
            hint="see why with anymask data check",
        )
    buffer = io.BytesIO()
    contact_sheet(samples).save(buffer, "PNG")
    write_bytes(flags.out, buffer.getvalue())
    screen.say(f"wrote {shown_name(flags.out)}: {len(samples)} pictures")
    return 0


def _layouts(paths: Sequence[Path], flag: str) -> "list[SetLayout]":
    """Recognise what was named; a wrong name is wrong use."""
    from anymask.data.layouts import recognise_all

    try:
        return [layout for path in paths for layout in recognise_all(path)]
    except DataError as error:
        raise ConfigError(f"{flag} {error.message}", hint=error.hint) from error


def _checked(layouts: "Sequence[SetLayout]", advance: Callable[[int], None]) -> "list[CheckedSet]":
    from anymask.data.doctor import check_set
    from anymask.data.prepare import distinct_names
    from anymask.data.readers.naming import set_name_of

    names = distinct_names([set_name_of(layout.path) for layout in layouts])
    return [
        check_set(name, layout.kind, layout.read(), lambda: advance(1))
        for name, layout in zip(names, layouts, strict=True)
    ]


def _drawn(
    layouts: "Sequence[SetLayout]", number: int, seed: int, advance: Callable[[int], None]
) -> "list[OpenedSample]":
    """Draw pictures evenly at random while they come by; only those drawn are kept."""
    import numpy as np

    from anymask.data.opening import OpenedSample, open_sample
    from anymask.data.sample_record import AnnotatedFile

    rng = np.random.default_rng(seed)
    kept: list[tuple[int, AnnotatedFile]] = []
    seen = 0
    for layout in layouts:
        for found in layout.read():
            advance(1)
            if not isinstance(found, AnnotatedFile):
                continue
            place = seen if seen < number else int(rng.integers(seen + 1))
            seen += 1
            if place < len(kept):
                kept[place] = (seen, found)
            elif place < number:
                kept.append((seen, found))
    opened = [open_sample(found) for _, found in sorted(kept, key=lambda pair: pair[0])]
    return [sample for sample in opened if isinstance(sample, OpenedSample)]


@contextmanager
def _counted(screen: Screen, what: str) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how many are done; how many there are is not known before."""
    if not screen.err.is_terminal:
        yield lambda _number: None
        return
    done = 0
    with screen.err.status(what) as status:

        def advance(number: int) -> None:
            nonlocal done
            done += number
            status.update(f"{done} {what}")

        yield advance


def _print_sets(screen: Screen, sets: "Sequence[CheckedSet]") -> None:
    table = Table(box=None, padding=(0, 1))
    for title in ("set", "layout", "pictures", "masks", "a picture", "bad", "sizes"):
        table.add_column(title, justify="left" if title in ("set", "layout", "sizes") else "right")
    for row in map(_facts, sets):
        sizes = "–" if row["smallest"] is None else f"{row['smallest']} to {row['largest']}"
        cells = [
            row[key] for key in ("set", "layout", "pictures", "masks", "masks_a_picture", "bad")
        ]
        table.add_row(*map(str, cells), sizes)
    screen.out.print(table, soft_wrap=False)
    pictures = sum(len(checked.pictures) for checked in sets)
    masks = sum(len(picture.areas_px) for checked in sets for picture in checked.pictures)
    screen.say(
        f"{counted(pictures, 'picture')} with {counted(masks, 'mask')} in "
        f"{counted(len(sets), 'set')}"
    )


def _facts(checked: "CheckedSet") -> dict[str, object]:
    """Give the numbers of a set."""
    sizes = sorted((p.size_hw for p in checked.pictures), key=lambda hw: (hw[0] * hw[1], hw))
    masks = sum(len(picture.areas_px) for picture in checked.pictures)
    return {
        "set": checked.name,
        "layout": checked.kind,
        "pictures": len(checked.pictures),
        "masks": masks,
        "masks_a_picture": round(masks / max(1, len(checked.pictures)), 1),
        "bad": len(checked.bad),
        "smallest": f"{sizes[0][1]}x{sizes[0][0]}" if sizes else None,
        "largest": f"{sizes[-1][1]}x{sizes[-1][0]}" if sizes else None,
    }


def _print_findings(screen: Screen, findings: "Sequence[Finding]") -> None:
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(f"{finding.code}/{finding.message}", []).append(finding)
    for group in groups.values():
        largest_first = sorted(group, key=lambda finding: -finding.count)
        first, count = largest_first[0], sum(finding.count for finding in group)
        colour = "bold red" if first.level == "error" else "yellow"
        screen.say()
        head = Text.assemble((f"{first.level}: ", colour), f"{count} {first.message}")
        screen.say(head.append(_where(largest_first)))
        for example in first.examples:
            screen.say(f"  {example}")
        if count > len(first.examples) > 0:
            screen.say(f"  … and {count - len(first.examples)} more")
        screen.say(Text.assemble(("  to do: ", "bold"), first.hint))


def _print_end(screen: Screen, findings: "Sequence[Finding]", num_others: int) -> None:
    """Say what was looked for and not found."""
    screen.say()
    if num_others and not any(finding.code == "leakage" for finding in findings):
        screen.say(f"none of the {num_others} pictures of --against is among them")
    unusable = sum(finding.count for finding in findings if finding.level == "error")
    if not findings:
        screen.say("nothing is wrong")
    elif not unusable:
        screen.say("every sample can be used; the warnings are for you to judge")
    else:
        screen.say(f"{unusable} faults must be mended before this data is used")


def _where(findings: "Sequence[Finding]") -> str:
    """Name the sets, those with most first."""
    named = [f"{finding.set_name} ({finding.count})" for finding in findings if finding.set_name]
    if not named:
        return ""
    more = f" and {len(named) - SETS_SHOWN} more sets" if len(named) > SETS_SHOWN else ""
    return f", in {', '.join(named[:SETS_SHOWN])}{more}"


def _write_records(
    screen: Screen, sets: "Sequence[CheckedSet]", findings: "Sequence[Finding]"
) -> None:
    for checked in sets:
        screen.write(json.dumps({"record": "set", **_facts(checked)}))
    for finding in findings:
        record = asdict(finding)
        screen.write(json.dumps({"record": "finding", "set": record.pop("set_name"), **record}))


data_app.command("check")(with_flags(_check))
data_app.command("pack")(with_flags(_pack))
data_app.command("look")(with_flags(_look))


@data_app.callback()
def _group() -> None:
    """Check, look at and prepare annotated pictures.

    [bold]Example[/bold]
      anymask data check data/train
    """
