"""The linter: every planted defect is found, whatever else is wrong, and a good file is never blamed."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.scoring.lint import digest, examine, lint
from harness.scoring.submission_format import SubmissionFormat
from harness.utils.errors import UserError
from tests.conftest import declared, drawn

CLASSES = ("cat", "dog", "newt")
FORMS = {
    "class": SubmissionFormat(id_column="ImageId", value_column="Label"),
    "number": SubmissionFormat(value="number"),
    "probability": SubmissionFormat(value="probability", positive="dog"),
    "probabilities": SubmissionFormat(value="probabilities", ordered=True),
    "headless": SubmissionFormat(separator=" ", header=False, ordered=True),
}
ODD_IDS = ("é", "train/with space.jpg", 'it\'s "so"', "a,b", "0007", "-12", "🐕", "1e5", "x" * 200)


class File:
    """A submission while it is being made: good at first, then with defects planted.

    Args:
        form: its format.
        seed: decides ids, values and where defects go.
    """

    def __init__(self, form: SubmissionFormat, seed: int) -> None:
        self.form, self.random = form, random.Random(seed)
        count = self.random.randint(20, 30)
        odd = self.random.sample(ODD_IDS, self.random.randint(0, 3))
        self.ids = tuple(odd + [f"{number}.jpg" for number in range(count - len(odd))])
        self.header = form.columns(CLASSES)
        self.rows = [[name, *self.value(number)] for number, name in enumerate(self.ids)]
        if not form.ordered:
            self.random.shuffle(self.rows)
        self.free = [*self.rows]  # rows without a defect yet
        self.encoding = "utf-8"
        self.expected: dict[str, int] = {}

    def value(self, number: int) -> list[str]:
        label = self.random.randrange(3)
        if self.form.value == "probabilities":
            row = np.random.default_rng(number).dirichlet(np.ones(3))
            return [f"{cell:.6f}" for cell in row]
        if self.form.value == "probability":
            return [self.random.choice([f"{self.random.random():.6f}", "1", "0", "1e-7", ".5", "+0.25"])]
        return [str(label) if self.form.value == "number" else CLASSES[label]]

    def some_rows(self) -> list[list[str]]:
        taken = [self.free.pop(self.random.randrange(len(self.free))) for _ in range(self.random.randint(1, 2))]
        return [row for row in self.rows if any(row is one for one in taken)]

    def expect(self, kind: str, count: int) -> None:
        self.expected[kind] = self.expected.get(kind, 0) + count

    def content(self) -> bytes:
        text = io.StringIO()
        end = self.random.choice(["\n", "\r\n"])
        quoting = self.random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
        table = csv.writer(text, delimiter=self.form.separator, lineterminator=end, quoting=quoting)
        table.writerows([self.header, *self.rows] if self.form.header else self.rows)
        return text.getvalue().encode(self.encoding)

    def found(self) -> dict[str, str]:
        defects, predictions = examine(self.form, self.content(), self.ids, CLASSES)
        assert (predictions is None) == any(defect.severity == "fatal" for defect in defects)
        assert len({defect.kind for defect in defects}) == len(defects)
        return {defect.kind: defect.text for defect in defects}


def missing(file: File) -> None:
    for row in (taken := file.some_rows()):
        file.rows = [other for other in file.rows if other is not row]
    file.expect("missing", len(taken))


def extra(file: File) -> None:
    file.rows.insert(file.random.randrange(len(file.rows)), ["nowhere.jpg", *file.value(0)])
    file.expect("extra", 1)


def duplicate(file: File) -> None:
    for row in (taken := file.some_rows()):
        file.rows.insert(next(at for at, other in enumerate(file.rows) if other is row), [*row])
    file.expect("duplicate", len(taken))


def header(file: File) -> None:
    if file.form.header:
        file.header = file.random.choice([[file.header[0].upper() + "s", *file.header[1:]], file.header[::-1], []])
        file.expect("header", 0)


def columns(file: File) -> None:
    row = file.random.choice(file.rows)
    wrong = file.random.choice([[*row, "more"], row[:-1], []])
    file.rows.insert(len(file.rows) - (not wrong), wrong)  # an empty line at the end is another thing
    file.expect("columns", 1)


def _spoil(kind: str, wrong: list[str]) -> Callable[[File], None]:
    def plant(file: File) -> None:
        for row in (taken := file.some_rows()):
            row[1] = file.random.choice(wrong)
        file.expect(kind, len(taken))

    return plant


def outside(file: File) -> None:
    if file.form.value == "probabilities":
        row = file.some_rows()[0]
        row[1:3] = ["1.5", "-0.5"]
        row[3] = "0"
        file.expect("range", 2)
    elif file.form.value == "probability":
        _spoil("range", ["1.5", "-0.1", "1e999", "2", "50"])(file)


def no_number(file: File) -> None:
    if file.form.value.startswith("probabilit"):
        _spoil("type", ["dog", "0_1", "٠.٥", "0.5 ", "50%", "0..5", "0x1p-1", "True"])(file)


def no_class(file: File) -> None:
    if file.form.value in ("class", "number"):
        _spoil("class", ["Cat", "cat ", "3", "-1", "1.0", "horse", "0.7", "٢"])(file)


def unnormalised(file: File) -> None:
    if file.form.value == "probabilities":
        for row in (taken := file.some_rows()):
            row[1:] = file.random.choice([["0.9", "0.9", "0.9"], ["0", "0", "0"], ["0.5", "0.25", "0.2"]])
        file.expect("sum", len(taken))


def order(file: File) -> None:
    if file.form.ordered:
        known = [
            at for at, row in enumerate(file.rows) if len(row) == len(file.form.columns(CLASSES)) and row[0] in file.ids
        ]
        first, last = known[0], known[-1]
        file.rows[first], file.rows[last] = file.rows[last], file.rows[first]
        file.expect("order", 0)


def formula(file: File) -> None:
    for name in ("=cmd|' /C calc'!A0", "@SUM(1+1)*cmd", "+1+1", "-2+3", '=HYPERLINK("http://x")'):
        file.rows.append([name, *file.value(0)])
    file.expect("extra", 5)
    file.expect("formula", 5)


def bom(file: File) -> None:
    file.encoding = "utf-8-sig"
    file.expect("bom", 0)


def encoding(file: File) -> None:
    if "bom" not in file.expected:
        file.encoding = "utf-16"
        file.expect("encoding", 0)


def blank(file: File) -> None:
    file.rows += [[], []]
    file.expect("blank", 2)


PLANTS = {
    "missing": missing,
    "extra": extra,
    "duplicate": duplicate,
    "header": header,
    "columns": columns,
    "nan": _spoil("nan", ["", "nan", "NaN", "NULL", "None", "inf", "-Infinity", " "]),
    "range": outside,
    "type": no_number,
    "class": no_class,
    "sum": unnormalised,
    "order": order,
    "formula": formula,
    "blank": blank,
    "bom": bom,
    "encoding": encoding,
}


# Each example is a file with from one to all kinds of defects at once, in any of the formats.
@settings(max_examples=600)
@given(
    form=st.sampled_from([*FORMS]), plants=st.sets(st.sampled_from([*PLANTS]), min_size=1), seed=st.integers(0, 2**32)
)
def test_every_planted_defect_is_found_and_counted_and_nothing_else(form, plants, seed):
    file = File(FORMS[form], seed)
    for plant in PLANTS:
        if plant in plants:
            PLANTS[plant](file)
    found = file.found()
    assert set(found) == set(file.expected)
    for kind, count in file.expected.items():
        assert not count or found[kind].startswith(f"{count:,} "), (kind, count, found[kind])


@settings(max_examples=200)
@given(form=st.sampled_from([*FORMS]), seed=st.integers(0, 2**32))
def test_a_good_file_is_never_blamed(form, seed):
    assert File(FORMS[form], seed).found() == {}


@pytest.mark.parametrize("form", [*FORMS])
def test_a_constant_prediction_is_told_and_can_still_be_read(form):
    file = File(FORMS[form], 0)
    for row in file.rows:
        row[1:] = file.rows[0][1:]
    defects, predictions = examine(file.form, file.content(), file.ids, CLASSES)
    assert [defect.kind for defect in defects] == ["constant"] and predictions is not None
    few, _ = examine(FORMS["class"], b"ImageId,Label\n1,cat\n2,cat\n", ("1", "2"), CLASSES)
    assert few == []  # two images may well be of one class


def test_a_file_sent_before_is_known_by_its_content(tmp_path: Path):
    dataset = drawn(4, splits=["train"] * 2 + ["test"] * 2)
    file = tmp_path / "x.csv"
    file.write_text("id,label\nimage 2,a\nimage 3,b\n")
    form, ids = declared().submission, dataset.ids[2:]
    assert lint(form, file, ids, dataset.classes, {}) == []
    (defect,) = lint(form, file, ids, dataset.classes, {digest(file): "on Monday"})
    assert (defect.kind, defect.severity) == ("sent", "error") and "on Monday" in defect.text
    with pytest.raises(UserError, match="no file"):
        lint(form, tmp_path / "none.csv", ids, dataset.classes, {})


@given(content=st.binary(max_size=400))
def test_any_bytes_at_all_are_examined_without_a_crash(content):
    for form in FORMS.values():
        defects, predictions = examine(form, content, ("1", "2"), CLASSES)
        assert defects and predictions is None


def test_what_a_stranger_wrote_is_shown_short_and_without_control_characters():
    evil = "\x1b[2J" + "x" * 100_000
    defects, _ = examine(FORMS["class"], f"ImageId,Label\n1,cat\n{evil},{evil}\n".encode(), ("1",), CLASSES)
    told = "\n".join(defect.text for defect in defects)
    assert len(told) < 1_000 and "\x1b" not in told


def test_a_number_of_endless_digits_takes_no_time():
    defects, _ = examine(FORMS["probability"], b"id,label\n1," + b"1" * 130_000 + b"x\n", ("1",), CLASSES)
    assert [defect.kind for defect in defects] == ["type"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('id,label\n1,cat\n2,"dog\n', "line 3: a quote is opened and never closed"),
        ('id,label\n"1,cat\n2,dog\n', "a quote is opened and never closed"),
        ('id,label\n"1"1,cat\n2,dog\n', "line 2: a quote is closed before its cell ends"),
        ('id,"label\n1,cat\n2,dog\n', "a quote is opened and never closed"),
    ],
)
def test_broken_quotes_are_told_with_their_line(text, told):
    defects, predictions = examine(SubmissionFormat(), text.encode(), ("1", "2"), CLASSES)
    assert predictions is None and told in defects[-1].text and defects[-1].severity == "fatal"


def test_a_row_of_zeros_is_told_even_where_the_tolerance_would_reach_it():
    classes = tuple(f"class {number}" for number in range(30))
    form = SubmissionFormat(value="probabilities", decimals=1)
    text = ",".join(["id", *classes]) + "\n1" + ",0.0" * 30 + "\n2,0.9" + ",0.0" * 29 + "\n"
    defects, predictions = examine(form, text.encode(), ("1", "2"), classes)
    assert [(defect.kind, defect.text[:2]) for defect in defects] == [("sum", "1 ")] and predictions is None


def test_a_file_of_many_chunks_is_examined_as_one_of_few(monkeypatch):
    file = File(FORMS["probabilities"], 3)
    for plant in ("missing", "nan", "range", "sum", "duplicate", "columns"):
        PLANTS[plant](file)
    at_once = file.found()
    monkeypatch.setattr("harness.scoring.csv_lines.CHUNK", 4)
    assert file.found() == at_once
