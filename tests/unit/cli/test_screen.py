import io

import pytest
from rich.console import Console

from anymask.cli.screen import Screen, make_screen


def terminal(width=80):
    return Console(
        file=io.StringIO(), force_terminal=True, width=width, soft_wrap=True, markup=False,
        highlight=False, color_system=None,
    )  # fmt: skip


def printed(console) -> str:
    return console.file.getvalue()


def test_data_and_messages_go_to_their_streams(capsys):
    screen = make_screen()
    screen.say("data")
    screen.write("{}")
    screen.note("look")
    screen.refuse("wrong", "mend it")
    screen.failed("a.png", "is empty")
    out, err = capsys.readouterr()
    assert out == "data\n{}\n"
    assert err == "note: look\nerror: wrong\nhint: mend it\nfailed: a.png: is empty\n"


def test_text_is_neither_markup_nor_wrapped(capsys):
    text = "[red]x[/red] :cat: " + "long " * 60
    make_screen().say(text)
    assert capsys.readouterr().out == f"{text}\n"


def test_beside_a_bar_on_one_terminal_lines_go_through_it():
    screen = Screen(out=terminal(), err=terminal())
    screen.say("data")
    assert (printed(screen.out), printed(screen.err)) == ("", "data\n")


def test_a_piped_line_stays_on_standard_output():
    out = Console(file=io.StringIO())
    screen = Screen(out=out, err=terminal())
    screen.say("data")
    assert (printed(out), printed(screen.err)) == ("data\n", "")


@pytest.mark.parametrize("is_shown", [True, False])
def test_a_bar_is_drawn_on_a_terminal_when_wanted(is_shown):
    screen = Screen(out=terminal(), err=terminal())
    with screen.bar(2, "counting", is_shown=is_shown) as advance:
        advance()
        advance()
    assert ("counting" in printed(screen.err)) is is_shown
    assert ("2/2" in printed(screen.err)) is is_shown


def test_no_bar_is_drawn_into_a_file(capsys):
    screen = make_screen()
    with screen.bar(1) as advance, screen.working("thinking"):
        advance()
    assert capsys.readouterr() == ("", "")
