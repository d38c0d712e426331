"""Harness: a Kaggle-style image-competition harness on Keras 3."""

__version__ = "0.1.0"
