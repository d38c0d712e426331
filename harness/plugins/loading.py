"""Finding and loading the competitions in ``competitions/``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from harness.competition import Competition
from harness.plugins import declared, modules, trust
from harness.recipes.recipe import Recipe
from harness.utils import fingerprint as fp
from harness.utils.errors import UserError, nearest
from harness.utils.workspace import Workspace

FILES = ("competition.py", "recipes.py", "leaderboard.csv", "README.md")


@dataclass(frozen=True)
class Broken:
    """A competition folder that could not be loaded, and why."""

    name: str
    reason: str


def canonical(name: str) -> str:
    """Folder form of a name: hyphens and underscores mean the same."""
    return name.strip().strip("/").replace("-", "_")


def names(workspace: Workspace) -> list[str]:
    """Every competition folder, whether or not it loads."""
    if not workspace.competitions.is_dir():
        return []
    return sorted(entry.name for entry in workspace.competitions.iterdir() if _is_competition(entry))


def _is_competition(folder: Path) -> bool:
    return (folder / "competition.py").is_file() and not folder.name.startswith(".")  # half-made ones are hidden


def load(workspace: Workspace, name: str) -> Competition:
    """The competition called ``name``.

    Raises:
        UserError: no folder of that name (the nearest are named), a workspace that is not trusted, or a mistake in
            its file.
    """
    folder_name = canonical(name)
    if folder_name not in names(workspace):
        raise UserError(
            f"there is no competition {name!r} in {workspace.competitions}. {nearest(folder_name, names(workspace))}",
            "harness list",
        )
    trust.require(workspace)
    folder = workspace.competition(folder_name)
    modules.forget(folder)
    fp.note_code(folder)
    given = getattr(modules.execute(folder / "competition.py"), "competition", None)
    if not isinstance(given, Competition):
        raise UserError(
            f"{folder / 'competition.py'} must assign a Competition to the name `competition`. Received: {given!r}",
            "compare with competitions/digits/competition.py",
        )
    declared.check(folder / "competition.py", given)
    competition = dataclasses.replace(given, name=folder_name, folder=folder)
    _validate(competition)
    return competition


def load_all(workspace: Workspace) -> list[Competition | Broken]:
    """Every competition; one with a mistake in it is listed as broken and spoils no other.

    Raises:
        UserError: the workspace is not trusted.
    """
    competitions: list[Competition | Broken] = []
    found = names(workspace)
    if found:
        trust.require(workspace)
    for name in found:
        try:
            competitions.append(load(workspace, name))
        except UserError as error:
            competitions.append(Broken(name, error.what))
    return competitions


def recipes(competition: Competition) -> tuple[dict[str, Recipe], str]:
    """The competition's recipes by name, and the name of its default one.

    In ``recipes.py`` every function marked ``@recipe`` is one, called by its name; ``default`` is one of them.
    """
    from harness.recipes.recipe import is_recipe
    from harness.recipes.seeds import lookup

    path = competition.folder / "recipes.py"
    if not path.is_file():
        raise UserError(f"{competition.folder} has no recipes.py.", "compare with competitions/digits/recipes.py")
    if fp.is_outdated(*competition.readers, competition.folds, competition.holdout):
        raise UserError(f"the code in {competition.folder} was changed since it was loaded.", "load it again")
    if fp.is_code_changed(competition.folder):
        modules.forget(competition.folder)
        fp.note_code(competition.folder)
    module = modules.execute(path)
    by_name: dict[str, Recipe] = {}
    for name, function in vars(module).items():
        if is_recipe(function) and function.__name__ == name:  # `default` is a second name of one of them
            try:
                made = function()
            except (Exception, SystemExit) as error:
                raise UserError(modules.where(path, error), f"correct the recipe {name!r} in {path}") from error
            by_name[name] = declared.check_recipe(path, name, made)
            declared.check_space(path, name, by_name[name], getattr(function, "space", ""))
    default = getattr(module, "default", None)
    default_name = getattr(default, "__name__", None)
    if default_name not in by_name:
        raise UserError(f"{path} must end in `default = <one of its recipes>`. Received: {default!r}", f"edit {path}")
    for name, recipe in by_name.items():
        for member in recipe.members:
            if lookup(by_name, member) is None:
                raise UserError(
                    f"the recipe {name!r} in {path} names a member {member!r} that is not there. "
                    + nearest(member, list(by_name)),
                    f"edit {path}",
                )
    return by_name, default_name


def space(competition: Competition, name: str) -> str:
    """What a recipe declares as the space of its searches; "" where it declares none."""
    module = modules.execute(competition.folder / "recipes.py")
    return getattr(vars(module).get(name), "space", "")


def _validate(competition: Competition) -> None:
    from harness.scoring.metrics import METRICS

    def refuse(what: str) -> None:
        path = competition.folder / "competition.py"
        raise UserError(f"{path}: {what}", f"edit {path}")

    if competition.metric not in METRICS:
        refuse(f"metric must be one of {', '.join(METRICS)}. Received: metric={competition.metric!r}")
    if not competition.readers:
        refuse("readers must name at least one layout. Received: readers=()")
    form = competition.submission
    targets = competition.targets
    if form.value not in targets.values:
        refuse(f"submission's value must be one of {', '.join(targets.values)}. Received: value={form.value!r}")
    if form.value == "probability" and form.positive is None:
        refuse("submission's positive must name the class whose probability it holds. Received: positive=None")
    metric = METRICS[competition.metric]
    if targets.name not in metric.judged:
        fitting = [name for name, each in METRICS.items() if targets.name in each.judged]
        refuse(
            f"{metric.title} does not judge {targets.name} targets; metric must be one of {', '.join(fitting)}. "
            f"Received: metric={competition.metric!r}, targets={targets}"
        )
    if form.value in ("class", "number", "top", "labels") and metric.judges in ("probabilities", "order"):
        refuse(f"{metric.title} judges more than classes, and the submission's value={form.value!r} holds only these")
    if not form.list_separator:
        refuse("submission's list_separator must be some text. Received: list_separator=''")
    if form.top < 1:
        refuse(f"submission's top must be 1 or more. Received: top={form.top!r}")
    if competition.group not in ("exact", "near"):
        refuse(f"group must be 'exact' or 'near'. Received: group={competition.group!r}")
    if competition.unreadable < 0:
        refuse(f"unreadable must be 0 or more. Received: unreadable={competition.unreadable!r}")
