"""What files are called never reaches the terminal as an order to it."""

from __future__ import annotations

from rich.table import Table

from harness.utils.console import console, printable, say

WIPE = "a\x1b[2J\x9b31m\x07\rb\u202ec"


def test_orders_are_shown_and_letters_stay(capsys):
    table = Table("name", box=None)
    table.add_row(WIPE)
    console().print(table)
    console().print(WIPE)
    say(WIPE)
    written = "".join(capsys.readouterr())
    assert not {"\x1b", "\x9b", "\x07", "\r", "\u202e"} & set(written)
    assert "a\\x1b[2J" in written and printable("é 犬\t\n") == "é 犬\t\n"


def test_an_error_about_a_file_is_printable(harness):
    answer = harness("new", "pets", "--from", WIPE)
    assert answer.code == 2 and "\x1b" not in answer.err and "\\x1b[2J" in answer.err
