"""EfficientNet-Lite against the same network in PyTorch, on the same weights; runs where PyTorch is installed."""

from __future__ import annotations

import math

import pytest

from harness.models.backbones import BACKBONES, efficientnet_lite

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from tests.models.backbones.conftest import difference  # noqa: E402

pytestmark = pytest.mark.model


class Same(nn.Conv2d):
    """A convolution padded as TensorFlow does it: the odd pixel at the bottom and on the right."""

    def forward(self, x):
        pads = []
        for length, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((math.ceil(length / stride) - 1) * stride + kernel - length, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(functional.pad(x, pads))


class Block(nn.Module):
    def __init__(self, before: int, after: int, expand: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = before * expand
        if expand > 1:
            self._expand_conv, self._bn0 = Same(before, wide, 1, bias=False), norm(wide)
        self._depthwise_conv = Same(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = norm(wide)
        self._project_conv, self._bn2 = Same(wide, after, 1, bias=False), norm(after)
        self.expands, self.shortcut = expand > 1, stride == 1 and before == after

    def forward(self, x):
        y = functional.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.shortcut else y


class Lite(nn.Module):
    def __init__(self, width: float, depth: float) -> None:
        super().__init__()
        blocks, before = [], 32
        for number, (repeats, kernel, stride, expand, filters) in enumerate(efficientnet_lite.STAGES):
            inner = 0 < number < 6
            after = round(width * filters / 8) * 8
            for repeat in range(math.ceil(depth * repeats) if inner else repeats):
                blocks.append(Block(before, after, expand, kernel, 1 if repeat else stride))
                before = after
        self._conv_stem, self._bn0 = Same(3, 32, 3, 2, bias=False), norm(32)
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = Same(before, 1280, 1, bias=False), norm(1280)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, x):
        x = functional.relu6(self._bn0(self._conv_stem((x - 127) / 128)))
        for block in self._blocks:
            x = block(x)
        features = functional.relu6(self._bn1(self._conv_head(x))).mean((2, 3))
        return features, functional.softmax(self._fc(features), 1)


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


@pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"])
def test_features_and_probabilities_are_pytorchs(name: str, pixels) -> None:
    backbone = BACKBONES[name]
    reference = Lite(backbone.width, backbone.depth)
    reference.load_state_dict(torch.load(backbone.weights_file(), weights_only=True))
    images = pixels(2, backbone.side)
    with torch.no_grad():
        features, probabilities = reference.eval()(torch.tensor(images).permute(0, 3, 1, 2).float())
    assert difference(backbone.build().predict(images, verbose=0), features.numpy()) < 1e-4
    assert difference(backbone.network().predict(images, verbose=0), probabilities.numpy()) < 1e-4
