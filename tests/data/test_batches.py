"""Batches: every row each epoch, in an order that the seed alone decides."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.model

LABELS = np.arange(23, dtype=np.int32) % 4
# Each image is filled with its own row number, so that a batch tells which rows it holds.
IMAGES = np.repeat(np.arange(23, dtype=np.uint8), 2 * 2 * 3).reshape(23, 2, 2, 3)
ROWS = np.array([1, 2, 3, 5, 8, 13, 21, 0, 4, 22])


def batches(rows=ROWS, labels=LABELS, batch_size=4, **more):
    from harness.data.batches import Batches

    return Batches(IMAGES, rows, labels, batch_size, **more)


def rows_of(images: np.ndarray) -> list[int]:
    return images[:, 0, 0, 0].astype(int).tolist()


def epoch(made) -> list[int]:
    found = [row for index in range(len(made)) for row in rows_of(made[index][0])]
    made.on_epoch_end()
    return found


def test_without_a_seed_the_rows_come_as_they_are_the_last_partial_batch_included():
    made = batches()
    assert [len(made[i][0]) for i in range(len(made))] == [4, 4, 2]
    assert epoch(made) == epoch(made) == ROWS.tolist()


def test_with_a_seed_each_epoch_has_every_row_in_an_order_of_its_own_and_whole_batches_alone():
    first, again, other = batches(seed=1), batches(seed=1), batches(seed=2)
    epochs = [epoch(first) for _ in range(3)]
    for found in epochs:  # 10 rows and 2 more make 3 batches of 4
        assert sorted(found[:10]) == sorted(ROWS.tolist()) and found[10:] == found[:2]
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs == [epoch(again) for _ in range(3)]
    assert epochs[0] != epoch(other)


@pytest.mark.parametrize(("batch", "expected"), [(1, [1] * 10), (5, [5, 5]), (9, [9, 9]), (10, [10]), (64, [10])])
def test_no_batch_is_larger_than_there_are_rows(batch, expected):
    made = batches(seed=1, batch_size=batch)
    assert [len(made[index][0]) for index in range(len(made))] == expected
    assert set(epoch(made)) == set(ROWS.tolist())


def test_labels_go_with_their_images():
    for made in (batches(), batches(seed=3)):
        for index in range(len(made)):
            images, labels = made[index]
            assert np.array_equal(labels, LABELS[rows_of(images)])
    assert rows_of(batches(labels=None)[2]) == [4, 22]


def test_batches_may_be_asked_for_in_any_order():
    made = batches(seed=5)
    expected = [rows_of(batches(seed=5)[index][0]) for index in range(3)]
    assert [rows_of(made[index][0]) for index in (2, 0, 2, 1, 1)] == [expected[i] for i in (2, 0, 2, 1, 1)]


def test_keras_trains_and_predicts_on_the_rows_it_was_given():
    import keras

    from harness.models import keras_backend

    keras_backend.start(seed=1)
    inputs = keras.Input((2, 2, 3), dtype="uint8")
    seen = keras.layers.Lambda(lambda x: keras.ops.cast(x[:, 0, 0, :1], "float32"))(inputs)
    model = keras.Model(inputs, seen)
    model.compile(loss="mse")
    assert model.predict(batches(labels=None), verbose=0)[:, 0].astype(int).tolist() == ROWS.tolist()
    # The loss over one epoch of the identity is the mean square of rows against labels: only right if none is lost.
    expected = np.mean((ROWS.astype(float) - LABELS[ROWS]) ** 2)
    for made in (batches(), batches(seed=1, batch_size=5)):
        assert np.isclose(model.evaluate(made, verbose=0), expected, rtol=1e-5)


def test_alternating_mirrors_each_image_in_every_other_epoch_and_half_of_them_in_each():
    images = np.arange(40 * 2 * 3 * 3).reshape(40, 2, 3, 3).astype(np.uint8)
    rows = np.arange(4, 36)
    from harness.data.batches import Batches

    batches = Batches(images, rows, np.arange(40), 8, seed=3, alternate=True)
    mirrored: list[set[int]] = []
    for _ in range(4):
        this_epoch = set()
        for number in range(len(batches)):
            for image, row in zip(*batches[number], strict=True):
                if np.array_equal(image, images[row][:, ::-1]):
                    this_epoch.add(int(row))
                else:
                    assert np.array_equal(image, images[row])
        mirrored.append(this_epoch)
        batches.on_epoch_end()
    assert len(mirrored[0]) == 16 and mirrored[0] == mirrored[2]
    assert mirrored[1] == set(rows.tolist()) - mirrored[0] == mirrored[3]
