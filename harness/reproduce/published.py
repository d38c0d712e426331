"""The published experiments that recipes reproduce, with their published scores. Our scores come from run records.

Source: Rosebrock, Deep Learning for Computer Vision with Python (2017).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One experiment.

    Args:
        number: its row in the table of results.
        competition: the name of the competition's folder; ``harness new`` creates those that are not included.
        recipe: the recipe's name in the competition.
        what: a short description.
        published: the published score, which is top-1 accuracy unless stated otherwise.
    """

    number: int
    competition: str
    recipe: str
    what: str
    published: str

    @property
    def command(self) -> str:
        """The command that runs the experiment."""
        return f"harness train {self.competition} {self.recipe}"


ROWS = (
    Row(1, "flowers17", "minivggnet_plain", "MiniVGGNet without augmentation", "62 to 64 %"),
    Row(2, "flowers17", "minivggnet_augmented", "MiniVGGNet with augmentation", "68 to 71 %"),
    Row(3, "flowers17", "vgg16", "VGG16 features, logistic regression", "92.06 %, 99.41 % top-5"),
    Row(4, "flowers17", "finetune_vgg16", "VGG16, fine-tuned", "90 % after the warm-up, then 94 to 95 %"),
    Row(5, "animals", "vgg16", "three animals, VGG16 features, logistic regression", "98 %"),
    Row(6, "caltech101", "vgg16", "CALTECH-101, VGG16 features, logistic regression", "95.58 %, 99.45 % top-5"),
    Row(7, "cifar10", "minivggnets", "five MiniVGGNets, averaged", "82 to 83 % each, 84 % together"),
    Row(8, "dogs_vs_cats", "alexnet", "AlexNet", "92.97 % in validation; test 92.60 %, with ten crops 94.00 %"),
    Row(9, "dogs_vs_cats", "resnet50", "ResNet50 features, logistic regression", "98.69 %"),
    Row(10, "cifar10", "minigooglenet", "MiniGoogLeNet", "90.81 %; from 0.001 87.95 %, from 0.01 91.79 %"),
    Row(
        11, "tiny_imagenet", "deepergooglenet", "DeeperGoogLeNet", "55.77 % in validation; test 54.38 %, 78.96 % top-5"
    ),
    Row(12, "cifar10", "resnet", "ResNet (9, 9, 9)", "93.58 %"),
    Row(13, "tiny_imagenet", "resnet", "ResNet (3, 4, 6)", "58.32 % in validation; test 58.03 %, 80.46 % top-5"),
)
