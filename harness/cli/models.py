"""The commands about networks and approaches."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from harness.cli.arguments import Commands, add_competition, add_data, add_settings
from harness.cli.session import pipeline_of
from harness.utils.console import console
from harness.utils.errors import UserError, nearest
from harness.utils.workspace import Workspace


def add_commands(commands: Commands) -> None:
    command = commands.add(
        "inspect",
        run_inspect,
        "the layers of a backbone, a network or a recipe: indexes, names, shapes, parameters",
        "harness inspect efficientnet-lite0\n"
        "  harness inspect minivggnet --size 64\n"
        "  harness inspect digits minivggnet",
    )
    command.add_argument("name", metavar="NAME", help="a backbone, a network, or the competition of a recipe")
    command.add_argument(
        "recipe", metavar="RECIPE", nargs="?", help="its recipe (default: the competition's default one)"
    )
    command.add_argument(
        "--size",
        type=int,
        metavar="SIDE",
        help="for a network: the images' height and width (default: 32, or the least it takes); others have their own",
    )

    command = commands.add(
        "advise",
        run_advise,
        "which approach suits the data: how much there is, how like ImageNet it looks",
        "harness advise flowers17 --data ~/flowers17",
    )
    add_competition(command)
    add_data(command)

    command = commands.add(
        "augment-demo",
        run_augment_demo,
        "a sheet of one image as a recipe augments it in training, without mixup and cutmix",
        "harness augment-demo photo.jpg\n  harness augment-demo photo.jpg cifar10 wideresnet",
    )
    command.add_argument("image", metavar="IMAGE", type=Path, help="a picture")
    command.add_argument("competition", metavar="COMP", nargs="?", help="a folder of competitions/")
    command.add_argument(
        "recipe",
        metavar="RECIPE",
        nargs="?",
        help="a network of COMP (default: its default recipe; without COMP, what was published for flowers)",
    )
    command.add_argument("-o", "--out", type=Path, metavar="FILE", help="the PNG (default: IMAGE-augmented.png, here)")
    add_settings(command)


def run_inspect(workspace: Workspace, options: Namespace) -> None:
    """Print the layers of a backbone, of a network, or of what a recipe trains or taps."""
    from harness.models import keras_backend, networks
    from harness.models.backbones import BACKBONES, find
    from harness.plugins import loading
    from harness.report import layers

    name, recipe = options.name, options.recipe
    if loading.canonical(name) in loading.names(workspace):
        pipeline = pipeline_of(workspace, Namespace(competition=name))
        recipe = recipe or pipeline.artifacts.default
        pipeline.artifacts.choose([recipe])
        keras_backend.start(seed=0)
        model = pipeline.artifacts.recipes[recipe].architecture(lambda: len(pipeline.artifacts.dataset.classes))
        if model is None:
            raise UserError(
                f"{recipe} is a {type(pipeline.artifacts.recipes[recipe]).__name__}, which has no network of its own.",
                f"harness inspect {name} RECIPE (harness list {name} names them)",
            )
    elif name in BACKBONES:
        keras_backend.start(seed=0)
        model = find(name).network(weights=False)
    elif name in networks.NETWORKS:
        smallest = networks.smallest(name)
        side = options.size or max(32, smallest)
        if side < smallest:
            raise UserError(
                f"{name} takes images of at least {smallest}×{smallest}. Received: --size {side}",
                f"harness inspect {name}",
            )
        keras_backend.start(seed=0)
        model = networks.build(name, side, side, 3, 10)
    else:
        known = [*BACKBONES, *networks.NETWORKS, *loading.names(workspace)]
        what = f"{name!r} is no backbone, network or competition. {nearest(name, known)}"
        raise UserError(what, f"harness inspect {next(iter(BACKBONES))}; a recipe: harness inspect COMP RECIPE")
    layers.show(model, console())


def run_advise(workspace: Workspace, options: Namespace) -> None:
    """Measure how much data there is and how like ImageNet it looks; name the approach and the recipes for it."""
    import numpy as np

    from harness.models.backbones import probe
    from harness.report import advice

    pipeline = pipeline_of(workspace, options)
    pipeline.artifacts.choose([*pipeline.artifacts.recipes])
    targets = pipeline.competition.targets
    if targets.link != "softmax":
        raise UserError(
            f"harness advise compares images of classes, and the targets of {pipeline.competition.name} are "
            f"{targets.name}.",
            f"start with features of a pretrained network: harness train {pipeline.competition.name} lite0",
        )
    labels = pipeline.artifacts.dataset.labels[pipeline.artifacts.dataset.rows("train")]
    per_class = float(np.median(np.bincount(labels)))
    advice.show(
        pipeline.competition.name,
        per_class,
        probe.probe(pipeline.artifacts.dataset),
        pipeline.artifacts.recipes,
        console(),
    )


def run_augment_demo(workspace: Workspace, options: Namespace) -> None:
    """Draw an image as a recipe's network sees it in training, many times over."""
    from harness.data import complaints, images
    from harness.models import keras_backend
    from harness.plugins import loading
    from harness.recipes.trained import Trained
    from harness.training import image_grid

    give = "give a picture: harness augment-demo photo.jpg"
    if not options.image.is_file():
        raise UserError(f"{options.image} cannot be shown: there is no such file.", give)
    if options.competition is None:  # the augmentation published for flowers
        options.competition, options.recipe = "flowers17", "minivggnet_augmented"
        if options.competition not in loading.names(workspace):
            names = " or ".join(loading.names(workspace)) or "a competition"
            raise UserError(
                f"the default, {options.recipe} of {options.competition}, is not in {workspace.competitions}.",
                f"name a competition whose recipe is shown, {names}: harness augment-demo {options.image} COMP",
            )
    pipeline = pipeline_of(workspace, options)
    name = options.recipe or pipeline.artifacts.default
    recipe, fix = pipeline.artifacts.choose([name])[name], f"name a network: harness list {pipeline.competition.name}"
    if not isinstance(recipe, Trained):
        raise UserError(f"{name} is a {type(recipe).__name__}, which augments nothing.", fix)
    file, path = options.image, options.out or Path(f"{options.image.stem}-augmented.png")
    if path.suffix.lower() != ".png":
        raise UserError(f"the sheet is a PNG. Received: {path}", f"-o {path.with_suffix('.png')}")
    try:
        with complaints.of(str(file)):
            image = images.load(file.read_bytes(), recipe.images.geometry)
    except images.UnreadableError as reason:
        raise UserError(f"{file} cannot be shown: {reason}.", give) from None
    keras_backend.start(recipe.seed)
    from harness.training.augmentation_preview import views

    shown = views(recipe, image[None], image.mean(axis=(0, 1)), 16, recipe.seed)
    if shown is None:
        raise UserError(f"{name} trains on images as they are: it augments nothing.", fix)
    image_grid.draw(shown, path, 4)
    console().print(f"{path}: the image as {name} sees it (framed), and 15 times augmented")
