"""Readers, one layout per file. A reader turns an organiser's folder into rows."""

from harness.data.readers.cifar_batches import CifarBatches
from harness.data.readers.class_folders import ClassFolders
from harness.data.readers.class_in_name import ClassInName
from harness.data.readers.coco_json import CocoJson
from harness.data.readers.digits import SklearnDigits
from harness.data.readers.labels_file import LabelsFile
from harness.data.readers.numbered_files import NumberedFiles
from harness.data.readers.table import Table
from harness.data.readers.tiny_imagenet import TinyImageNet

__all__ = [
    "CifarBatches",
    "ClassFolders",
    "ClassInName",
    "CocoJson",
    "LabelsFile",
    "NumberedFiles",
    "SklearnDigits",
    "Table",
    "TinyImageNet",
]
