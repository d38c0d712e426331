"""The ``harness`` command: parse, call, print; nothing else."""

from __future__ import annotations

import argparse
import errno
import os
import re
import shlex
import signal
import sys
import traceback
from typing import NoReturn

from harness import __version__
from harness.cli import data, job, kaggle, kernel, models, new, reproduce, runs, submit, train, trust, tune
from harness.cli.arguments import Commands, given
from harness.cluster.jobs import JobKilledError
from harness.utils.console import printable, watched
from harness.utils.errors import UserError, nearest
from harness.utils.files import FREE_ROOM, out_of_space
from harness.utils.signals import STOPPED, Ended, ended_by_signals
from harness.utils.workspace import Workspace

OK, OUR_FAILURE, USER_MISTAKE, INTERRUPTED = 0, 1, 2, 130
# What is wrong with a path, not with the harness.
OF_PATHS = (errno.EROFS, errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.ELOOP)

EXAMPLES = """examples:
  harness list                                        competitions, and where their data is
  harness check cifar10 --data ~/cifar10              what is in the data, and what is odd about it
  harness submit digits                               everything, from data to a scored CSV
  harness submit cifar10 --data ~/cifar10 --smoke     the same in a minute, to see that it works
  harness train cifar10 minivggnet --set epochs=20    one recipe, one setting changed
  harness tune cifar10 lite0 --space c=1e-4..1:log    search a setting; what it is worth on rows not searched on
  harness status cifar10                              what is up to date, stale or missing
  harness score digits my.csv                         the hold-out score of anybody's CSV
  harness lint digits my.csv                          everything that is wrong with it
  harness predict digits blend ~/new-images           classes and probabilities of new images, by a finished run
  harness export digits blend --to ~/digits-model     a folder that predicts by itself
  harness kernel pets blend --to ~/pets-kernel        a Kaggle notebook of it, for code competitions
  harness report digits blend                         a page of a finished run, to look at
  harness leaderboard cifar10                         the known ranks, and your runs among them
  harness submit dogs-vs-cats --upload                the data from Kaggle, a CSV to Kaggle, its score and rank
  harness reproduce --only 1 2                        published experiments, and the page of results
  harness new pets --from ~/pets                      a competition out of a folder of images

exit codes: 0 done; 2 something for you to fix; 1 a bug of ours; 130 stopped by Ctrl-C; 143 by SIGTERM
"""


class Parser(argparse.ArgumentParser):
    """Tells a mistake in the words that all errors share, and which command may have been meant."""

    def error(self, message: str) -> NoReturn:
        message = re.sub(r"invalid int value: (.*)", r"a whole number is wanted. Received: \1", message)
        wrong = re.search(r"argument COMMAND: invalid choice: '([^']*)'", message)
        if wrong is None:
            _tell(message if message.endswith(("?", ".")) else f"{message}.", f"{self.prog} --help")
        else:
            of_competition = Workspace.find().competition(wrong[1].replace("-", "_") or ".") / "competition.py"
            if of_competition.is_file():
                _tell(f"{wrong[1]} is a competition: a command comes before it.", f"harness submit {wrong[1]}")
            else:
                _tell(f"there is no command {wrong[1]!r}. {nearest(wrong[1], self._names())}", "harness --help")
        raise SystemExit(USER_MISTAKE)

    def parse(self, arguments: list[str] | None) -> argparse.Namespace:
        """The options of a command; what it does not know is told with what may have been meant."""
        options, unknown = self.parse_known_args(arguments)
        if unknown:
            of_command = self._commands().choices[options.command]
            wrong = [word for word in unknown if word.startswith("-")][:1]
            known = [name for action in of_command._actions for name in action.option_strings]
            if "--set" in known and all(re.match(r"[\w.]+=", word) for word in unknown):
                given = [word for word in arguments or sys.argv[1:] if word not in unknown]
                settings = [part for word in unknown for part in ("--set", word)]
                _tell("each setting needs a --set before it.", shlex.join(["harness", *given, *settings]))
                raise SystemExit(USER_MISTAKE)
            if not wrong:  # words after an option, where argparse expects none that may be left out
                words = sys.argv[1:] if arguments is None else arguments
                again = of_command.parse_known_intermixed_args(words[words.index(options.command) + 1 :])
                if not again[1]:
                    again[0].command = options.command
                    return again[0]
            hints = [f". {nearest(word, known)}" for word in wrong]
            of_command.error(f"harness {options.command} takes no {' '.join(unknown)}{''.join(hints)}")
        return options

    def _commands(self) -> argparse._SubParsersAction[argparse.ArgumentParser]:
        (commands,) = (action for action in self._actions if isinstance(action, argparse._SubParsersAction))
        return commands

    def _names(self) -> list[str]:
        """The commands that the help lists."""
        return [listed.dest for listed in self._commands()._get_subactions()]


