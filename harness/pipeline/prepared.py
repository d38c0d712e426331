"""What is prepared of a competition before anything is trained, and what it is made from: table, folds and caches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.cluster.jobs import Workers
from harness.competition import Competition
from harness.data.cache import build
from harness.data.cache.cache import Cache, Input
from harness.data.dataset import Dataset
from harness.data.folds import Folds, KFold
from harness.data.image_table import ImageTable
from harness.data.locating import locate
from harness.data.splits import TRAIN
from harness.data.splitting import SplitError
from harness.scoring.metrics import METRICS
from harness.utils import fingerprint as fp
from harness.utils.as_python import as_python
from harness.utils.errors import UserError, some
from harness.utils.files import lock, read_json, shown_path, write_json
from harness.utils.versions import versions
from harness.utils.workspace import Workspace


@dataclass(frozen=True)
class Options:
    """What a command may change about a run.

    Args:
        data: the organiser's files, where they are not where they were.
        assignments: ``key=value`` settings.
        smoke: shrink every recipe to see that it works.
        compressed: build image caches in the form for small disks.
        folds: a CSV of folds to use in place of the competition's own.
        allow_leak: use those folds even if they separate identical images.
        from_epoch: have networks go on from the checkpoint after this epoch of the run without ``assignments``.
        workers: where folds and chunks of features are made; None makes them in this process.
    """

    data: Path | None = None
    assignments: list[str] = field(default_factory=list)
    smoke: bool = False
    compressed: bool = False
    folds: Path | None = None
    allow_leak: bool = False
    from_epoch: int | None = None
    workers: Workers | None = None


class Prepared:
    """The data of one competition, each part made when it is asked for.

    Args:
        workspace: where things are kept.
        competition: which.
        options: what this command changes.
    """

    def __init__(self, workspace: Workspace, competition: Competition, options: Options) -> None:
        self.workspace, self.competition, self.options = workspace, competition, options
        self.leaks: list[tuple[str, str]] = []  # identical images that the given folds separate

    # The organiser's files and the table made of them.

    @cached_property
    def source(self) -> tuple[Any, Path]:
        """The reader and the folder: given, remembered, or ``data/<name>/raw``."""
        name = self.competition.name
        remembered = read_json(self.workspace.data(name) / "source.json", sealed=False) or {}
        known = remembered.get("folder")
        folder = self.options.data or (Path(known) if isinstance(known, str) else self.workspace.raw(name))
        if self.options.data is not None and not any(reader.on_disk for reader in self.competition.readers):
            raise UserError(f"{name} reads no files. {self.competition.obtain}", "leave --data out")
        unpack_to = self.workspace.data(name) / "unpacked"
        return locate(self.competition.readers, folder.expanduser().resolve(), unpack_to, name, self.competition.obtain)

    @cached_property
    def dataset(self) -> Dataset:
        table = self._table
        with lock(table.file, "the table of images"), self.told_where("holdout"):
            dataset = table.load_or_read()
            METRICS[self.competition.metric].check(dataset.classes)
            self.competition.submission.check(dataset.classes)
            self._check_positive(dataset.classes)
            if self.options.data is not None:
                write_json(table.file.with_name("source.json"), {"folder": str(table.folder)})
        return dataset

    @property
    def _table(self) -> ImageTable:
        declared = self.competition
        file = self.workspace.data(declared.name) / "dataset.csv"
        return ImageTable(*self.source, file, declared.holdout, declared.group, declared.targets, declared.window)

    @contextmanager
    def told_where(self, setting: str) -> Iterator[None]:
        """Have what says that rows cannot be split name the file and the setting that ask for it.

        Args:
            setting: "folds" or "holdout".
        """
        try:
            yield
        except SplitError as error:
            asked = f"{setting}={as_python(getattr(self.competition, setting))}"
            raise UserError(f"{self.declaration}: {asked}: {error.what}", error.fix) from None

    @property
    def declaration(self) -> str:
        """The competition's file, for messages."""
        return shown_path(self.competition.folder / "competition.py")

    def _check_positive(self, classes: tuple[str, ...]) -> None:
        """Refuse a CSV of one class's probabilities where the metric judges those of the other."""
        form, metric = self.competition.submission, METRICS[self.competition.metric]
        if metric.name == "probabilistic_f1" and form.value == "probability" and form.positive != classes[1]:
            raise UserError(
                f"{metric.title} judges the probabilities of {classes[1]!r}, and the CSV holds those of "
                f"{form.positive!r}.",
                f"targets=Ordinal(order=({classes[1]!r}, {form.positive!r})) in the competition's competition.py",
            )

    def known_dataset(self) -> Dataset | None:
        """The data set if its kept table is up to date; reads no image."""
        if "dataset" in self.__dict__:
            return self.dataset
        return self._table.load()

    # Folds.

    @cached_property
    def folds_key(self) -> str:
        made_from: str | KFold = self.competition.folds
        if self.given_folds is not None and self.options.folds is not None:
            made_from = hashlib.blake2b(self.options.folds.read_bytes()).hexdigest()
        code = fp.competitor_code(made_from)
        return fp.fingerprint(
            folds=made_from,
            dataset=self.dataset.fingerprint,
            steps=versions("folds"),
            **({"code": code} if code else {}),
            **({"big_groups": "passed over"} if self._is_filled_again(made_from) else {}),
        )

    def _is_filled_again(self, folds: str | KFold) -> bool:
        if not isinstance(folds, KFold):
            return False
        rows = self.dataset.rows(TRAIN)
        strata = self.dataset.targets.strata(self.dataset.labels[rows])
        return folds.filled_again(strata, self.dataset.groups[rows], self.dataset.grouped)

    @cached_property
    def given_folds(self) -> Folds | None:
        """The folds of the file given in place of the competition's own; None without one.

        Raises:
            UserError: the file does not fit the data, or separates copies of an image and that was not allowed.
        """
        file = self.options.folds
        if file is None:
            return None
        rows = self.dataset.rows(TRAIN)
        folds = Folds.read(file, self.dataset.ids_of(rows))
        self.leaks = folds.leaks(self.dataset.groups[rows])
        if self.leaks and not self.options.allow_leak:
            pairs = [f"{first} = {second}" for first, second in self.leaks]
            raise UserError(
                f"{file} separates {len(self.leaks):,} pairs of identical images: {some(pairs, 3)}. One of each pair "
                "would be trained on and the other validated, so the out-of-fold score would be too good.",
                "give the images of a pair the same fold, or add --allow-leak, which the run's record will say",
            )
        return folds

    @property
    def folds_file(self) -> Path:
        return self.workspace.data(self.competition.name) / f"folds-{self.folds_key[:8]}.csv"

    @cached_property
    def folds(self) -> Folds:
        return Folds.read(self.folds_file, self.dataset.ids_of(self.dataset.rows(TRAIN)))

    # Caches of images and features.

    def cache_file(self, input: Input) -> Path:
        return input.path(self.workspace.cache(self.competition.name), input.key(self.dataset))

    def open_cache(self, input: Input, fill: build.Fill | None = None) -> Cache:
        """A cache, built first where that is needed; ``fill`` computes its rows in place of ``input.fill``."""
        return build.open_or_build(
            self.cache_file(input), input, self.dataset, self.competition.unreadable, self.options.compressed, fill
        )
