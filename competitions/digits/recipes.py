"""Recipes for the digits."""

from harness.recipes import Blend, FeatureRegression, LogisticRegression, Network, recipe


@recipe
def pixels():
    """Logistic regression on the 64 pixels."""
    return LogisticRegression(size=(8, 8), c=0.1)


@recipe
def minivggnet():
    """MiniVGGNet on enlarged digits with small shifts, rotations and zooms, without flips; TTA over five crops."""
    return Network(
        network="minivggnet",
        size=(16, 16),
        pad=1,
        rotation=10,
        zoom=0.1,
        epochs=12,
        batch_size=64,
        optimizer="adam",
        learning_rate=2e-3,
        schedule="cosine",
        tta="crops",
    )


@recipe
def lite0():
    """Features of an early and a late layer of EfficientNet-Lite0, into logistic regression.

    Digits differ from the photographs it was trained on: its early layers are more useful here than the last one.

    harness train digits lite0
    """
    return FeatureRegression(
        backbone="efficientnet-lite0", side=64, layers=("block3b_add", "block5c_add"), c=(1, 3, 10, 30, 100)
    )


@recipe
def blend():
    """The average of `pixels` and `minivggnet`.

    make submit COMP=digits
    """
    return Blend(of=("pixels", "minivggnet"))


default = blend