def parser() -> Parser:
    """The command line."""
    top = Parser(
        prog="harness",
        description="An image-competition harness: a folder in, a leaderboard-format CSV and an honest score out.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"harness {__version__}")
    commands = Commands(top)
    for group in (data, new, train, tune, submit, runs, kaggle, kernel, models, reproduce, trust, job):
        group.add_commands(commands)
    return top


def command() -> NoReturn:
    """The process of a command: it ends with the command, also where a library's threads would go on."""
    _tell_full_disks_once()
    code = main()
    if code:
        # Nor can HDF5 crash when it closes what it could not write on a full disk.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done: while Python closes, there is nothing left to stop
    sys.exit(code)


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0 done, 2 the user's mistake, 1 our failure, 130 stopped, 128 and a signal's number ended by it.
    """
    options = parser().parse(arguments)
    ending = None
    try:
        with ended_by_signals(_stopped(options)) as ending, watched(f"harness {options.command}"):
            options.run(Workspace.find(), options)
        code = OK
    except KeyboardInterrupt as stop:
        print(f"\n{_stopped(options)}", file=sys.stderr)
        return 128 + stop.number if isinstance(stop, Ended) else INTERRUPTED
    except Exception as error:
        if ending is None or ending.number is None:
            return _failed(error)
        code = OUR_FAILURE
    if ending.number is not None:
        # A library dropped the interruption, or made an error of it.
        print(f"\n{_stopped(options)}", file=sys.stderr)
        return 128 + ending.number
    return code


def _tell_full_disks_once() -> None:
    """Let HDF5 not complain of a full disk again for each object that it closes: the command tells it once."""

    def is_told(error: BaseException | None) -> bool:
        return error is not None and "decrement id ref count" in str(error) and out_of_space(error)

    of_closing, of_all = sys.unraisablehook, sys.excepthook
    sys.unraisablehook = lambda found: None if is_told(found.exc_value) else of_closing(found)
    sys.excepthook = lambda kind, error, trace: None if is_told(error) else of_all(kind, error, trace)


def _stopped(options: argparse.Namespace) -> str:
    """What is said of a command that was stopped."""
    words = STOPPED
    if options.command == "train" and not options.assignments and options.from_epoch is None:
        words += (
            "\nAnother learning rate from the last checkpoint, as a run of its own: harness train "
            f"{options.competition} RECIPE{given(options)}{' --smoke' * options.smoke} --from-epoch N "
            "--set learning_rate=…"
        )
    return words


def _failed(error: Exception) -> int:
    """Say what went wrong; give the exit code."""
    if isinstance(error, UserError):
        return _tell(error.what, error.fix)
    if isinstance(error, BrokenPipeError):
        # Whoever read our output (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    if out_of_space(error):
        # HDF5 gives the file among pages of details.
        file = re.search(r"filename = '([^']+)'", str(error))
        what = f"{file[1]} could not be written" if file else str(error)
        return _tell(
            f"the disk is full: {what}. Nothing half-written will be used.",
            FREE_ROOM,
        )
    if isinstance(error, OSError) and error.errno in OF_PATHS:
        return _tell(f"{error}.", "change or free that path, then run the same command")
    if isinstance(error, PermissionError):
        return _tell(f"no permission: {error}.", "change the permissions of that path, then run the same command")
    if isinstance(error, JobKilledError):
        return _tell(str(error), "if it was memory: fewer --workers; the same command goes on where it was")
    traceback.print_exception(error)
    print("\nThis is a bug in the harness, not your mistake: please report the lines above.", file=sys.stderr)
    return OUR_FAILURE


def _tell(what: str, fix: str | None) -> int:
    print(printable(f"error: {what}"), file=sys.stderr)
    if fix:
        print(printable(f"  fix: {fix}"), file=sys.stderr)
    return USER_MISTAKE
