"""What starting Keras leaves out of a user's log."""

from __future__ import annotations

import logging

import pytest

from harness.models import keras_backend


@pytest.mark.model
def test_that_each_fold_has_a_network_of_its_own_is_no_warning_for_users():
    if keras_backend.start(seed=0) != "tensorflow":
        pytest.skip("TensorFlow's own words")
    keras_backend.start(seed=0)
    logger, told = logging.getLogger("tensorflow"), "%d out of the last %d calls to %s triggered tf.function retracing."
    for words, is_told in ((told, False), ("The disk is full.", True)):
        record = logger.makeRecord("tensorflow", logging.WARNING, "here", 1, words, (), None)
        assert bool(logger.filter(record)) == is_told
    assert len(logger.filters) == len({*logger.filters})
