"""Readers: one layout a file. A reader turns an organiser's folder into rows."""

from harness.data.readers.class_folders import ClassFolders
from harness.data.readers.digits import SklearnDigits

__all__ = ["ClassFolders", "SklearnDigits"]
