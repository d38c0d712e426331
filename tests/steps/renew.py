"""``make same-results``: see that the results of changed steps are the same, and note their code.

Run it after a refactoring; with ``--all`` it looks at the steps that have not changed too. Of a step whose version was
raised the new numbers are taken; those of other steps then follow where they go through it. Of any other changed step
the numbers must be the ones that are kept.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from harness.utils.files import write_text
from harness.utils.versions import STEPS
from tests.steps import code, results
from tests.steps.results import Measured, Numbers

VERSIONS = "harness/utils/versions.py"
SAME, TAKEN = "its results are the same", "its numbers are taken anew"


class RefusedError(Exception):
    """Why a step is not noted, in words."""


class Kept:
    """The two committed files, each written whole after each step."""

    def __init__(self) -> None:
        self.code, self.numbers = code.kept(), results.kept()

    def note(self, step: str, now: dict, numbers: Numbers) -> None:
        self.code[step], self.numbers[step] = now, numbers
        self._write()

    def drop(self, step: str) -> None:
        self.code.pop(step, None)
        self.numbers.pop(step, None)
        self._write()

    def _write(self) -> None:
        known, numbers = ({step: kept[step] for step in STEPS if step in kept} for kept in (self.code, self.numbers))
        write_text(code.KEPT, json.dumps(known, indent=1) + "\n")
        write_text(results.KEPT, results.as_json(numbers))


def renew(everything: bool = False) -> int:
    """Note what may be noted, a line for each step.

    Args:
        everything: look at the steps that have not changed too.

    Returns:
        1 where a step was refused, else 0.
    """
    kept = Kept()
    now = {step: {"version": STEPS[step].version, "code": code.code(step)} for step in STEPS}
    changed = [step for step in STEPS if kept.code.get(step) != now[step] or step not in kept.numbers]
    chosen = [*STEPS] if everything else changed
    gone = sorted((kept.code.keys() | kept.numbers.keys()) - STEPS.keys())
    raised: dict[str, dict[str, Measured]] = {}
    refused = 0
    for step in gone:
        kept.drop(step)
        print(f"{step}: there is no such step any more")
    for step in chosen:
        try:
            found = _measured(step)
            if _is_new(kept, step, now[step]):
                raised[step] = found
                continue
            told = _compared(kept, step, now[step], found)
            told += ", and its code is noted" * (kept.code[step] != now[step])
            before = kept.numbers.get(step, {})
            kept.note(step, now[step], {name: before.get(name, one.value) for name, one in found.items()})
            print(f"{step}: {told}")
        except RefusedError as why:
            refused = 1
            print(f"{step} is refused: {why}")
    if refused:
        for step in raised:
            print(f"{step}: version {STEPS[step].version} waits until what is refused is mended")
        return refused
    _take(kept, now, raised, [step for step in STEPS if step not in chosen])
    if not chosen and not gone:
        print("nothing has changed")
    return 0


def _take(kept: Kept, now: dict[str, dict], raised: dict[str, dict[str, Measured]], others: list[str]) -> None:
    """Take the numbers of new and raised steps, and those of others that follow them."""
    followed = ", ".join(step for step in raised if step in kept.code)
    for step, found in raised.items():
        what = f"version {now[step]['version']}" if step in kept.code else "new"
        kept.note(step, now[step], _values(found))
        print(f"{step}: {what}, {TAKEN}")
    if not followed:
        return
    for step in others:
        found = _measured(step)
        if results.differences(kept.numbers[step], found):
            kept.note(step, now[step], _values(found))
            print(f"{step}: {TAKEN}, for they follow {followed}")


def _is_new(kept: Kept, step: str, now: dict) -> bool:
    known = kept.code.get(step)
    if known is not None and known["version"] > now["version"]:
        raise RefusedError(
            f"its version was lowered from {known['version']} to {now['version']}, and what the old one made would be "
            f"taken for its own.\n  raise the version of {step} in {VERSIONS}"
        )
    return known is None or known["version"] < now["version"]


def _compared(kept: Kept, step: str, now: dict, found: dict[str, Measured]) -> str:
    """How a step's numbers are to those that are kept, in words."""
    before, same_code = kept.numbers.get(step, {}), kept.code[step] == now
    if same_code and not before:
        return TAKEN
    if not before.keys() & found.keys():
        raise RefusedError(
            "there are no numbers to compare its results with.\n  note it with its code of before, or raise the "
            f"version of {step} in {VERSIONS}"
        )
    apart = results.differences(before, found)
    if apart:
        mend = (
            "its code has not changed: its regression has, or the libraries, or a step that it goes through. To have "
            f"the numbers taken, remove them from {results.KEPT.name} and run this again"
            if same_code
            else f"raise the version of {step} in {VERSIONS}, or mend its code (or that of a step that it goes through)"
        )
        raise RefusedError("\n  ".join(["its results are not the same.", *apart, mend]))
    more, less = ("; ".join(sorted(one.keys() - other.keys())) for one, other in ((found, before), (before, found)))
    return SAME + (f" (new: {more})" if more else "") + (f" (not measured any more: {less})" if less else "")


def _measured(step: str) -> dict[str, Measured]:
    """What a step's regressions find; what they say on the way is not shown."""
    try:
        with tempfile.TemporaryDirectory() as folder, _quietly():
            return results.measure(step, Path(folder))
    except Exception:
        raise RefusedError(f"its regression fails.\n{traceback.format_exc()}") from None


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Nothing goes to standard error, TensorFlow's own words neither."""
    sys.stderr.flush()
    before = os.dup(2)
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(before, 2)
        os.close(before)


def _values(found: dict[str, Measured]) -> Numbers:
    return {name: one.value for name, one in found.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="See that the results of changed steps are the same; note their code.")
    parser.add_argument("--all", action="store_true", help="look at the steps that have not changed too")
    chosen = parser.parse_args()
    # The numbers are those of TensorFlow on a CPU. Keras is imported later.
    os.environ |= {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": ""}
    sys.exit(renew(chosen.all))
