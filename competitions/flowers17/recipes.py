"""Recipes for Flowers-17."""

from harness.recipes import Blend, LogisticRegression, Network, recipe


@recipe
def pixels():
    """Logistic regression on 32x32 pixels: the baseline that anything else has to beat."""
    return LogisticRegression(size=(32, 32), c=1e-4)


@recipe
def minivggnet():
    """MiniVGGNet at 64x64 with shifts, turns, zooms and flips; ten views averaged.

    make submit COMP=flowers17
    """
    return Network(
        network="minivggnet",
        size=(64, 64),
        pad=6,
        flip=True,
        rotation=15,
        zoom=0.1,
        epochs=40,
        batch=32,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="cosine",
        views="ten_crop",
    )


@recipe
def blend():
    """The average of both.

    harness train flowers17 blend
    """
    return Blend(of=("pixels", "minivggnet"))


default = minivggnet
