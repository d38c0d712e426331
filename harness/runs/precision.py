"""Which precision a recipe with ``mixed_precision="auto"`` trains in: that of a run that is there, else the faster one.

What was measured is kept for each machine in the user's state folder: the same network is not measured twice.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import Any, NamedTuple

from harness.recipes.trained import Trained
from harness.runs import machine, reuse
from harness.runs.run import Run
from harness.training import bfloat16
from harness.training.bfloat16 import Timing
from harness.utils import fingerprint as fp
from harness.utils import processor
from harness.utils.files import read_json, write_json
from harness.utils.libraries import backend, installed
from harness.utils.state import state_folder
from harness.utils.versions import versions

WORDS = {False: "float32", True: "bfloat16"}
# What tells a training library how many threads to take.
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


class Answer(NamedTuple):
    """What is known of a recipe's precision.

    Args:
        mixed: whether it is mixed precision.
        why: in words; "" where nothing is to be said, for the run is finished.
        is_settled: False where it has to be measured, and float32 is but a guess.
    """

    mixed: bool
    why: str = ""
    is_settled: bool = True


def known(runs: dict[bool, Run], recipe: Trained, classes: int) -> Answer:
    """What is known without measuring.

    A run that is finished is kept, weights that another run has trained are used, and a run that is begun goes on,
    though the machine might answer otherwise now; but nothing goes on in bfloat16 where there are no instructions for
    it, which would take many times as long.

    Args:
        runs: the recipe's run in float32 (False), and in mixed precision (True).
        recipe: its settings.
        classes: how many there are.
    """
    answer = _of_machine(recipe, classes)
    finished = [mixed for mixed, run in runs.items() if run.about() is not None]
    possible = [mixed for mixed in runs if not mixed or bfloat16.is_available()]
    trained = [mixed for mixed in possible if reuse.is_trained(runs[mixed])]
    begun = [mixed for mixed in possible if _is_begun(runs[mixed])]
    otherwise = f", though {answer.why}" if answer.is_settled else ""
    if finished:
        mixed = answer.mixed if len(finished) > 1 else finished[0]
        is_as_now = mixed == answer.mixed or not answer.is_settled
        return Answer(mixed, "" if is_as_now else f"the finished run in {WORDS[mixed]} is kept{otherwise}")
    if len(trained) == 1 and not (answer.is_settled and answer.mixed == trained[0]):
        return Answer(trained[0], f"the weights that were trained in {WORDS[trained[0]]} are used{otherwise}")
    if len(begun) == 1 and not (answer.is_settled and answer.mixed == begun[0]):
        return Answer(begun[0], f"the run that was begun in {WORDS[begun[0]]} goes on{otherwise}")
    return answer


def told(timing: Timing) -> Answer:
    """The answer that a measurement gives."""
    return Answer(timing.pays, f"bfloat16 is {timing.times:.1f} times as fast as float32 here")


def keep(timing: Timing, recipe: Trained, classes: int) -> None:
    """Keep a measurement; where the state folder cannot be written, the next command measures again."""
    about = _measured_of(recipe, classes)
    with contextlib.suppress(OSError):
        write_json(_file(about), timing._asdict() | {"of": about})


def _of_machine(recipe: Trained, classes: int) -> Answer:
    if not bfloat16.is_available():
        return Answer(False, "this machine has no instructions for bfloat16")
    try:
        found = read_json(_file(_measured_of(recipe, classes))) or {}
    except OSError:
        found = {}
    seconds = [one for name in Timing._fields if isinstance(one := found.get(name), float) and one > 0]
    return told(Timing(*seconds)) if len(seconds) == len(Timing._fields) else Answer(False, is_settled=False)


def _is_begun(run: Run) -> bool:
    made = ("fold-*/predictions.h5", "fold-*/**/checkpoints/[!.]*.npz")
    return any(any(run.folder.glob(pattern)) for pattern in made)


def _file(about: dict[str, Any]) -> Path:
    return state_folder() / "bfloat16" / f"{fp.fingerprint(**about)}.json"


def _measured_of(recipe: Trained, classes: int) -> dict[str, Any]:
    """What the speed of a training step depends on: the machine, the libraries, the network, its inputs."""
    shared = {field.name for field in dataclasses.fields(Trained)}
    own = {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe) if field.name not in shared}
    return {
        "device": machine.about(trained=True)["device"],
        "cores": processor.cores(),
        "threads": {name: os.environ.get(name, "") for name in THREADS},
        "libraries": installed(("keras", backend())),
        # A dropout's share or a weight decay, which a search may change, takes no time.
        "network": {name: repr(value) for name, value in own.items() if not isinstance(value, float)},
        "kind": type(recipe).__name__,
        "input_size": recipe.input_size,
        "batch_size": recipe.batch_size,
        "replicas": recipe.replicas,
        "classes": classes,
        "steps": versions(*recipe.training_steps),
        "code": fp.competitor_code(recipe),
    }
