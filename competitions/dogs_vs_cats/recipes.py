"""Recipes for Dogs vs Cats."""

from harness.recipes import Blend, LogisticRegression, Network, recipe


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
def blend():
    """The average of both.

    harness train dogs_vs_cats blend
    """
    return Blend(of=("pixels", "minivggnet"))


default = minivggnet
