"""Submissions in every format, and what can happen to them."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable

from harness.scoring.submission_format import SubmissionFormat

FORMS = {
    "class": SubmissionFormat(),
    "number": SubmissionFormat(id_column="ImageId", value_column="Label", value="number"),
    "probability": SubmissionFormat(value="probability", positive="dog", decimals=15),
    "probabilities": SubmissionFormat(value="probabilities"),
    "top": SubmissionFormat(value="top", top=2),
    "columns": SubmissionFormat(value="columns"),
    "labels": SubmissionFormat(value="labels"),
    "quantity": SubmissionFormat(value="quantity"),
    "ordered": SubmissionFormat(value="probabilities", ordered=True, decimals=3),
    "blanks": SubmissionFormat(separator=" ", header=False),
    "tabs": SubmissionFormat(separator="\t", value="probability", positive="dog"),
    "semicolons": SubmissionFormat(separator=";", header=False, value="number", ordered=True),
}
PLAIN, ODD = ("cat", "dog", "newt"), ("a,b", 'the "dog"', "né;wt", "dog")
ODD_IDS = (
    "é",
    "train/with space.jpg",
    'it\'s "so"',
    "a,b",
    "0007",
    "-12",
    "🐕",
    "1e5",
    "x" * 200,
    "id",
    "nan",
    "a;b",
    "#1",
)
LETTERS = [*'",;\t \r\n0129.eE+-_catdognew#\\', "\0", "é", "\ufeff", "\u2028", "１", "\x85"]

Rows = list[list[str]]
Mutation = Callable[[random.Random, Rows, SubmissionFormat], None]


def drawn(draw: random.Random, form: SubmissionFormat) -> tuple[tuple[str, ...], tuple[str, ...], Rows]:
    """Ids, classes, and the lines of a right submission for them."""
    classes = PLAIN if form.value in ("top", "labels") or draw.random() < 0.6 else ODD
    if form.value == "quantity":
        classes = ("quantity",)
    odd = draw.sample(ODD_IDS, draw.randint(0, 4))
    ids = [*odd, *(f"{number}.jpg" for number in range(draw.randint(3, 14)))]
    draw.shuffle(ids)
    rows = [[name, *_cells(draw, form, classes)] for name in ids]
    if not form.ordered:
        draw.shuffle(rows)
    return tuple(ids), classes, [form.columns(classes)] * form.header + rows


def _cells(draw: random.Random, form: SubmissionFormat, classes: tuple[str, ...]) -> list[str]:
    if form.value == "probability":
        return [draw.choice([f"{draw.random():.6f}", "0", "1", "0.5", "1e-7", ".25", "1.0", "+0.5", "0.5000000001"])]
    if form.value == "probabilities":
        parts = [draw.randint(0, 5) for _ in classes]
        parts[draw.randrange(len(parts))] += 1
        cells = [f"{part / sum(parts):.{form.decimals}f}" for part in parts]
        return cells if draw.random() < 0.9 else ["1", *["0"] * (len(classes) - 1)]
    if form.value == "number":
        return [str(draw.randrange(len(classes)))]
    if form.value == "columns":
        return [draw.choice(["0", "1", "0.5", "0.25", "1e-3", f"{draw.random():.6f}"]) for _ in classes]
    if form.value == "quantity":
        return [draw.choice(["0", "-3", "1e5", "2.5", f"{draw.gauss(0, 100):.6f}"])]
    if form.value == "labels":
        return [" ".join(draw.sample(classes, draw.randint(1, len(classes))))]
    if form.value == "top":
        return [" ".join(draw.sample(classes, draw.randint(1, form.top)))]
    return [draw.choice(classes)]


def text_of(draw: random.Random, rows: Rows, form: SubmissionFormat) -> str:
    """The lines as a CSV of one of the usual styles."""
    stream = io.StringIO()
    quoting = draw.choice([csv.QUOTE_MINIMAL] * 3 + [csv.QUOTE_ALL])
    end = draw.choice(["\n"] * 3 + ["\r\n"])
    csv.writer(stream, delimiter=form.separator, lineterminator=end, quoting=quoting).writerows(rows)
    text = stream.getvalue()
    return text.removesuffix(end) if draw.random() < 0.1 else text


def _place(draw: random.Random, rows: Rows) -> list[str]:
    return draw.choice(rows)


def _drop(draw: random.Random, rows: Rows, form: SubmissionFormat) -> None:
    del rows[draw.randrange(len(rows))]


def _again(draw: random.Random, rows: Rows, form: SubmissionFormat) -> None:
    rows.insert(draw.randrange(len(rows) + 1), [*draw.choice(rows)])


def _swap(draw: random.Random, rows: Rows, form: SubmissionFormat) -> None:
    one, other = (draw.randrange(len(rows)) for _ in range(2))
    rows[one], rows[other] = rows[other], rows[one]


def _rename(draw: random.Random, rows: Rows, form: SubmissionFormat) -> None:
    row = _place(draw, rows)
    name = row[0] or "x"
    row[0] = draw.choice([name + " ", " " + name, name.upper(), name[:-1], name + ".0", "", "none", name.lstrip("0")])


def _revalue(draw: random.Random, rows: Rows, form: SubmissionFormat) -> None:
    row = _place(draw, rows)
    cell = draw.randrange(1, len(row)) if len(row) > 1 else 0
    values = ["", "Cat", "cat ", "bird", "0.5", "1", "2", "7", "-1", "1.5", "nan", "inf", "-inf", "1e400", "1e-400"]
    values += [
        "0x1",
        "1_0",
        "１",
        "1,5",
        "cat dog newt",
        "cat cat",
        "None",
        "True",
        "-0.0",
        "1e3",
        "cat,dog",
        " 1",
        "0",
    ]
    row[cell] = draw.choice(values)


def _zeros(draw: random.Random, rows: Rows, form: SubmissionFormat) -> None:
    row = _place(draw, rows)
    row[1:] = ["0"] * (len(row) - 1)


def _widen(draw: random.Random, rows: Rows, form: SubmissionFormat) -> None:
    _place(draw, rows).append(draw.choice(["", "0", "x"]))


def _narrow(draw: random.Random, rows: Rows, form: SubmissionFormat) -> None:
    _place(draw, rows).pop()


def _header(draw: random.Random, rows: Rows, form: SubmissionFormat) -> None:
    first = [*rows[0]]
    kind = draw.randrange(4)
    if kind == 0:
        rows.insert(0, first)
    elif kind == 1:
        rows[0] = [cell.upper() for cell in first]
    elif kind == 2:
        rows[0] = first[::-1]
    else:
        rows.insert(0, ["id", "label"])


def _constant(draw: random.Random, rows: Rows, form: SubmissionFormat) -> None:
    body = rows[form.header :]
    for row in body:
        row[1:] = body[0][1:]


ON_ROWS: list[Mutation] = [
    _drop, _again, _swap, _rename, _revalue, _revalue, _zeros, _widen, _narrow, _header, _constant,
]  # fmt: skip


def on_text(draw: random.Random, text: str) -> str:
    """A letter more, less or other; a piece twice, gone, or the end of it cut off; lines that are blank."""
    kind, at = draw.randrange(9), draw.randrange(len(text) + 1)
    some = draw.randint(1, 30)
    if kind == 0:
        return text[:at] + draw.choice(LETTERS) + text[at:]
    if kind == 1:
        return text[:at] + text[at + 1 :]
    if kind == 2:
        return text[:at] + draw.choice(LETTERS) + text[at + 1 :]
    if kind == 3:
        return text[:at] + text[at : at + some] + text[at:]
    if kind == 4:
        return text[:at] + text[at + some :]
    if kind == 5:
        return text[:at]
    if kind == 6:
        return text + draw.choice(["\n", "\n\n", "\r\n", " \n", '"', "\0", "#"])
    if kind == 7:
        return "\n" + text
    return text.replace(draw.choice([",", "\n", '"', ".", "\r"]), draw.choice([";", "\r\n", "'", ",", "\n"]))


def on_bytes(draw: random.Random, text: str) -> bytes:
    """Another encoding, or a byte changed."""
    kind = draw.randrange(5)
    if kind == 0:
        return text.encode("utf-16")
    if kind == 1:
        return text.encode("latin-1", errors="replace")
    if kind == 2:
        return text.encode("utf-8-sig")
    content = bytearray(text.encode())
    if content:
        content[draw.randrange(len(content))] = draw.randrange(256)
    return bytes(content)


def mutated(draw: random.Random, form: SubmissionFormat, rows: Rows) -> bytes:
    """A file that something happened to, once or several times; one in eight is left as it is."""
    rows = [[*row] for row in rows]
    kinds = draw.choice([(0, 0, 0), (1, 0, 0), (1, 0, 0), (2, 0, 0), (0, 1, 0), (0, 2, 0), (1, 1, 0), (0, 0, 1)])
    for _ in range(kinds[0]):
        draw.choice(ON_ROWS)(draw, rows, form)
        if not rows:
            break
    text = text_of(draw, rows, form)
    for _ in range(kinds[1]):
        text = on_text(draw, text)
    return on_bytes(draw, text) if kinds[2] else text.encode("utf-8", errors="surrogatepass")
