"""A training step of deep, thin networks and of the fast one: with one kernel for a batch norm, and with Keras's.

Where this processor has instructions for bfloat16, mixed precision is measured beside it. ``--torch PYTHON`` names an
interpreter that has PyTorch, and adds the fast network written in it, eager and channels last. The contestants take
turns.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from common import rounds, verdict

from harness.models import keras_backend, networks
from harness.models.networks._batch_norm import FusedBatchNormalization
from harness.utils.processor import has_bfloat16

SIDE, STEPS, TIMES = 32, 3, 5
BATCH = {"airbench": 256, "minigooglenet": 64, "resnet": 64}
TARGET = {"airbench": 1.0, "minigooglenet": 1.1, "resnet": 1.3}


@contextlib.contextmanager
def plain_norms() -> Iterator[None]:
    """Our batch norm computes as Keras's does; graphs traced in here stay so."""
    import keras

    ours = FusedBatchNormalization.call
    FusedBatchNormalization.call = keras.layers.BatchNormalization.call
    try:
        yield
    finally:
        FusedBatchNormalization.call = ours


def trainer(name: str, policy: str) -> Callable[[], object]:
    """Some steps of training a network in a precision; the first call, which traces the graph, is made here."""
    import keras

    keras.config.set_dtype_policy(policy)
    model = networks.build(name, SIDE, SIDE, 3, 10)
    model.compile(
        keras.optimizers.SGD(1e-3), "sparse_categorical_crossentropy", jit_compile=keras_backend.compiles_well()
    )
    keras.config.set_dtype_policy("float32")
    random = np.random.default_rng(0)
    images = random.standard_normal((BATCH[name], SIDE, SIDE, 3), dtype=np.float32)
    labels = random.integers(0, 10, BATCH[name])

    def run() -> None:
        for _ in range(STEPS):
            model.train_on_batch(images, labels)

    run()
    return run


@contextlib.contextmanager
def torch_trainer(python: str, bfloat16: bool) -> Iterator[Callable[[], object]]:
    """Some steps in PyTorch, in a process of its own, for the two libraries do not get along in one."""
    script = Path(__file__).with_name("torch_airbench.py")
    sizes = [str(number) for number in (BATCH["airbench"], SIDE, STEPS, int(bfloat16))]
    with subprocess.Popen(
        [python, str(script), *sizes], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        to, answers = process.stdin, process.stdout

        def run() -> None:
            print("go", file=to, flush=True)
            assert answers.readline() == "done\n", f"{python} cannot run {script.name}"

        run()
        yield run
        to.close()


def main(torch_python: str | None) -> None:
    print(f"  backend: {keras_backend.start(seed=0)}")
    for name in BATCH:
        with plain_norms():
            contestants = {"Keras's": trainer(name, "float32")}
        contestants["fused"] = trainer(name, "float32")
        if has_bfloat16():
            contestants["fused, bfloat16"] = trainer(name, "mixed_bfloat16")
        with contextlib.ExitStack() as stack:
            if name == "airbench" and torch_python:
                contestants["PyTorch"] = stack.enter_context(torch_trainer(torch_python, has_bfloat16()))
            took = rounds(contestants, TIMES)
        for contestant, seconds in took.items():
            print(f"  {name}, {contestant}: {STEPS * BATCH[name] / seconds:,.0f} images/s")
        verdict(f"{name}: times as fast as with Keras's", took["Keras's"] / took["fused"], TARGET[name])
        if "PyTorch" in took:
            ours = took["fused, bfloat16" if has_bfloat16() else "fused"]
            verdict(f"{name}: times as fast as PyTorch", took["PyTorch"] / ours, 0.95)
        if has_bfloat16():
            verdict(f"{name}: and in bfloat16", took["Keras's"] / took["fused, bfloat16"], 1.6)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", metavar="PYTHON", help="an interpreter with PyTorch, to compare with")
    main(parser.parse_args().torch)
