"""Examining a submission of 300,000 rows, as many as Kaggle's CIFAR-10 asks for, in each format."""

from __future__ import annotations

import time

import numpy as np
from common import verdict

from harness.scoring import submission_csv
from harness.scoring.lint import examine
from harness.scoring.predictions import Predictions
from harness.scoring.submission_format import SubmissionFormat

ROWS, CLASSES, SECONDS = 300_000, tuple("abcdefghij"), 1.0
FORMS = {
    "class names": SubmissionFormat(),
    "class numbers": SubmissionFormat(value="number"),
    "probabilities of one class": SubmissionFormat(value="probability", positive="c", decimals=15),
}


def main() -> None:
    random = np.random.default_rng(0)
    ids = tuple(map(str, range(1, ROWS + 1)))
    predictions = Predictions(ids, CLASSES, random.dirichlet(np.ones(len(CLASSES)), ROWS).astype(np.float32))
    for name, form in FORMS.items():
        good = submission_csv.render(form, predictions)
        bad = good.replace("1\n", "?\n")
        for state, content in ((f"{name}, good", good.encode()), (f"{name}, a tenth of it bad", bad.encode())):
            took = []
            for _ in range(3):
                started = time.perf_counter()
                defects, _ = examine(form, content, ids, CLASSES)
                took.append(time.perf_counter() - started)
            assert bool(defects) == (content != good.encode())
            verdict(f"seconds for {ROWS:,} rows of {state}", sorted(took)[1], SECONDS, at_least=False)


if __name__ == "__main__":
    main()
