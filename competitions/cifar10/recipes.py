"""Recipes for CIFAR-10."""

from typing import Any

from harness.recipes import (
    Blend,
    FeatureRegression,
    FineTune,
    LogisticRegression,
    Network,
    Soup,
    recipe,
    seeds,
    snapshots,
)


@recipe
def pixels():
    """Logistic regression on the 3,072 pixels, on one of the five folds: the baseline to beat."""
    return LogisticRegression(size=(32, 32), c=1e-4, folds=1, iterations=100)


@recipe
def minivggnet():
    """MiniVGGNet with shifts of 3 pixels and flips, on one of the five folds; TTA over each image and its mirror image.

    Crops as views would make log loss worse (docs/ensembles.md).

    harness train cifar10 minivggnet
    """
    return Network(
        network="minivggnet",
        folds=1,
        size=(32, 32),
        pad=3,
        flip=True,
        epochs=12,
        batch_size=128,
        optimizer="adam",
        learning_rate=2e-3,
        schedule="cosine",
        tta="hflip",
    )


def _airbench(epochs: int, learning_rate: float, **changes: Any) -> Network:
    """The settings that the three sizes of the fast network share, on one of the five folds; TTA over six views."""
    settings: dict[str, Any] = {
        "folds": 1,
        "size": (32, 32),
        "pad": 2,
        "edges": "reflect",
        "flip": "alternating",
        "label_smoothing": 0.2,
        "monitor": "last",
        "batch_size": 1024,
        "momentum": 0.85,
        # As strong at every rate as the source's, whose weight decay does not depend on it.
        "coupled_decay": round(0.002 / learning_rate, 5),
        "norm_rate": 64,
        "lookahead": True,
        "schedule": "triangle",
        "tta": "diagonal",
        "average": "logits",
    }
    return Network(network="airbench", whiten=True, epochs=epochs, learning_rate=learning_rate, **(settings | changes))


@recipe
def airbench():
    """A small, fast network behind whitened patches.

    Published: 94 %, on the original pixels and all 50,000 images; on a JPEG copy the author's code reaches 90.7 %, and
    this 90.9 % (docs/training.md). On 40,000 of them: 90.0 % out of fold, 89.7 % on the hold-out, in 17 CPU-minutes.
    Source: harness/models/networks/airbench.py.

    harness train cifar10 airbench
    """
    return _airbench(epochs=10, learning_rate=1.5)


@recipe
def airbench95():
    """The same network, wider and for longer.

    Published: 95 %. Here, on 40,000 images of a JPEG copy: 91.5 % out of fold, 90.9 % on the hold-out.

    harness train cifar10 airbench95
    """
    return _airbench(epochs=15, learning_rate=1.3, options={"widths": (128, 384, 384)})


@recipe
def airbench96():
    """Wider still, with three convolutions a block, wider shifts and cutout.

    Published: 96 %. Here, on 40,000 images of a JPEG copy: 92.6 % out of fold, 92.3 % on the hold-out.

    harness train cifar10 airbench96
    """
    return _airbench(epochs=40, learning_rate=1.17, options={"widths": (128, 512, 512), "depth": 3}, pad=4, cutout=12)


def _finetuned(side: int, epochs: int, pad: int, folds: int | None, tta: str) -> FineTune:
    """EfficientNet-Lite0 on enlarged images, all but its first two blocks trained on.

    The first two blocks know edges and colours already, and work on the largest maps: leaving them as they are saves
    over a quarter of the time.
    """
    return FineTune(
        backbone="efficientnet-lite0",
        unfreeze="block3a_expand_conv",
        head=256,
        dropout=0.2,
        frozen_epochs=1,
        frozen_optimizer="adam",
        folds=folds,
        size=(side, side),
        pad=pad,
        flip=True,
        label_smoothing=0.1,
        epochs=epochs,
        monitor="last",
        batch_size=128,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="one_cycle",
        tta=tta,
    )


@recipe
def finetune_lite0():
    """EfficientNet-Lite0 on images enlarged to 96x96, all but its first two blocks trained on, on five folds.

    TTA over six views. Here, in bfloat16: 91.8 % out of fold, 92.4 % on the hold-out by the folds' average, in 42
    CPU-minutes.

    make submit COMP=cifar10
    """
    return _finetuned(side=96, epochs=3, pad=3, folds=None, tta="diagonal")


@recipe
def quick():
    """`finetune_lite0` at 64x64, on one of the five folds.

    Here, in bfloat16: 89.9 % out of fold, 89.2 % on the hold-out, in 5 CPU-minutes.

    harness train cifar10 quick
    """
    return _finetuned(side=64, epochs=4, pad=2, folds=1, tta="hflip")


@recipe
def lite0():
    """Features of EfficientNet-Lite0 on images enlarged to 160x160, into logistic regression.

    harness train cifar10 lite0
    """
    # With 40,000 rows per fold a small C is enough, and large ones take minutes.
    return FeatureRegression(backbone="efficientnet-lite0", side=160, c=(3e-4, 1e-3, 3e-3, 1e-2, 3e-2))


