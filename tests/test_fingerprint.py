"""What makes a fingerprint change, and what does not."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import fingerprint as fp
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
    line = "from harness import fingerprint as fp; print(fp.fingerprint(a='ü', b=[1, 2.5]), fp.code('data.images'))"
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT), "PYTHONHASHSEED": "7"}
    found = subprocess.check_output([sys.executable, "-c", line], cwd=tmp_path, env=environment, text=True).split()
    assert found == [fp.fingerprint(b=[1, 2.5], a="ü"), fp.code("data.images")]


BEFORE = '''
"""A module."""


class Thing:
    """A thing."""

    def double(self, x):
        """Twice."""
        return 2 * x  # simple
'''


def code_of(folder: Path, name: str, text: str) -> str:
    """The code hash of the class ``Thing`` in a file of this text."""
    file = folder / f"{name}.py"
    file.write_text(text)
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        return fp.code_of_class(module.Thing)
    finally:
        del sys.modules[name]


def test_comments_docstrings_and_layout_make_no_difference_and_code_does(tmp_path: Path):
    before = code_of(tmp_path, "before", BEFORE)
    retold = BEFORE.replace("A thing.", "Another story.").replace("# simple", "").replace("2 * x", "(2 *   x)")
    assert code_of(tmp_path, "retold", retold) == before
    assert code_of(tmp_path, "changed", BEFORE.replace("2 * x", "3 * x")) != before
    assert code_of(tmp_path, "grown", BEFORE + "\n    factor = 2\n") != before


def test_a_change_to_a_base_class_counts_too(tmp_path: Path):
    text = "from harness.data.readers.class_folders import ClassFolders\n\n\nclass Thing(ClassFolders):\n    pass\n"
    alone = text.replace("(ClassFolders)", "")
    assert code_of(tmp_path, "derived", text) != code_of(tmp_path, "alone", alone)
