"""The fast network in PyTorch, eager and channels last: trains some steps for each line that it reads.

Started by ``bench_kernels.py --torch PYTHON``.
"""

from __future__ import annotations

import sys

import torch
from torch import nn


def conv(channels: int, filters: int) -> nn.Module:
    return nn.Conv2d(channels, filters, 3, padding="same", bias=False)


def main(batch_size: int, side: int, steps: int, bfloat16: bool) -> None:
    layers, channels = [], 3
    for filters in (64, 256, 256):
        layers += [conv(channels, filters), nn.MaxPool2d(2), nn.BatchNorm2d(filters), nn.GELU()]
        layers += [conv(filters, filters), nn.BatchNorm2d(filters), nn.GELU()]
        channels = filters
    model = nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(channels, 10, bias=False))
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    images = torch.randn(batch_size, 3, side, side).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (batch_size,))
    for _ in sys.stdin:
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                loss = nn.functional.cross_entropy(model(images).float() / 9, labels)
            loss.backward()
            optimizer.step()
        print("done", flush=True)


if __name__ == "__main__":
    batch_size, side, steps, bfloat16 = map(int, sys.argv[1:])
    main(batch_size, side, steps, bool(bfloat16))
