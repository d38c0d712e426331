"""The commands that train."""

from __future__ import annotations

from argparse import Namespace

from harness.cli.arguments import Commands, add_competition, add_data, add_folds, add_settings, add_workers, given
from harness.cli.session import pipeline_of
from harness.cli.tables import print_scores
from harness.pipeline.selection import fitting
from harness.utils.console import console
from harness.utils.errors import UserError
from harness.utils.files import shown_path
from harness.utils.workspace import Workspace


def add_commands(commands: Commands) -> None:
    command = commands.add(
        "train",
        run_train,
        "run recipes (the default one if none is named)",
        "harness train cifar10 minivggnet --set epochs=20",
    )
    add_competition(command)
    command.add_argument(
        "recipes",
        metavar="RECIPE",
        nargs="*",
        help="recipes of COMP; net@2 is net with another seed (default: the competition's)",
    )
    command.add_argument(
        "--from-epoch",
        type=int,
        metavar="N",
        help="start a new run of networks from the checkpoint after epoch N of the run without --set",
    )
    add_data(command)
    add_folds(command)
    add_settings(command)
    add_workers(command)

    command = commands.add(
        "lr-find",
        run_lr_find,
        "suggest a learning rate for a network, with a plot of the loss",
        "harness lr-find cifar10 minigooglenet",
    )
    add_competition(command)
    command.add_argument("recipe", metavar="RECIPE", help="a network of COMP; harness list COMP shows its recipes")
    add_data(command)
    add_folds(command)
    add_settings(command)


def run_train(workspace: Workspace, options: Namespace) -> None:
    """Run recipes and print their scores."""
    from harness.recipes.trained import Trained

    pipeline = pipeline_of(workspace, options)
    chosen = pipeline.artifacts.choose(options.recipes)
    if options.from_epoch is not None and not any(isinstance(recipe, Trained) for recipe in chosen.values()):
        raise UserError(
            f"{' and '.join(chosen)} trains no network, so there is no epoch to go on from.",
            f"leave --from-epoch out, or name a network: harness list {pipeline.competition.name}",
        )
    pipeline.perform(chosen)
    print_scores(pipeline, chosen)
    smoke = " --smoke" if options.smoke else ""
    if options.from_epoch is not None or not pipeline.artifacts.has_submission:  # of which `submit` makes nothing
        last = [*chosen][-1]
        if not options.smoke:
            key = pipeline.artifacts.run_of(last).key[:8]
            console().print(f"next: harness report {pipeline.competition.name} {last}/{key}")
    else:
        recipe, artifacts = [*chosen][-1], pipeline.artifacts
        settings = fitting(pipeline.competition, artifacts.declared, [recipe], options.assignments)
        words = f"{recipe}{given(options, settings)}{smoke}"
        console().print(f"next: harness submit {pipeline.competition.name} --recipe {words}")


def run_lr_find(workspace: Workspace, options: Namespace) -> None:
    """Raise the learning rate step by step on the first fold, and say where the loss falls."""
    from harness.pipeline import precision
    from harness.recipes.trained import Trained
    from harness.training import lr_finder

    pipeline = pipeline_of(workspace, options)
    recipe = pipeline.artifacts.choose([options.recipe])[options.recipe]
    if not isinstance(recipe, Trained):
        raise UserError(
            f"{options.recipe} is a {type(recipe).__name__}, which has no learning rate.",
            "name a recipe that trains a network",
        )
    pipeline.perform({options.recipe: recipe}, only=("folds", "images"))
    precision.decide(pipeline.artifacts, [options.recipe])
    run = pipeline.artifacts.run_of(options.recipe)
    assert isinstance(run.recipe, Trained)
    recipe = run.recipe
    fold = next(pipeline.artifacts.fold_jobs(run, recipe))
    finding = lr_finder.find(recipe, fold)
    out = console()
    out.print(f"suggested: --set learning_rate={finding.suggested:.2g} (the recipe has {recipe.learning_rate:g})")
    out.print(f"plot: {shown_path(fold.folder / 'learning-rates.png')}")
