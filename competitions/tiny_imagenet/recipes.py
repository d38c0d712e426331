"""Recipes for Tiny ImageNet.

Recipes with pretrained features use networks trained on ImageNet, which contains these very classes. They are of the
kind "pretrained"; do not compare their scores with those of the kind "from scratch".
"""

import dataclasses

from harness.recipes import Blend, FeatureRegression, LogisticRegression, Network, recipe


@recipe
def pixels():
    """Logistic regression on 16x16 pixels, on the first of the five folds: the baseline to beat."""
    return LogisticRegression(size=(16, 16), c=1e-4, folds=1, iterations=50)


@recipe
def minivggnet():
    """MiniVGGNet at 64x64 with shifts and flips, on the first of the five folds; TTA over ten crops.

    harness train tiny_imagenet minivggnet
    """
    return Network(
        network="minivggnet",
        folds=1,
        size=(64, 64),
        pad=6,
        flip=True,
        epochs=12,
        batch_size=128,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="cosine",
        tta="ten_crop",
    )


@recipe
def airbench():
    """The fast network of CIFAR-10 with a fourth block, on the first of the five folds; TTA over six views.

    Source: harness/models/networks/airbench.py. Rates are those of CIFAR-10 for a quarter of the batch size. Here, on
    16,000 images and a split of its own: 36.8 % out of fold, 38.1 % on the hold-out, twice what `minivggnet` reaches on
    the same images.

    harness train tiny_imagenet airbench
    """
    return Network(
        network="airbench",
        options={"widths": (64, 128, 256, 512)},
        whiten=True,
        folds=1,
        size=(64, 64),
        pad=4,
        edges="reflect",
        flip="alternating",
        cutout=16,
        label_smoothing=0.2,
        epochs=30,
        monitor="last",
        batch_size=256,
        momentum=0.85,
        coupled_decay=0.00133,
        norm_rate=64,
        lookahead=True,
        learning_rate=0.375,
        schedule="triangle",
        tta="diagonal",
        average="logits",
    )


@recipe
def airbench32():
    """`airbench` with three blocks on images reduced to 32x32, a third of the work an image, for fewer epochs.

    Here, on 16,000 images in bfloat16: 23.6 % out of fold, 25.1 % on the hold-out, in 7 CPU-minutes.

    make submit COMP=tiny_imagenet RECIPE=airbench32
    """
    return dataclasses.replace(
        airbench(), options={"widths": (64, 256, 256)}, size=(32, 32), pad=2, cutout=0, epochs=10
    )


@recipe
def airbench48():
    """`airbench` on images reduced to 48x48, half of the work an image, for fewer epochs; all five folds averaged.

    Here, on 16,000 images a fold in bfloat16: 33.6 % out of fold, 35.8 % on the hold-out, in 92 CPU-minutes.

    make submit COMP=tiny_imagenet
    """
    return dataclasses.replace(airbench(), folds=None, size=(48, 48), pad=3, cutout=0, epochs=15)


@recipe
def lite0():
    """Features of EfficientNet-Lite0, to the power 0.75, into logistic regression. It was trained on these classes.

    harness train tiny_imagenet lite0
    """
    return FeatureRegression(backbone="efficientnet-lite0", power=0.75, c=(3e-4, 1e-3, 3e-3, 1e-2, 3e-2))


@recipe
def blend():
    """The average of `pixels` and `minivggnet`.

    harness train tiny_imagenet blend
    """
    return Blend(of=("pixels", "minivggnet"))


@recipe
def deepergooglenet():
    """DeeperGoogLeNet with a learning rate that falls in steps.

    Published: validation 55.77 %; 54.38 % top-1, 78.96 % top-5 on a test split of its own. Measured here for 16
    epochs only, on 16,000 images: 15.6 % out of fold, 14.9 % on the hold-out.

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
        monitor="last",
        patience=70,
        batch_size=64,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="steps",
        milestones=((40, 1e-3), (60, 1e-4), (70, 1e-5)),
    )


@recipe
def resnet():
    """ResNet with stages of three, four and six modules and a learning rate that falls linearly from 0.1.

    Published: validation 58.32 %; 58.03 % top-1, 80.46 % top-5 on a test split of its own. Measured here for 4 epochs
    only. As published, ``reg`` applies to the stem and the dense layer, and the modules have their own 1e-4.

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
        monitor="last",
        patience=75,
        batch_size=64,
        nesterov=False,
        learning_rate=0.1,
        schedule="linear",
    )


@recipe
def wideresnet():
    """A wide ResNet (WRN-16-4) whose stem halves the images, trained like the one for CIFAR-10.

    Not published; not yet measured.

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
        label_smoothing=0.1,
        epochs=40,
        patience=40,
        batch_size=128,
        weight_decay=5e-4,
        learning_rate=0.2,
        schedule="one_cycle",
        tta="hflip",
    )


default = airbench48
