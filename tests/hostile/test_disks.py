"""Full disks and paths of the wrong kind: told in words, with nothing half written."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.models import linear
from harness.scoring import predictions
from tests.conftest import CHECKOUT

WRITE = """
import sys, numpy as np
from pathlib import Path
from harness.models import linear
from harness.scoring.predictions import Predictions, write
from harness.utils.files import out_of_space
ids = tuple(map(str, range(500)))
table = Predictions(ids, ("a", "b"), np.full((500, 2), 0.5, np.float32))
model = linear.Model(*np.zeros((2, 300), np.float32), np.zeros((300, 2), np.float32), np.zeros(2, np.float32), 1.0)
folder, codes = Path(sys.argv[1]), set()
for writing in (
    lambda: write(folder / "predictions.h5", "key", {"holdout": table}),
    lambda: linear.write(folder / "models.h5", [model]),
):
    try:
        writing()
        codes.add(0)
    except OSError as error:
        codes.add(2 if out_of_space(error) else 1)
sys.exit(max(codes) if len(codes) == 1 else 3)
"""


@pytest.mark.parametrize("size", [0, 100, 1000, 4096, 8000, 1 << 20])
def test_predictions_and_models_are_written_whole_or_not_at_all_on_a_full_disk(tmp_path: Path, size: int):
    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    file = tmp_path / "predictions.h5"
    command = [sys.executable, "-B", "-c", WRITE, str(tmp_path)]
    ended = subprocess.run(command, cwd=CHECKOUT, preexec_fn=fill, capture_output=True, text=True, check=False)
    fits = size == 1 << 20
    assert ended.returncode == (0 if fits else 2), ended.stderr
    assert (predictions.read(file, "key") is not None) == fits
    assert sorted(path.name for path in tmp_path.iterdir()) == (["models.h5", "predictions.h5"] if fits else [])
    assert not fits or linear.read(tmp_path / "models.h5")[0].c == 1


def test_a_folder_where_a_file_belongs_is_no_bug_of_ours(insects, harness):
    (insects.data("insects") / "dataset.csv").mkdir(parents=True)
    answer = harness("prepare", "insects")
    assert answer.code == 2 and "dataset.csv" in answer.err
