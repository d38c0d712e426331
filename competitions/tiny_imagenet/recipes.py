"""Recipes for Tiny ImageNet.

Those of features stand on networks trained on ImageNet, which have seen these very classes: they are of the kind
"pretrained", and their scores are no match for those of the kind "from scratch", which have not.
"""

from harness.recipes import Blend, FeatureRegression, LogisticRegression, Network, recipe


@recipe
def pixels():
    """Logistic regression on 16x16 pixels, on the first of the five folds: the baseline to beat."""
    return LogisticRegression(size=(16, 16), c=1e-4, folds=1, iterations=50)


@recipe
def minivggnet():
    """MiniVGGNet at 64x64 with shifts and flips, ten views averaged, on the first of the five folds.

    make submit COMP=tiny_imagenet
    """
    return Network(
        network="minivggnet",
        folds=1,
        size=(64, 64),
        pad=6,
        flip=True,
        epochs=12,
        batch=128,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="cosine",
        views="ten_crop",
    )


@recipe
def lite0():
    """Features of EfficientNet-Lite0 into logistic regression. The backbone has seen these classes.

    harness train tiny_imagenet lite0
    """
    return FeatureRegression(backbone="efficientnet-lite0", grid=(3e-4, 1e-3, 3e-3, 1e-2, 3e-2))


@recipe
def blend():
    """The average of both.

    harness train tiny_imagenet blend
    """
    return Blend(of=("pixels", "minivggnet"))


@recipe
def deepergooglenet():
    """DeeperGoogLeNet, the learning rate falling in steps.

    Published: 55.77 % in validation; 54.38 % rank-1, 78.96 % rank-5 in a test of its own. Not yet measured here.

    harness train tiny_imagenet deepergooglenet
    """
    return Network(
        network="deepergooglenet",
        scaling="mean",
        reg=2e-4,
        folds=1,
        size=(64, 64),
        flip=True,
        rotation=18,
        zoom=0.15,
        shift=0.2,
        shear=0.15,
        epochs=70,
        best="last",
        patience=70,
        batch=64,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="steps",
        rates=((40, 1e-3), (60, 1e-4), (70, 1e-5)),
    )


@recipe
def resnet():
    """ResNet of three, four and six modules, the learning rate falling in a line from 0.1.

    Published: 58.32 % in validation; 58.03 % rank-1, 80.46 % rank-5 in a test of its own. Not yet measured here. As
    there, ``reg`` is of the stem and the dense layer, and the modules have their own 1e-4.

    harness train tiny_imagenet resnet
    """
    return Network(
        network="resnet",
        scaling="mean",
        options={
            "module_reg": 1e-4,
            "stem": "tiny_imagenet",
            "stages": (3, 4, 6),
            "filters": (64, 128, 256, 512),
        },
        reg=5e-4,
        folds=1,
        size=(64, 64),
        flip=True,
        rotation=18,
        zoom=0.15,
        shift=0.2,
        shear=0.15,
        epochs=75,
        best="last",
        patience=75,
        batch=64,
        nesterov=False,
        learning_rate=0.1,
        schedule="linear",
    )


@recipe
def wideresnet():
    """A wide ResNet (WRN-16-4) on images halved by its stem, trained as CIFAR-10's is.

    Of our own choice; not yet measured.

    harness train tiny_imagenet wideresnet
    """
    return Network(
        network="wideresnet",
        options={"stem_stride": 2},
        folds=1,
        size=(64, 64),
        pad=8,
        crop=(64, 64),
        flip=True,
        cutout=16,
        smoothing=0.1,
        epochs=40,
        patience=40,
        batch=128,
        weight_decay=5e-4,
        learning_rate=0.2,
        schedule="one_cycle",
        views="mirror",
    )


default = minivggnet
