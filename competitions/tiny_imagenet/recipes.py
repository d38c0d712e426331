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


default = minivggnet
