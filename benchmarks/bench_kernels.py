"""Training and predicting with our layers and with Keras's: networks from scratch, and a backbone on small images.

Networks from scratch have one kernel for a batch norm, and one for a GELU; the backbone has its norms fused with its
convolutions, and other gradients. Where this processor has instructions for bfloat16, it is measured beside float32.
``--torch PYTHON`` names an interpreter that has PyTorch, and adds the fast network written in it, eager and channels
last. The contestants take turns.
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
from harness.models.backbones import find
from harness.utils.processor import has_bfloat16

STEPS, TIMES = 3, 5
BACKBONE = "efficientnet-lite0"
SIDE = {"airbench": 32, "minigooglenet": 32, "resnet": 32, BACKBONE: 64}
BATCH = {"airbench": 256, "minigooglenet": 64, "resnet": 64, BACKBONE: 128}
TARGET = {"airbench": 1.05, "minigooglenet": 1.05, "resnet": 1.3, BACKBONE: 1.3}
IN_BFLOAT16 = {"airbench": 1.6, "minigooglenet": 1.9, "resnet": 2.0, BACKBONE: 1.6}


@contextlib.contextmanager
def plain_layers() -> Iterator[None]:
    """Our layers compute as Keras's do; graphs traced in here stay so."""
    import keras

    from harness.models import fusion, gelu
    from harness.models.networks._batch_norm import FusedBatchNormalization

    call, activation, fuse = FusedBatchNormalization.call, gelu.gelu, fusion.fuse
    FusedBatchNormalization.call = keras.layers.BatchNormalization.call
    gelu.gelu = lambda inputs: keras.ops.gelu(inputs, approximate=False)
    fusion.fuse = lambda network, **_: network
    try:
        yield
    finally:
        FusedBatchNormalization.call, gelu.gelu, fusion.fuse = call, activation, fuse


def network(name: str):
    import keras

    if name != BACKBONE:
        return networks.build(name, SIDE[name], SIDE[name], 3, 10)
    backbone = find(BACKBONE, SIDE[name]).tunable((), unfreeze=0)
    return keras.Sequential([backbone, keras.layers.Dense(10, activation="softmax", dtype="float32")])


def trainer(name: str, policy: str) -> Callable[[], object]:
    """Some steps of training a network in a precision; the first call, which traces the graph, is made here."""
    import keras

    from harness.models import fusion

    keras.config.set_dtype_policy(policy)
    model = fusion.fuse(network(name))
    model.compile(
        keras.optimizers.SGD(1e-3), "sparse_categorical_crossentropy", jit_compile=keras_backend.compiles_well()
    )
    keras.config.set_dtype_policy("float32")
    images, labels = drawn(name), np.random.default_rng(0).integers(0, 10, BATCH[name])

    def run() -> None:
        for _ in range(STEPS):
            model.train_on_batch(images, labels)

    run()
    return run


def predictor(name: str) -> Callable[[], object]:
    """The same of predicting."""
    from harness.models import fusion

    model, images = fusion.fuse(network(name), predicts=True), drawn(name)
    model.compile(jit_compile=keras_backend.compiles_well())

    def run() -> None:
        for _ in range(STEPS):
            model.predict_on_batch(images)

    run()
    return run


def drawn(name: str) -> np.ndarray:
    shape = (BATCH[name], SIDE[name], SIDE[name], 3)
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


@contextlib.contextmanager
def torch_trainer(python: str, bfloat16: bool) -> Iterator[Callable[[], object]]:
    """Some steps in PyTorch, in a process of its own, for the two libraries do not get along in one."""
    script = Path(__file__).with_name("torch_airbench.py")
    sizes = [str(number) for number in (BATCH["airbench"], SIDE["airbench"], STEPS, int(bfloat16))]
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
        with plain_layers():
            contestants = {"Keras's": trainer(name, "float32")}
        contestants["ours"] = trainer(name, "float32")
        if has_bfloat16():
            contestants["ours, bfloat16"] = trainer(name, "mixed_bfloat16")
        with contextlib.ExitStack() as stack:
            if name == "airbench" and torch_python:
                contestants["PyTorch"] = stack.enter_context(torch_trainer(torch_python, has_bfloat16()))
            took = rounds(contestants, TIMES)
        for contestant, seconds in took.items():
            print(f"  {name}, {contestant}: {STEPS * BATCH[name] / seconds:,.0f} images/s")
        verdict(f"{name}: times as fast as with Keras's", took["Keras's"] / took["ours"], TARGET[name])
        if "PyTorch" in took:
            ours = took["ours, bfloat16" if has_bfloat16() else "ours"]
            verdict(f"{name}: times as fast as PyTorch", took["PyTorch"] / ours, 0.95)
        if has_bfloat16():
            verdict(f"{name}: and in bfloat16", took["Keras's"] / took["ours, bfloat16"], IN_BFLOAT16[name])
    with plain_layers():
        contestants = {"Keras's": predictor(BACKBONE)}
    took = rounds(contestants | {"ours": predictor(BACKBONE)}, TIMES)
    verdict(f"{BACKBONE}, predicting: times as fast as with Keras's", took["Keras's"] / took["ours"], 1.2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", metavar="PYTHON", help="an interpreter with PyTorch, to compare with")
    main(parser.parse_args().torch)
