"""A competition with its data, its recipes and its runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.finished_run import FinishedRun
from harness.api.paths import AnyPath, expanded
from harness.competition import Competition
from harness.pipeline.graph import Pipeline
from harness.pipeline.prepared import Options
from harness.plugins import loading
from harness.runs.records import records
from harness.scoring.predictions import Predictions
from harness.scoring.score import Score, score_file
from harness.utils.console import doing, say
from harness.utils.errors import UserError, some
from harness.utils.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

    from harness.data.dataset import Dataset
    from harness.kaggle.kernel import Writer
    from harness.models.adversarial import Likeness
    from harness.runs.difference import Difference


class LoadedCompetition:
    """A competition with its data, its recipes and its runs. ``load`` makes one.

    Args:
        workspace: where things are kept.
        name: the competition.
        options: what differs from its declaration.
    """

    def __init__(self, workspace: Workspace, name: str, options: Options | None = None) -> None:
        self.workspace, self.options = workspace, options or Options()
        self.declaration: Competition = loading.load(workspace, name)
        self.pipeline = Pipeline(workspace, self.declaration, self.options)

    @property
    def name(self) -> str:
        return self.declaration.name

    @property
    def recipes(self) -> tuple[str, ...]:
        """The recipes' names; the default one is ``default_recipe``."""
        return tuple(self.pipeline.artifacts.recipes)

    @property
    def default_recipe(self) -> str:
        return self.pipeline.artifacts.default

    @property
    def images(self) -> pd.DataFrame:
        """The table of images: id, label (None where there is none), split, group, path.

        Example:
            >>> competition.images.groupby(["split", "label"]).size()  # doctest: +SKIP
        """
        import pandas as pd

        dataset = self.pipeline.artifacts.dataset
        known = dataset.targets.is_labelled(dataset.labels)
        names = [
            dataset.targets.words(label, dataset.classes) if is_known else None
            for label, is_known in zip(dataset.labels, known, strict=True)
        ]
        return pd.DataFrame(
            {
                "id": dataset.ids,
                "label": pd.Series(names, dtype="object"),
                "split": dataset.splits.astype(object),
                "group": dataset.groups,
                "path": dataset.sources,
            }
        )

    def train(self, recipe: str | None = None, **settings: Any) -> FinishedRun:
        """Run a recipe, with what it needs, and write its submission; what is up to date is kept.

        Args:
            recipe: its name; None takes the default one.
            settings: as ``--set`` takes them: ``epochs=20`` changes every recipe that has the setting.

        Raises:
            UserError: no such recipe or setting, a value that makes no sense, or data that is missing.

        Example:
            >>> run = competition.train("lite0", c=0.01)  # doctest: +SKIP
        """
        changes = [f"{name}={_plain(value)!r}" for name, value in settings.items()]
        options = replace(self.options, assignments=[*self.options.assignments, *changes])
        pipeline = Pipeline(self.workspace, self.declaration, options)
        name = recipe or pipeline.artifacts.default
        chosen = pipeline.artifacts.choose([name])
        pipeline.perform(chosen, submit=name if pipeline.artifacts.has_submission else None)
        return FinishedRun(pipeline, name)

    def predict(self, run: str, images: AnyPath) -> Predictions:
        """Probabilities for new images by a finished run: with its geometry, folds, views and members; trains nothing.

        Args:
            run: a recipe, of which the latest run is meant; or a run, such as "minivggnet/a8fb0ff4".
            images: a folder of images, one image, or a CSV with the columns ``path`` and, if wanted, ``id``.

        Raises:
            UserError: there is no such run, it keeps no model, or there are no images.

        Example:
            >>> competition.predict("blend", "~/new-images").to_frame()  # doctest: +SKIP
        """
        import tempfile

        from harness.data.given_images import given_images
        from harness.runs import predict
        from harness.runs.records import find

        record = find(self.workspace.runs(self.name), run)
        declared = self.declaration
        classes = predict.classes_of(record)
        dataset = given_images(Path(images).expanduser(), classes, declared.targets, declared.window)
        folder = self.workspace.data(self.name)
        folder.mkdir(parents=True, exist_ok=True)  # runs may be here without their data
        with tempfile.TemporaryDirectory(prefix="predict-", dir=folder) as scratch:
            return predict.Predictor(dataset, self._kinds(), Path(scratch)).predict(record)

    def export(self, run: str, to: AnyPath) -> None:
        """Write a folder that predicts as a finished run does, without this package: ``python predict.py IMAGES``.

        Args:
            run: as in ``predict``.
            to: a new folder.

        Raises:
            UserError: there is no such run, it keeps no model, it cannot be exported, or the folder is not empty.

        Example:
            >>> competition.export("blend", "~/digits-model")  # doctest: +SKIP
        """
        from harness.runs.export import export
        from harness.runs.records import find

        record = find(self.workspace.runs(self.name), run)
        export(self.declaration, record, self._kinds(), Path(to).expanduser())

    def kernel(self, run: str, to: AnyPath, *, owner: str | None = None, gpu: bool = False) -> Path:
        """Write a finished run as a Kaggle kernel: a dataset of its models, and a notebook that needs no internet.

        Args:
            run: as in ``predict``.
            to: a new folder.
            owner: your name on Kaggle, which is part of the addresses.
            gpu: ask for a GPU.

        Raises:
            UserError: as ``export``; or it is unknown where the competition's hidden test images lie.

        Example:
            >>> competition.kernel("blend", "~/pets-kernel", owner="ann")  # doctest: +SKIP
        """
        from harness.kaggle.kernel import NOBODY
        from harness.runs.records import find

        record = find(self.workspace.runs(self.name), run)
        return self.kernel_writer(owner or NOBODY, gpu).write(record, Path(to).expanduser()).folder

    def kernel_writer(self, owner: str, gpu: bool) -> Writer:
        """What writes the kernels of this competition."""
        from harness.kaggle.kernel import Writer

        return Writer(self.declaration, self._kinds(), self.pipeline.artifacts.dataset, owner, gpu)

    def _kinds(self) -> dict[str, Any]:
        """The classes of recipes by name: the harness's, and those of the competition."""
        return self.pipeline.artifacts.kinds()

    def report(self, run: str | None = None) -> Path:
        """Write a finished run's page, one HTML file that needs nothing else; give its path.

        Args:
            run: as in ``predict``; None for the competition's page, with all runs.

        Raises:
            UserError: there is no such run, or its images are not there any more.

        Example:
            >>> competition.report("blend")  # doctest: +SKIP
        """
        from harness.kaggle.board import board
        from harness.report import page
        from harness.runs.comparison import of_metric
        from harness.runs.page_contents import contents
        from harness.runs.records import find
        from harness.utils.files import lock, read_json, write_text

        self.rescore()
        if run is None:
            return self._report_of_all()
        (record,) = of_metric([find(self.workspace.runs(self.name), run)], self.declaration.metric)
        file, likeness = record.folder / "report.html", self.likeness()
        with doing(f"drawing the page of {record.recipe}"):
            about = contents(
                record,
                self.pipeline.artifacts.dataset,
                self.workspace.cache(self.name),
                likeness,
                read_json(self.workspace.data(self.name) / "check.json"),
            )
            text = page.render(self.declaration, record, about, board(self.workspace, self.declaration))
        with lock(file, "the page"):
            write_text(file, text)
        return file

    def _report_of_all(self) -> Path:
        from harness.kaggle.board import board
        from harness.report import competition_page
        from harness.runs import page_likeness
        from harness.runs.comparison import changes, of_metric
        from harness.utils.files import lock, write_text

        dataset, folder = self.pipeline.artifacts.dataset, self.workspace.runs(self.name)
        rows = competition_page.with_pages(self.compare("out_of_fold"), folder)
        if not any(row["out_of_fold"] is not None for row in rows):
            raise UserError(f"{self.name} has no finished runs by its metric.", f"harness train {self.name}")
        counts = ", ".join(f"{count:,} {split}" for split, count in dataset.counts().items())
        likeness = self.likeness()
        with doing("drawing the page of all runs"):
            text = competition_page.render(
                self.declaration,
                rows,
                changes(of_metric(records(folder), self.declaration.metric), dataset),
                board(self.workspace, self.declaration),
                f"Images: {counts}; {self.declaration.targets.asked(dataset.classes)}.",
                likeness,
                page_likeness.pictures(likeness, dataset),
            )
        file = folder / "report.html"
        with lock(file, "the page"):
            write_text(file, text)
        return file

    def rescore(self) -> None:
        """Score the finished runs again that an older version scored, so that each score has one interval everywhere.

        While the data is not known, it is told how many wait for that.
        """
        from harness.runs import scores

        dataset, runs, metric = self._known_dataset(), self.workspace.runs(self.name), self.declaration.metric
        if dataset is not None:
            scores.renew(runs, metric, dataset)
        elif waiting := scores.waiting(runs, metric):
            names = some([f"{folder.parent.name}/{folder.name[:8]}" for folder, _ in waiting], 3)
            say(f"To be scored again, once the data is read (harness prepare {self.name}): {names}.")

    def _known_dataset(self) -> Dataset | None:
        """The data set, if it was read and is still there; else what is kept is shown as it is."""
        try:
            return self.pipeline.artifacts.known_dataset()
        except UserError:
            return None

    def compare(self, sort: str = "finished", gains: bool = True) -> list[dict[str, Any]]:
        """The finished runs side by side, a dict each; see ``harness.runs.comparison.compared``.

        Args:
            sort: "finished" (the latest last), "recipe", "out_of_fold" or "holdout" (the best first).
            gains: measure what each gains over the best run, which takes a moment.

        Example:
            >>> competition.compare("holdout")[0]["recipe"]  # doctest: +SKIP
        """
        from harness.pipeline.run_state import state
        from harness.runs.comparison import compared, gains_over_best, of_metric
        from harness.scoring.metrics import METRICS

        artifacts = self.pipeline.artifacts
        self.rescore()
        finished = of_metric(records(self.workspace.runs(self.name)), self.declaration.metric)
        metric, dataset = METRICS[self.declaration.metric], self._known_dataset()
        caches = self.workspace.cache(self.name)
        if dataset is None:
            return compared(finished, artifacts.recipes, sort, metric.higher_is_better, caches=caches)
        kinds, measured = self._kinds(), gains_over_best(finished, dataset) if gains else None
        return compared(
            finished,
            artifacts.recipes,
            sort,
            metric.higher_is_better,
            measured,
            lambda one: state(one, artifacts, kinds),
            caches=caches,
        )

    def diff(self, before: str, after: str) -> Difference:
        """What differs between two finished runs: settings, versions, classes, and the gain of ``after``.

        Args:
            before, after: as in ``predict``.

        Example:
            >>> competition.diff("lite0", "lite2").gains["out_of_fold"].verdict  # doctest: +SKIP
        """
        from harness.runs.comparison import of_metric
        from harness.runs.difference import difference
        from harness.runs.records import find

        self.rescore()
        folder = self.workspace.runs(self.name)
        first, second = of_metric([find(folder, before), find(folder, after)], self.declaration.metric)
        return difference(first, second, self.pipeline.artifacts.dataset)

    def likeness(self) -> Likeness | None:
        """How like the test images are to the labelled ones, by kept features (adversarial validation).

        Where there is no test, the hold-out is compared with the training images. None where no features are kept yet.

        Example:
            >>> competition.likeness().auc  # doctest: +SKIP
        """
        from harness.models import adversarial

        artifacts = self.pipeline.artifacts
        features = artifacts.cached_features()
        if features is None:
            return None
        file = self.workspace.data(self.name) / "likeness.h5"
        made_from = adversarial.key(features, artifacts.dataset)
        return adversarial.load_or_compare(
            file, made_from, str(features), lambda: artifacts.open_cache(features), artifacts.dataset
        )

    def score(self, file: AnyPath, answers: AnyPath | None = None) -> Score:
        """The local score of a submission CSV; see ``harness.score``."""
        from harness.kaggle.board import board
        from harness.scoring.metrics import METRICS

        return score_file(
            Path(file).expanduser(),
            self.declaration.submission,
            METRICS[self.declaration.metric],
            self.pipeline.artifacts.dataset,
            board(self.workspace, self.declaration),
            expanded(answers),
        )


def _plain(value: Any) -> Any:
    """NumPy's numbers, alone or in lists, as Python's."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return type(value)(map(_plain, value)) if isinstance(value, list | tuple) else value
