"""What makes a fingerprint change, and what does not."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.readers import ClassFolders
from harness.utils import fingerprint as fp
from tests.conftest import CHECKOUT

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=8,
)


@dataclass(frozen=True)
class Settings:
    size: tuple[int, int]
    rate: float = 0.1


@dataclass(frozen=True)
class Others:
    size: tuple[int, int]
    rate: float = 0.1


@given(st.dictionaries(st.sampled_from(["one", "two", "three"]), VALUES, min_size=1))
def test_the_order_of_the_parts_makes_no_difference(parts):
    backwards = dict(reversed(parts.items()))
    assert fp.fingerprint(**parts) == fp.fingerprint(**backwards)


@pytest.mark.parametrize(
    "other",
    [
        {"made": Settings((8, 9)), "seed": 1},
        {"made": Settings((8, 8), 0.2), "seed": 1},
        {"made": Others((8, 8)), "seed": 1},
        {"made": Settings((8, 8)), "seed": "1"},
        {"made": Settings((8, 8)), "seed": 1.0},
        {"made": Settings((8, 8)), "seed": None},
        {"made": Settings((8, 8))},
        {"made": [Settings((8, 8))], "seed": 1},
    ],
)
def test_any_difference_in_any_part_changes_it(other):
    assert fp.fingerprint(**other) != fp.fingerprint(made=Settings((8, 8)), seed=1)


def test_what_is_no_plain_value_is_refused():
    with pytest.raises(TypeError, match="JSON values and dataclasses"):
        fp.fingerprint(made=object())


def test_another_process_gets_the_same(tmp_path: Path):
    line = "from harness.utils import fingerprint as fp; print(fp.fingerprint(a='ü', b=[1, 2.5]))"
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT), "PYTHONHASHSEED": "7"}
    found = subprocess.check_output([sys.executable, "-c", line], cwd=tmp_path, env=environment, text=True).strip()
    assert found == fp.fingerprint(b=[1, 2.5], a="ü")


BEFORE = '''
"""A module."""


class Thing:
    """A thing."""

    def double(self, x):
        """Twice."""
        return 2 * x  # simple
'''


def code_of(folder: Path, text: str, helper: str = "") -> str:
    """The code hash of the class ``Thing``, written in a folder of its own with a second module beside it."""
    folder.mkdir()
    (folder / "thing.py").write_text(text)
    (folder / "helper.py").write_text(helper)
    name = f"thing_in_{folder.name}"
    spec = importlib.util.spec_from_file_location(name, folder / "thing.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        return fp.competitor_code(module.Thing)
    finally:
        del sys.modules[name]


def test_comments_docstrings_and_layout_make_no_difference_and_code_does(tmp_path: Path):
    before = code_of(tmp_path / "before", BEFORE)
    retold = BEFORE.replace("A thing.", "Another story.").replace("# simple", "").replace("2 * x", "(2 *   x)")
    assert code_of(tmp_path / "retold", retold) == before
    assert code_of(tmp_path / "changed", BEFORE.replace("2 * x", "3 * x")) != before
    assert code_of(tmp_path / "grown", BEFORE + "\n    factor = 2\n") != before


def test_every_module_of_the_folder_counts(tmp_path: Path):
    before = code_of(tmp_path / "before", BEFORE, "FACTOR = 2\n")
    assert code_of(tmp_path / "retold", BEFORE, "# two\nFACTOR = 2\n") == before
    assert code_of(tmp_path / "changed", BEFORE, "FACTOR = 3\n") != before


def test_a_class_of_the_harness_has_no_code_of_a_competitor(tmp_path: Path):
    assert fp.competitor_code(ClassFolders) == ""
    derived = "from harness.data.readers.class_folders import ClassFolders\n\n\nclass Thing(ClassFolders):\n    pass\n"
    assert code_of(tmp_path / "derived", derived) != ""


def test_fields_at_their_default_leave_a_key_as_it_is():
    @dataclass(frozen=True)
    class Grown:
        size: tuple[int, int]
        rate: float = 0.1
        added: str = "as before"

    Grown.__name__ = Settings.__name__
    assert fp.fingerprint(made=Grown((8, 8))) == fp.fingerprint(made=Settings((8, 8)))
    assert fp.fingerprint(made=Grown((8, 8), added="new")) != fp.fingerprint(made=Settings((8, 8)))


def test_a_default_may_change_and_keys_stay():
    @dataclass(frozen=True)
    class Changed:
        size: tuple[int, int]
        rate: float = field(default=0.2, metadata={"left_out": 0.1})

    Changed.__name__ = Settings.__name__
    assert fp.fingerprint(made=Changed((8, 8), rate=0.1)) == fp.fingerprint(made=Settings((8, 8)))
    assert fp.fingerprint(made=Changed((8, 8))) == fp.fingerprint(made=Settings((8, 8), rate=0.2))
