"""What ``harness new`` asks on a terminal."""

from __future__ import annotations

import io
import sys
from argparse import Namespace

import pytest

from harness.cli.new import run_new
from harness.utils.errors import UserError
from tests.conftest import draw


@pytest.mark.parametrize(
    ("answer", "chosen"), [("2\n", "size"), ("1\n", "colour"), ("\n", None), ("7\n", None), ("x\n", None), ("", None)]
)
def test_new_asks_on_a_terminal_what_the_files_do_not_say(
    workspace, tmp_path, save, monkeypatch, capsys, answer, chosen
):
    for number in range(6):
        save(tmp_path / "files" / "train" / f"{number}.png", draw(number % 2, number))
    lines = [f"{number},{number % 2},{number % 3}" for number in range(6)]
    (tmp_path / "files" / "train.csv").write_text("\n".join(["id,colour,size", *lines]))
    if chosen == "size":
        (workspace.root / "Makefile").touch()
    stream = io.StringIO(answer)
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", stream)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    options = Namespace(name="toys", source=tmp_path / "files", metric=None, label=None, path=None, group=None)
    options.holdout = options.targets = options.kaggle = None
    if chosen is None:
        with pytest.raises(UserError, match=r"which column of train.csv holds the labels: colour, size"):
            run_new(workspace, options)
        assert not workspace.competition("toys").exists()
    else:
        run_new(workspace, options)
        assert f'label="{chosen}"' in (workspace.competition("toys") / "competition.py").read_text()
    told = capsys.readouterr()
    assert "  1  colour\n  2  size\nWhich one?" in told.err
    if chosen:  # from a folder that is not the workspace
        assert f"made {workspace.competition('toys')}/ (" in told.out.replace("\n", "")
        command = f"make -C {workspace.root} submit COMP=toys" if chosen == "size" else "harness submit toys"
        assert f"next: {command}" in told.out.replace("\n", " ")
