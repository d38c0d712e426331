"""The ``harness`` command: parse, call, print; nothing else."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from pathlib import Path

from harness import __version__
from harness.errors import UserError
from harness.published import ROWS
from harness.workspace import Workspace

OK, OUR_FAILURE, USER_MISTAKE, INTERRUPTED = 0, 1, 2, 130

EXAMPLES = """examples:
  harness list                                        competitions, their data and best scores
  harness check cifar10 --data ~/cifar10              what is in the data, and what is odd about it
  harness submit digits                               everything, from data to a scored CSV
  harness submit cifar10 --data ~/cifar10 --smoke     the same in a minute, to see that it works
  harness train cifar10 minivggnet --set epochs=20    one recipe, one setting changed
  harness status cifar10                              what is up to date, stale or missing
  harness score digits my.csv                         the hold-out score of anybody's CSV
  harness lint digits my.csv                          everything that is wrong with it
  harness leaderboard cifar10                         the known places, and your runs among them
  harness submit dogs-vs-cats --upload                the data from Kaggle, a CSV to Kaggle, its score and place
  harness reproduce --only 1 2                        published experiments, and the page of results
  harness new pets --from ~/pets                      a competition out of <class>/<image> folders

exit codes: 0 done; 2 something for you to mend; 1 a bug of ours; 130 stopped by Ctrl-C
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="harness",
        description="An image-competition harness: a folder in, a leaderboard-format CSV and an honest score out.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"harness {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, help: str, example: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=help,
            description=help,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def comp(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("competition", metavar="COMP", help="a folder of competitions/; hyphens or underscores")

    def data(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--data", type=Path, metavar="DIR", help="the organiser's files; remembered (default: data/COMP/raw)"
        )

    def folds(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--folds", type=Path, metavar="FILE", help="a CSV of folds (id,fold) to use in place of the competition's"
        )

    def settings(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--smoke", action="store_true", help="shrink every recipe to under a minute, to see that it works"
        )
        sub.add_argument(
            "--set", action="append", default=[], metavar="KEY=VALUE", dest="assignments",
            help="change a recipe's setting (RECIPE.KEY=VALUE: of one recipe only); repeatable",
        )  # fmt: skip

    sub = command("list", "the competitions, or one competition's recipes", "harness list cifar10")
    sub.add_argument("competition", metavar="COMP", nargs="?")
    sub = command("status", "what is there, what is stale, what is missing", "harness status digits")
    comp(sub)
    data(sub)
    folds(sub)
    settings(sub)
    sub = command(
        "prepare", "read the data, deal the folds, build the caches", "harness prepare cifar10 --data ~/cifar10"
    )
    comp(sub)
    data(sub)
    folds(sub)
    sub.add_argument("--compress", action="store_true", help="compress the image caches: smaller, slower to read")
    sub = command(
        "check", "examine the data: sizes, duplicates, unreadable images", "harness check cifar10 --data ~/cifar10"
    )
    comp(sub)
    data(sub)
    sub = command(
        "train", "run recipes (the default one if none is named)", "harness train cifar10 minivggnet --set epochs=20"
    )
    comp(sub)
    sub.add_argument("recipes", metavar="RECIPE", nargs="*")
    sub.add_argument(
        "--from-epoch", type=int, metavar="N",
        help="have networks go on from the checkpoint after epoch N of the run without --set, as a run of its own",
    )  # fmt: skip
    data(sub)
    folds(sub)
    settings(sub)
    sub = command(
        "find-rate",
        "the learning rate at which a network's loss falls, with a plot",
        "harness find-rate cifar10 minigooglenet",
    )
    comp(sub)
    sub.add_argument("recipe", metavar="RECIPE")
    data(sub)
    folds(sub)
    settings(sub)
    sub = command("submit", "everything up to a scored CSV", "harness submit digits")
    comp(sub)
    sub.add_argument("--recipe", metavar="RECIPE", help="the recipe to submit (default: the competition's)")
    sub.add_argument("--upload", action="store_true", help="send the CSV to Kaggle, once, and wait for its score")
    sub.add_argument("--dry-run", action="store_true", help="with --upload: show what would be sent, and send nothing")
    sub.add_argument("--message", metavar="TEXT", help="with --upload: a note for Kaggle's list (default: the run)")
    data(sub)
    folds(sub)
    settings(sub)
    sub = command("score", "score a CSV on the hold-out", "harness score digits submissions/digits/blend-0123abcd.csv")
    comp(sub)
    sub.add_argument("file", metavar="FILE", type=Path, nargs="?", help="default: the newest CSV in submissions/COMP")
    sub.add_argument(
        "--answers", type=Path, metavar="CSV", help="score on these ids and labels; rows without a label are not scored"
    )
    sub = command("lint", "everything that is wrong with a CSV", "harness lint digits my.csv")
    comp(sub)
    sub.add_argument("file", metavar="FILE", type=Path)
    sub = command("leaderboard", "the known places, and your runs among them", "harness leaderboard cifar10")
    comp(sub)
    sub.add_argument("--download", action="store_true", help="fetch Kaggle's whole leaderboard first")
    sub = command("download", "the data from Kaggle, verified and unpacked", "harness download dogs-vs-cats")
    comp(sub)
    sub = command("submissions", "what was sent to Kaggle, and its scores", "harness submissions dogs-vs-cats")
    comp(sub)
    sub = command(
        "inspect",
        "the layers of a backbone, a network or a recipe: indexes, names, shapes, parameters",
        "harness inspect efficientnet-lite0\n  harness inspect minivggnet --size 64\n  harness inspect cifar10",
    )
    sub.add_argument("name", metavar="NAME", help="a backbone, a network, or the competition of a recipe")
    sub.add_argument("recipe", metavar="RECIPE", nargs="?", help="its recipe (default: the competition's default one)")
    sub.add_argument(
        "--size", type=int, metavar="SIDE",
        help="for a network: the images' height and width (default: 32, or the least it takes); others have their own",
    )  # fmt: skip
    sub = command(
        "advise",
        "which approach suits the data: how much there is, how like ImageNet it looks",
        "harness advise flowers17 --data ~/flowers17",
    )
    comp(sub)
    data(sub)
    sub = command(
        "reproduce", "run the published experiments and renew docs/results.md", "harness reproduce --only 1 2"
    )
    sub.add_argument(
        "--only", type=int, nargs="+", metavar="ROW", default=[], choices=[row.number for row in ROWS],
        help="these rows of docs/results.md (default: all whose data is here)",
    )  # fmt: skip
    sub.add_argument(
        "--smoke", action="store_true", help="shrink every row, to see that it runs; the page stays as it is"
    )
    command("results", "renew docs/results.md from the runs that there are", "harness results")
    sub = command(
        "augment-demo",
        "a sheet of one image as a recipe augments it in training; mixing with other images is left out",
        "harness augment-demo photo.jpg\n  harness augment-demo photo.jpg cifar10 wideresnet",
    )
    sub.add_argument("image", metavar="IMAGE", type=Path)
    sub.add_argument("competition", metavar="COMP", nargs="?")
    sub.add_argument(
        "recipe", metavar="RECIPE", nargs="?",
        help="a network of COMP (default: its default recipe; without COMP, what was published for flowers)",
    )  # fmt: skip
    sub.add_argument("-o", "--out", type=Path, metavar="FILE", help="the PNG (default: IMAGE-augmented.png, here)")
    settings(sub)
    sub = command("cache", "list, verify or remove caches", "harness cache verify cifar10")
    sub.add_argument("action", choices=("ls", "verify", "rm"))
    sub.add_argument("competition", metavar="COMP", nargs="?", help="default: all")
    sub = command("new", "make a competition out of <class>/<image> folders", "harness new pets --from ~/pets")
    sub.add_argument("name", metavar="NAME")
    sub.add_argument(
        "--from",
        type=Path,
        metavar="DIR",
        required=True,
        dest="source",
        help="holds <class>/<image>, and perhaps test/",
    )
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0 done, 2 the user's mistake, 1 our failure, 130 stopped.
    """
    options = parser().parse_args(arguments)
    from harness import commands, commands_kaggle, commands_models

    name = "run_" + options.command.replace("-", "_")
    try:
        module = next(one for one in (commands, commands_kaggle, commands_models) if hasattr(one, name))
        getattr(module, name)(Workspace.find(), options)
        return OK
    except UserError as error:
        return _tell(error.what, error.mend)
    except KeyboardInterrupt:
        print("\nStopped. What was finished is kept: the same command goes on from here.", file=sys.stderr)
        if options.command == "train":
            print(
                "Another learning rate from the last checkpoint, as a run of its own: "
                f"harness train {options.competition} RECIPE --from-epoch N --set learning_rate=…",
                file=sys.stderr,
            )
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:
        from harness.files import out_of_space

        if out_of_space(error):
            return _tell(
                f"the disk is full: {error}. Nothing half-written will be used.",
                "free some room (data/*/cache and runs can be made again), then run the same command",
            )
        if isinstance(error, PermissionError):
            return _tell(f"no permission: {error}.", "change the permissions of that path, then run the same command")
        traceback.print_exc()
        print("\nThis is a bug in the harness, not your mistake: please report the lines above.", file=sys.stderr)
        return OUR_FAILURE


def _tell(what: str, mend: str | None) -> int:
    print(f"error: {what}", file=sys.stderr)
    if mend:
        print(f"  mend: {mend}", file=sys.stderr)
    return USER_MISTAKE
