"""A competition with its data, its recipes and its runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.finished_run import FinishedRun
from harness.api.given import AnyPath, expanded, name_of, path_of
from harness.competition import Competition
from harness.pipeline.graph import Pipeline
from harness.pipeline.prepared import Options
from harness.pipeline.rescoring import known_dataset, rescore
from harness.plugins import loading
from harness.runs.orders import ORDERS, ordered
from harness.runs.records import Record, find, records
from harness.scoring.metrics import METRICS
from harness.scoring.predictions import Predictions
from harness.scoring.score import Score, score_file
from harness.utils.errors import UserError, nearest
from harness.utils.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

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
        self.declaration: Competition = loading.load(workspace, name_of(name, "competition"))
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
        return pd.DataFrame(
            {
                "id": dataset.ids,
                "label": pd.Series(dataset.words(), dtype="object"),
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
        name = name_of(recipe or pipeline.artifacts.default, "recipe")
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

        record = self._record(run)
        declared = self.declaration
        classes = predict.classes_of(record)
        dataset = given_images(path_of(images), classes, declared.targets, declared.window)
        folder = self.workspace.data(self.name)
        folder.mkdir(parents=True, exist_ok=True)  # runs may be here without their data
        with tempfile.TemporaryDirectory(prefix="predict-", dir=folder) as scratch:
            return predict.Predictor(dataset, self.pipeline.artifacts.kinds(), Path(scratch)).predict(record)

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

        export(self.declaration, self._record(run), self.pipeline.artifacts.kinds(), path_of(to))

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

        return self.kernel_writer(owner or NOBODY, gpu).write(self._record(run), path_of(to)).folder

    def kernel_writer(self, owner: str, gpu: bool) -> Writer:
        """What writes the kernels of this competition."""
        from harness.kaggle.kernel import Writer
        from harness.kaggle.preflight import require_slug

        require_slug(self.declaration)
        return Writer(self.declaration, self.pipeline.artifacts.kinds(), self.pipeline.artifacts.dataset, owner, gpu)

    def report(self, run: str | None = None) -> Path:
        """Write a finished run's page, one HTML file that needs nothing else; give its path.

        Args:
            run: as in ``predict``; None for the competition's page, with all runs.

        Raises:
            UserError: there is no such run, or its images are not there any more.

        Example:
            >>> competition.report("blend")  # doctest: +SKIP
        """
        from harness.api.pages import page_of_all, page_of_run

        rescore(self.pipeline.artifacts)
        if run is None:
            return page_of_all(self.pipeline, self.compare("out_of_fold"), self.likeness())
        return page_of_run(self.pipeline, self._record(run), self.likeness())

    def compare(self, sort: str = "finished", gains: bool = True) -> list[dict[str, Any]]:
        """The finished runs side by side, a dict each; see ``harness.runs.comparison.compared``.

        Args:
            sort: "finished" (the latest last), "recipe", "out_of_fold" or "holdout" (the best first).
            gains: measure what each gains over the best run, which takes a moment.

        Raises:
            UserError: no such sort.

        Example:
            >>> competition.compare("holdout")[0]["recipe"]  # doctest: +SKIP
        """
        from harness.pipeline.run_state import state
        from harness.runs.comparison import compared, gains_over_best, of_metric

        if sort not in ORDERS:
            raise UserError(f"there is no sort {sort!r}. {nearest(sort, [*ORDERS])}", "give one of these")
        artifacts = self.pipeline.artifacts
        rescore(artifacts)
        finished = of_metric(records(self.workspace.runs(self.name)), self.declaration.metric)
        higher, dataset = METRICS[self.declaration.metric].higher_is_better, known_dataset(artifacts)
        kinds, caches = artifacts.kinds(), self.workspace.cache(self.name)
        measured = gains_over_best(finished, dataset) if gains and dataset is not None else {}

        def state_of(record: Record) -> str:
            return "" if dataset is None else state(record, artifacts, kinds)

        return ordered(compared(finished, artifacts.recipes, higher, measured, state_of, caches), sort, higher)

    def diff(self, before: str, after: str) -> Difference:
        """What differs between two finished runs: settings, versions, classes, and the gain of ``after``.

        Args:
            before, after: as in ``predict``.

        Example:
            >>> competition.diff("lite0", "lite2").gains["out_of_fold"].verdict  # doctest: +SKIP
        """
        from harness.runs.comparison import of_metric
        from harness.runs.difference import difference

        rescore(self.pipeline.artifacts)
        first, second = of_metric([self._record(before), self._record(after)], self.declaration.metric)
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

    def _record(self, run: str) -> Record:
        return find(self.workspace.runs(self.name), name_of(run, "run"))

    def score(self, file: AnyPath, answers: AnyPath | None = None) -> Score:
        """The local score of a submission CSV; see ``harness.score``."""
        from harness.kaggle.board import board

        return score_file(
            path_of(file),
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
