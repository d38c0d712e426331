"""Recipes for CIFAR-10."""

from harness.recipes import (
    Blend,
    FeatureRegression,
    LogisticRegression,
    Network,
    Soup,
    recipe,
    repeat,
    snapshots,
)


@recipe
def pixels():
    """Logistic regression on the 3,072 pixels: the baseline that anything else has to beat."""
    return LogisticRegression(size=(32, 32), c=1e-4, folds=1, iterations=100)


@recipe
def minivggnet():
    """MiniVGGNet with shifts of 3 pixels and flips, each image and its mirror image averaged, on one of the five folds.

    Crops at the edges of the shifts cost log loss (docs/ensembles.md).

    harness train cifar10 minivggnet
    """
    return Network(
        network="minivggnet",
        folds=1,
        size=(32, 32),
        pad=3,
        flip=True,
        epochs=12,
        batch=128,
        optimizer="adam",
        learning_rate=2e-3,
        schedule="cosine",
        views="mirror",
    )


@recipe
def lite0():
    """Features of EfficientNet-Lite0, on images enlarged to 160x160, into logistic regression.

    harness train cifar10 lite0
    """
    # With 40,000 rows a fold a small C is enough, and large ones take minutes.
    return FeatureRegression(backbone="efficientnet-lite0", side=160, grid=(3e-4, 1e-3, 3e-3, 1e-2, 3e-2))


@recipe
def blend():
    """The average of both.

    harness train cifar10 blend
    """
    return Blend(of=("pixels", "minivggnet"))


@recipe
def five():
    """Five of the MiniVGGNet that differ in their seed, averaged.

    What that and views are worth on 12,000 training images is in docs/ensembles.md.

    harness train cifar10 five
    """
    return Blend(of=repeat("minivggnet", 5))


# Published from scratch: the last epoch's weights, one view, trained on all 50,000 images. Here one fold of five.


@recipe
def minivggnet_published():
    """MiniVGGNet for 40 epochs, turned, shifted and mirrored at random.

    Published: 82 to 83 %. Here, the first 25 epochs on 40,000 images (``--set epochs=25``): 76.7 % (75.9 to 77.5) out
    of fold, 76.4 % (75.5 to 77.3) of the hold-out, the curve still rising.

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
        best="last",
        patience=40,
        batch=64,
        learning_rate=0.01,
        schedule="time",
        decay=0.01 / 40,
    )


@recipe
def minivggnets():
    """Five of them that differ in their seed, and the average of their probabilities.

    Published: 84 %. Not yet measured here.

    harness train cifar10 minivggnets
    """
    return Blend(of=repeat("minivggnet_published", 5))


@recipe
def minivggnet_cycles():
    """MiniVGGNet whose learning rate falls from 0.05 to nothing five times, for snapshots.

    Of our own choice; not yet measured.

    harness train cifar10 minivggnet_cycles
    """
    return Network(
        network="minivggnet",
        folds=1,
        size=(32, 32),
        pad=3,
        flip=True,
        epochs=40,
        best="last",
        batch=64,
        learning_rate=0.05,
        schedule="cycles",
        cycles=5,
    )


@recipe
def snapshots_blend():
    """The average of the probabilities at the ends of its last three cycles.

    Not yet measured.

    harness train cifar10 snapshots_blend
    """
    return Blend(of=snapshots("minivggnet_cycles", 3))


@recipe
def snapshots_soup():
    """One network with the average of their weights.

    Not yet measured.

    harness train cifar10 snapshots_soup
    """
    return Soup(of=snapshots("minivggnet_cycles", 3))


@recipe
def minigooglenet():
    """MiniGoogLeNet, the learning rate falling in a line from 0.005.

    Published: 90.81 % (from 0.001: 87.95 %, from 0.01: 91.79 %). Not yet measured here.

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
        best="last",
        patience=70,
        batch=64,
        nesterov=False,
        learning_rate=5e-3,
        schedule="linear",
    )


@recipe
def resnet():
    """ResNet of three stages of nine modules, the learning rate falling in a line from 0.1.

    Published: 93.58 %. Not yet measured here. As there, ``reg`` is of the stem and the dense layer, and the modules
    have their own 1e-4.

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
        best="last",
        patience=100,
        batch=128,
        nesterov=False,
        learning_rate=0.1,
        schedule="linear",
    )


@recipe
def wideresnet():
    """A wide ResNet (WRN-16-4), one cycle of the learning rate, crops, cutout and smoothed labels.

    Of our own choice; not yet measured.

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
        smoothing=0.1,
        epochs=30,
        patience=30,
        batch=128,
        weight_decay=5e-4,
        learning_rate=0.2,
        schedule="one_cycle",
        views="mirror",
    )


default = minivggnet
