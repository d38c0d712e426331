"""What the commands about networks and approaches do."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from harness import competition as competitions
from harness.commands import pipeline_of
from harness.console import console
from harness.errors import UserError, nearest
from harness.workspace import Workspace


def run_inspect(workspace: Workspace, options: Namespace) -> None:
    """Print the layers of a backbone, of a network, or of what a recipe trains or taps."""
    from harness import backend, networks
    from harness.backbones import BACKBONES, find
    from harness.report import layers

    name, recipe = options.name, options.recipe
    if competitions.canonical(name) in competitions.names(workspace):
        pipeline = pipeline_of(workspace, Namespace(competition=name))
        recipe = recipe or pipeline.default
        pipeline.choose([recipe])
        backend.start(seed=0)
        model = pipeline.recipes[recipe].architecture(lambda: len(pipeline.dataset.classes))
        if model is None:
            raise UserError(
                f"{recipe} is a {type(pipeline.recipes[recipe]).__name__}, which has no network of its own.",
                f"harness inspect {name} RECIPE (harness list {name} names them)",
            )
    elif name in BACKBONES:
        backend.start(seed=0)
        model = find(name).network(weights=False)
    elif name in networks.NETWORKS:
        smallest = networks.smallest(name)
        side = options.size or max(32, smallest)
        if side < smallest:
            raise UserError(
                f"{name} takes images of at least {smallest}×{smallest}. Received: --size {side}",
                f"harness inspect {name}",
            )
        backend.start(seed=0)
        model = networks.build(name, side, side, 3, 10)
    else:
        known = [*BACKBONES, *networks.NETWORKS, *competitions.names(workspace)]
        what = f"{name!r} is no backbone, network or competition. {nearest(name, known)}"
        raise UserError(what, f"harness inspect {next(iter(BACKBONES))}")
    layers.show(model, console())


def run_advise(workspace: Workspace, options: Namespace) -> None:
    """Measure how much data there is and how like ImageNet it looks; name the approach and the recipes for it."""
    import numpy as np

    from harness import advise
    from harness.report import advice

    pipeline = pipeline_of(workspace, options)
    pipeline.choose([*pipeline.recipes])
    labels = pipeline.dataset.labels[pipeline.dataset.rows("train")]
    per_class = float(np.median(np.bincount(labels)))
    advice.show(pipeline.competition.name, per_class, advise.probe(pipeline.dataset), pipeline.recipes, console())


def run_find_rate(workspace: Workspace, options: Namespace) -> None:
    """Raise the learning rate step by step on the first fold, and say where the loss falls."""
    from harness.dealing import dealt
    from harness.recipes.trained import Trained
    from harness.training import finder

    pipeline = pipeline_of(workspace, options)
    recipe = pipeline.choose([options.recipe])[options.recipe]
    if not isinstance(recipe, Trained):
        raise UserError(
            f"{options.recipe} is a {type(recipe).__name__}, which has no learning rate.",
            "name a recipe that trains a network",
        )
    pipeline.perform({options.recipe: recipe}, only=("folds", "images"))
    caches = {wanted: pipeline.open_cache(wanted) for wanted in recipe.inputs()}
    run = pipeline.run_of(options.recipe)
    fold = next(
        dealt(run.folder, run.name, recipe, pipeline.dataset, pipeline.folds, caches, pipeline.competition.mirror)
    )
    found = finder.find(recipe, fold)
    out = console()
    out.print(f"suggested: --set learning_rate={found.suggested:.2g} (the recipe has {recipe.learning_rate:g})")
    out.print(f"plot: {workspace.shown(fold.folder / 'learning-rates.png')}")


def run_reproduce(workspace: Workspace, options: Namespace) -> None:
    """Run rows of the published experiments, renew the page of results, and say how it went with each."""
    from rich.table import Table

    from harness.published import ROWS
    from harness.reproduce import FAILED, LEFT_OUT, RAN, reproduce

    rows = [row for row in ROWS if not options.only or row.number in options.only]
    found = reproduce(workspace, rows, options.smoke)
    table = Table("row", "competition", "recipe", "", box=None, pad_edge=False)
    table.add_column(overflow="fold")
    for outcome in found:
        row, told = outcome.row, outcome.told
        state = "smoke: runs" if outcome.state == RAN and options.smoke else outcome.state
        table.add_row(str(row.number), row.competition, row.recipe, state, told)
    out = console()
    out.print(table)
    if not options.smoke:
        run_results(workspace, options)
    failed = [str(outcome.row.number) for outcome in found if outcome.state == FAILED]
    left_out = [str(outcome.row.number) for outcome in found if outcome.state == LEFT_OUT]
    if failed or (options.only and left_out):
        raise UserError(
            f"these rows did not run: {', '.join(failed + left_out)}.",
            "do what the table says of each, then run the same command: what is done is kept",
        )


def run_results(workspace: Workspace, options: Namespace) -> None:
    """Renew the page of results from the runs that there are."""
    from harness.reproduce import write_page

    console().print(f"results: {workspace.shown(write_page(workspace))}")


def run_augment_demo(workspace: Workspace, options: Namespace) -> None:
    """Draw an image as a recipe's network sees it in training, many times over."""
    from harness import backend
    from harness.data import images
    from harness.recipes.trained import Trained
    from harness.report import sheet

    if options.competition is None:  # the augmentation published for flowers
        options.competition, options.recipe = "flowers17", "minivggnet_augmented"
    pipeline = pipeline_of(workspace, options)
    name = options.recipe or pipeline.default
    recipe, mend = pipeline.choose([name])[name], f"name a network: harness list {pipeline.competition.name}"
    if not isinstance(recipe, Trained):
        raise UserError(f"{name} is a {type(recipe).__name__}, which augments nothing.", mend)
    file, path = options.image, options.out or Path(f"{options.image.stem}-augmented.png")
    if path.suffix.lower() != ".png":
        raise UserError(f"the sheet is a PNG. Received: {path}", f"-o {path.with_suffix('.png')}")
    try:
        image = images.load(file.read_bytes(), recipe.images.geometry)
    except (FileNotFoundError, IsADirectoryError, images.UnreadableError) as reason:
        why = reason if isinstance(reason, images.UnreadableError) else "there is no such file"
        raise UserError(
            f"{file} cannot be shown: {why}.", "give a picture: make augment-demo IMAGE=photo.jpg"
        ) from None
    backend.start(recipe.seed)
    from harness.training.sheet import views

    shown = views(recipe, image[None], image.mean(axis=(0, 1)), 16, recipe.seed)
    if shown is None:
        raise UserError(f"{name} trains on images as they are: it augments nothing.", mend)
    sheet.draw(shown, path, 4)
    console().print(f"{path}: the image as {name} sees it (framed), and 15 times augmented")
