"""Recipes for Dogs vs Cats."""

from harness.recipes import Blend, FeatureRegression, LogisticRegression, Network, recipe


@recipe
def pixels():
    """Logistic regression on 32x32 pixels, on the first of the five folds: the baseline to beat."""
    return LogisticRegression(size=(32, 32), c=1e-4, folds=1, iterations=100)


@recipe
def minivggnet():
    """MiniVGGNet at 64x64 with shifts and flips, ten views averaged, on the first of the five folds.

    make submit COMP=dogs_vs_cats
    """
    return Network(
        network="minivggnet",
        folds=1,
        size=(64, 64),
        pad=6,
        flip=True,
        zoom=0.1,
        epochs=15,
        batch=64,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="cosine",
        views="ten_crop",
    )


@recipe
def lite0():
    """EfficientNet-Lite0 features into logistic regression.

    harness train dogs_vs_cats lite0
    """
    return FeatureRegression(backbone="efficientnet-lite0")


@recipe
def lite1():
    """EfficientNet-Lite1 features into logistic regression.

    harness train dogs_vs_cats lite1
    """
    return FeatureRegression(backbone="efficientnet-lite1")


@recipe
def lite2():
    """EfficientNet-Lite2 features into logistic regression.

    harness train dogs_vs_cats lite2
    """
    return FeatureRegression(backbone="efficientnet-lite2")


@recipe
def lites():
    """The average of the three.

    make submit COMP=dogs-vs-cats
    """
    return Blend(of=("lite0", "lite1", "lite2"))


default = lites