@recipe
def blend():
    """The average of `quick` and `airbench`, which are wrong on different images.

    On 40,000 images in bfloat16: 91.6 % out of fold, 91.2 % on the hold-out, in 22 CPU-minutes.

    harness train cifar10 blend
    """
    return Blend(of=("quick", "airbench"))


@recipe
def five():
    """The average of five `minivggnet` with different seeds.

    docs/ensembles.md has what five seeds and TTA gain with 12,000 training images.

    harness train cifar10 five
    """
    return Blend(of=seeds("minivggnet", 5))


# Published, from scratch: the last epoch's weights, no TTA, trained on all 50,000 images. Here on one fold of five.


@recipe
def minivggnet_published():
    """The published MiniVGGNet: 40 epochs with random rotation, shift and flip.

    Published: 82 to 83 %. Here, on 40,000 images of a JPEG copy: 78.6 % (77.8 to 79.4) out of fold, 78.2 % (77.3 to
    79.1) on the hold-out.

    harness train cifar10 minivggnet_published
    """
    return Network(
        network="minivggnet",
        scaling="unit",
        folds=1,
        size=(32, 32),
        flip=True,
        rotation=10,
        shift=0.1,
        epochs=40,
        monitor="last",
        patience=40,
        batch_size=64,
        learning_rate=0.01,
        schedule="time",
        decay=0.01 / 40,
    )


@recipe
def minivggnets():
    """The average of five `minivggnet_published` with different seeds.

    Published: 84 %. Here, on a JPEG copy: 79.6 % (78.8 to 80.4) out of fold, 79.5 % (78.6 to 80.4) on the hold-out.

    harness train cifar10 minivggnets
    """
    return Blend(of=seeds("minivggnet_published", 5))


@recipe
def minivggnet_cycles():
    """MiniVGGNet whose learning rate falls from 0.05 to 0 five times, for snapshots.

    Not published; not yet measured.

    harness train cifar10 minivggnet_cycles
    """
    return Network(
        network="minivggnet",
        folds=1,
        size=(32, 32),
        pad=3,
        flip=True,
        epochs=40,
        monitor="last",
        batch_size=64,
        learning_rate=0.05,
        schedule="cycles",
        cycles=5,
    )


@recipe
def snapshots_blend():
    """The average of the probabilities at the ends of the last three cycles of `minivggnet_cycles`.

    Not yet measured.

    harness train cifar10 snapshots_blend
    """
    return Blend(of=snapshots("minivggnet_cycles", 3))


@recipe
def snapshots_soup():
    """One network with the average of the weights at the ends of the last three cycles of `minivggnet_cycles`.

    Not yet measured.

    harness train cifar10 snapshots_soup
    """
    return Soup(of=snapshots("minivggnet_cycles", 3))


@recipe
def minigooglenet():
    """MiniGoogLeNet with a learning rate that falls linearly from 0.005.

    Published: 90.81 % (from 0.001: 87.95 %, from 0.01: 91.79 %). Here, on 40,000 images of a JPEG copy: 85.8 % (85.1 to
    86.5) out of fold, 85.5 % (84.7 to 86.3) on the hold-out.

    harness train cifar10 minigooglenet
    """
    return Network(
        network="minigooglenet",
        scaling="mean_image",
        folds=1,
        size=(32, 32),
        flip=True,
        shift=0.1,
        epochs=70,
        monitor="last",
        patience=70,
        batch_size=64,
        nesterov=False,
        learning_rate=5e-3,
        schedule="linear",
    )


@recipe
def resnet():
    """ResNet with three stages of nine modules and a learning rate that falls linearly from 0.1.

    Published: 93.58 %. Here, on 40,000 images of the JPEG copy in bfloat16: 88.9 % out of fold, 88.8 % on the
    hold-out, in 400 CPU-minutes. As published, ``reg`` applies to the stem and the dense layer, and the modules have
    their own 1e-4.

    harness train cifar10 resnet
    """
    return Network(
        network="resnet",
        scaling="mean_image",
        options={"module_reg": 1e-4},
        reg=5e-4,
        folds=1,
        size=(32, 32),
        flip=True,
        shift=0.1,
        epochs=100,
        monitor="last",
        patience=100,
        batch_size=128,
        nesterov=False,
        learning_rate=0.1,
        schedule="linear",
    )


@recipe
def wideresnet():
    """A wide ResNet (WRN-16-4) with a one-cycle learning rate, random crops, cutout and label smoothing.

    Not published; not yet measured.

    harness train cifar10 wideresnet
    """
    return Network(
        network="wideresnet",
        folds=1,
        size=(32, 32),
        pad=4,
        crop=(32, 32),
        flip=True,
        cutout=8,
        label_smoothing=0.1,
        epochs=30,
        patience=30,
        batch_size=128,
        weight_decay=5e-4,
        learning_rate=0.2,
        schedule="one_cycle",
        tta="hflip",
    )


default = finetune_lite0
