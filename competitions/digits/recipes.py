"""Recipes for the digits."""

from harness.recipes import Blend, LogisticRegression, Network, recipe


@recipe
def pixels():
    """Logistic regression on the 64 pixels."""
    return LogisticRegression(size=(8, 8), c=0.1)


@recipe
def minivggnet():
    """MiniVGGNet on enlarged digits, shifted and turned a little, never mirrored; five crops averaged."""
    return Network(
        network="minivggnet",
        size=(16, 16),
        pad=1,
        rotation=10,
        zoom=0.1,
        epochs=12,
        batch=64,
        optimizer="adam",
        learning_rate=2e-3,
        schedule="cosine",
        views="crops",
    )


@recipe
def blend():
    """The average of both.

    make submit COMP=digits
    """
    return Blend(of=("pixels", "minivggnet"))


default = blend
