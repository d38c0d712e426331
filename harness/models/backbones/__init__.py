"""Networks trained on ImageNet, by name. EfficientNet-Lites come with their weights; others download them once."""

from __future__ import annotations

import dataclasses

from harness.models.backbones.applications import Application
from harness.models.backbones.backbone import Backbone
from harness.models.backbones.packaged import EfficientNetLite
from harness.utils.errors import UserError, nearest

BACKBONES: dict[str, Backbone] = {
    backbone.name: backbone
    for backbone in (
        EfficientNetLite("efficientnet-lite0", 224),
        EfficientNetLite("efficientnet-lite1", 240, depth=1.1),
        EfficientNetLite("efficientnet-lite2", 260, width=1.1, depth=1.2),
        Application(
            "vgg16", 224, "flatten", 25088,
            function="VGG16",
            path="vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
            digest="6d6bbae143d832006294945121d1f1fc",
            caffe=True,
        ),
        Application(
            "resnet50", 224, "conv5_block3_out", 2048,
            function="ResNet50",
            path="resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
            digest="4d473c1dd8becc155b73f8504c6f6626",
            caffe=True,
        ),
        Application(
            "efficientnetv2-b0", 224, "top_activation", 1280,
            function="EfficientNetV2B0",
            path="efficientnet_v2/efficientnetv2-b0_notop.h5",
            digest="893217f2bb855e2983157299931e43ff",
        ),
        Application(
            "efficientnetv2-s", 384, "top_activation", 1280,
            function="EfficientNetV2S",
            path="efficientnet_v2/efficientnetv2-s_notop.h5",
            digest="af0682fb74e8c54910f2d4393339c070",
        ),
        Application(
            "convnext-tiny", 224, -1, 768,
            function="ConvNeXtTiny",
            path="convnext/convnext_tiny_notop.h5",
            digest="d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
            pooled=True,
        ),
    )
}  # fmt: skip


def find(name: str, side: int | None = None) -> Backbone:
    """The backbone called ``name``.

    Args:
        name: a key of ``BACKBONES``.
        side: the height and width of its input images; None for those it was trained on.

    Raises:
        UserError: there is no backbone of this name.
    """
    if name not in BACKBONES:
        raise UserError(
            f"there is no backbone {name!r}. {nearest(name, [*BACKBONES])}", f"harness inspect {next(iter(BACKBONES))}"
        )
    backbone = BACKBONES[name]
    return backbone if side is None else dataclasses.replace(backbone, side=side)
