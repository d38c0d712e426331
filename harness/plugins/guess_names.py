"""Classes in the names of files: ``train/cat.0.jpg``, ``train/dog.0.jpg``."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from harness.data.readers import ClassInName
from harness.data.readers.reader import file_name, images_below, natural, stem
from harness.plugins.guess_folders import TRAIN_NAMES
from harness.plugins.guessed import Guess
from harness.plugins.sample import only_sample, samples_in
from harness.utils.errors import some

NAMED = re.compile(r"([^.]+)\.\d+\.[A-Za-z]+")
# Fewer images of a class than this are rather numbered by something else than a class.
FEWEST = 2


def of_names(folder: Path) -> Guess | None:
    """Training images that are all called by a class and a number; None if they are not."""
    parts = {path.name: path.name.lower() for path in folder.iterdir() if path.is_dir()}
    trains = [name for name, plain in parts.items() if plain in TRAIN_NAMES]
    if len(trains) != 1:
        return None
    (train,) = trains
    found = [NAMED.fullmatch(file_name(path)) for path in images_below(folder, train)]
    counts = Counter(match[1] for match in found if match)
    classes = tuple(sorted(counts, key=natural))
    if counts.total() < len(found) or len(classes) < 2 or min(counts.values()) < FEWEST:
        return None
    tests = tuple(sorted(name for name, plain in parts.items() if plain.startswith("test")))
    ids = {stem(path) for part in tests for path in images_below(folder, part)}
    sample = only_sample(folder)
    sample = sample if sample and set(sample.ids) == ids else None
    said = [
        f"labels: the names of the files in {train}/ before their first dot: {some([*classes])}",
        f"test rows: {', '.join(f'{name}/' for name in tests) or 'none'}",
    ]
    unused = [] if sample else samples_in(folder)[:1]
    said += [f"not used: {file.name}, for it lists other ids" for file in unused]
    reader = ClassInName(classes=classes, train=train, tests=tests or ClassInName.tests)
    return Guess(reader, folder, said, sample=sample)
