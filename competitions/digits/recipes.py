"""Recipes for the digits."""

from harness.recipes import Blend, FeatureRegression, LogisticRegression, Network, recipe


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
def lite0():
    """Features of EfficientNet-Lite0, from an early and a late layer, into logistic regression.

    Digits are unlike the photographs it was trained on: what its early layers see is of more use than the last one's.

    harness train digits lite0
    """
    return FeatureRegression(
        backbone="efficientnet-lite0", side=64, layers=("block3b_add", "block5c_add"), grid=(1, 3, 10, 30, 100)
    )


@recipe
def blend():
    """The average of both.

    make submit COMP=digits
    """
    return Blend(of=("pixels", "minivggnet"))


default = blend
