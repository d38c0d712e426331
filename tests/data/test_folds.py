"""Folds and hold-outs: every row once, classes in proportion, duplicates together, the same for the same seed."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.data.folds import ALWAYS_TRAIN, Folds, HoldOut, KFold, group_by
from harness.utils.errors import UserError

# Whatever can be a file's name, but for line breaks, which no data set may have in a name.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=12)
IDS = st.lists(NAMES, min_size=4, max_size=40, unique=True)


@st.composite
def labelled(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """Shuffled labels, and a number of folds that each class can fill."""
    k = draw(st.integers(2, 6))
    counts = draw(st.lists(st.integers(max(k, 4), 4 * k), min_size=1, max_size=5))
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(draw(st.integers(0, 99))).permutation(labels), k


def alone(labels: np.ndarray) -> np.ndarray:
    """No duplicates: each row is a group of its own."""
    return np.arange(len(labels))


@given(labelled(), st.integers(1, 3))
def test_every_row_is_validated_exactly_once_a_repeat_and_never_trained_on_then(case, repeats):
    labels, k = case
    folds = Folds(tuple(map(str, alone(labels))), KFold(k, repeats=repeats).split(labels, alone(labels)))
    assert len(folds) == k * repeats
    validated = np.zeros(len(labels), int)
    for train, validation in folds:
        assert sorted([*train, *validation]) == list(range(len(labels)))
        validated[validation] += 1
    assert (validated == repeats).all()


@given(labelled(), st.integers(0, 99))
def test_folds_differ_by_at_most_one_row_in_each_class_and_in_all(case, seed):
    labels, k = case
    split = KFold(k, seed=seed).split(labels, alone(labels))[:, 0]
    table = np.array([np.bincount(split[labels == label], minlength=k) for label in np.unique(labels)])
    assert np.ptp(table, axis=1).max() <= 1
    assert np.ptp(table.sum(axis=0)) <= 1


@given(labelled(), st.integers(0, 99))
def test_equal_images_are_never_split(case, seed):
    labels, k = case
    groups = group_by(np.random.default_rng(seed).integers(0, 2 * len(labels), len(labels)).astype(str))
    _, first = np.unique(groups, return_index=True)
    assume(np.bincount(labels[first], minlength=labels.max() + 1).min() >= k)
    for split in (KFold(k, seed=seed).split(labels, groups)[:, 0], HoldOut(0.4, seed=seed).cut(labels, groups)):
        for group in np.unique(groups):
            assert len(np.unique(split[groups == group])) == 1


def test_the_seed_decides_and_each_repeat_is_shuffled_anew():
    labels = np.arange(60) % 3
    split = KFold(5, repeats=2, seed=1).split(labels, alone(labels))
    assert (split == KFold(5, repeats=2, seed=1).split(labels, alone(labels))).all()
    assert (split != KFold(5, repeats=2, seed=7).split(labels, alone(labels))).any()
    assert (split[:, 0] != split[:, 1]).any()
    held = HoldOut(0.2, seed=1).cut(labels, alone(labels))
    assert (held == HoldOut(0.2, seed=1).cut(labels, alone(labels))).all()
    assert (held != HoldOut(0.2, seed=7).cut(labels, alone(labels))).any()


def test_the_only_image_of_a_class_stays_in_training_with_its_copies(capsys):
    labels = np.array([0] * 6 + [1] * 6 + [2] * 2)
    groups = np.array([0, 0, 0, 0, 1, 2, *range(3, 9), 9, 9])
    folds = KFold(4).split(labels, groups)[:, 0]
    assert (folds[-2:] == ALWAYS_TRAIN).all() and (folds[:-2] >= 0).all()
    # Of a class of three images, three folds have one each.
    assert len({*folds[[0, 4, 5]]}) == 3
    assert "2 rows stay in training: they have a class that no other fold would have" in "".join(capsys.readouterr())
    for part in (HoldOut(0.5).cut(labels, groups), KFold(validation=6).split(labels, groups)[:, 0] == 0):
        assert part.any() and not part[-2:].any()


@given(labelled(), st.floats(0.2, 0.8))
def test_a_fraction_or_a_number_of_rows_is_exact_and_in_proportion(case, fraction):
    labels, _ = case
    wanted = round(fraction * len(labels))
    for part in (fraction, wanted if wanted > 1 else fraction):
        held = HoldOut(part).cut(labels, alone(labels))
        assert held.sum() == wanted
        share = np.bincount(labels) * wanted / len(labels)
        assert (abs(np.bincount(labels[held], minlength=len(share)) - share) < 1).all()
        single = KFold(validation=part).split(labels, alone(labels))
        assert single.shape == (len(labels), 1)
        assert (single == 0).sum() == wanted and (single == ALWAYS_TRAIN).sum() == len(labels) - wanted


@given(labelled(), st.integers(0, 99))
def test_a_hold_out_with_duplicates_never_takes_more_than_was_asked(case, seed):
    labels, _ = case
    groups = np.random.default_rng(seed).integers(0, len(labels), len(labels))
    assert HoldOut(0.3).cut(labels, groups).sum() <= round(0.3 * len(labels))


@given(labelled(), st.integers(0, 99), st.integers(2, 12))
def test_no_class_is_starved_by_a_big_group_of_copies(case, seed, copies):
    """A class has half of its share, or lacks less than the smallest group that was left out of it."""
    labels, _ = case
    groups = alone(labels)
    groups[np.flatnonzero(labels == labels[0])[:copies]] = len(labels)
    assume(len(np.unique(groups[labels == labels[0]])) > 1)
    held = HoldOut(0.3, seed=seed).cut(labels, groups)
    share = np.bincount(labels) * round(0.3 * len(labels)) / len(labels)
    for label in np.unique(labels):
        left_out = groups[(labels == label) & ~held]
        smallest = np.unique(left_out, return_counts=True)[1].min()
        taken = held[labels == label].sum()
        assert 2 * taken >= np.floor(share[label]) or taken + smallest > np.floor(share[label])


@pytest.mark.parametrize(("copies", "again"), [(1, False), (2, False), (11, True)])
def test_only_a_big_group_changes_a_key(copies, again):
    labels = np.arange(200) % 2
    groups = alone(labels)
    groups[: 2 * copies : 2] = 0
    assert KFold(validation=0.2).filled_again(labels, groups) == again
    assert not KFold(5).filled_again(labels, groups)


@pytest.mark.parametrize("part", [0.0, 0.001, 20, 21])
def test_a_part_that_leaves_nothing_on_one_side_is_refused(part):
    labels = np.arange(20) % 2
    with pytest.raises(UserError, match="of 20 rows leaves one side of the split empty"):
        HoldOut(part).cut(labels, alone(labels))


def test_fewer_images_than_folds_are_refused():
    with pytest.raises(UserError, match="5 folds need 5 different training images of classes"):
        KFold(5).split(np.array([0, 0, 0, 0, 1]), np.arange(5))
    with pytest.raises(UserError, match="each class has one image"):
        HoldOut(0.5).cut(np.arange(6), np.arange(6))


@pytest.mark.parametrize("k", [0, 1])
def test_fewer_than_two_folds_are_refused(k):
    with pytest.raises(UserError, match=f"KFold needs k >= 2 folds and repeats >= 1. Received: k={k}"):
        KFold(k).split(np.arange(8) % 2, np.arange(8))


@given(IDS, st.integers(1, 3))
def test_a_csv_gives_back_what_was_written(tmp_path_factory, ids, repeats):
    labels = np.zeros(len(ids), int)
    folds = Folds(tuple(ids), KFold(3, repeats=repeats).split(labels, alone(labels)))
    path = tmp_path_factory.mktemp("folds") / "folds.csv"
    folds.write(path)
    read = Folds.read(path, folds.ids)
    assert read.ids == folds.ids and (read.assignment == folds.assignment).all()


def test_a_csv_is_joined_by_id_whatever_its_order(tmp_path: Path):
    path = tmp_path / "folds.csv"
    ids = tuple(f"{i}.png" for i in range(12))
    folds = Folds(ids, np.arange(12)[:, None] % 3)
    folds.write(path)
    header, *lines = path.read_text().splitlines()
    random.Random(1).shuffle(lines)
    path.write_text("\n".join([header, *lines]))
    assert (Folds.read(path, ids).assignment == folds.assignment).all()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,fold\na,0\nb,1\n", "2 training ids are missing from it \\(c, d\\)"),
        ("id,fold\na,0\nb,1\nc,0\nd,1\ne,1\n", "1 of its ids are not training rows \\(line 6: 'e'\\)"),
        ("id,fold\na,0\nb,1\nc,0\nx,1\n", "1 training ids are missing.*; 1 of its ids are not training rows"),
        ("id,fold\na,0\nb,1\nc,0\nd,1\na,1\nb,1\n", "line 6: it lists the id 'a' twice: line 2 has it too"),
        ("id,fold\na,0\nb,2\nc,0\nd,2\n", "line 3: it gives fold 2, and no line gives 1: gaps"),
        ("id,fold\na,0\nb,1\nc,0\nd,-2\n", "line 5: the fold of 'd' is -2, below -1"),
        ("id,fold\na,-1\nb,-1\nc,-1\nd,-1\n", "validates no row"),
        ("id,fold\na,0\nb,1\nc,0\nd,red\n", "line 5: the fold of 'd' is 'red', no whole number"),
        ("id,fold\na,0\nb,1,1\nc,0\nd,1\n", "line 3: it has 3 cells, and the first line has 2"),
        ("id,fold\na,0\n\nb,1\nc,0\nd,1\n", "line 3: it has 0 cells"),
        ("id,fold\na,0\nb,1\nc,0\nd," + "1" * 31, "line 5: .* no whole number"),
        ("id,fold\na,0\nb,0\nc,0\nd,0\n", "gives every row fold 0, which leaves none to train on"),
        ('id,fold\na,0\nb,1\nc,0\n"d,1\n', "line 5: unexpected end of data"),
        ("a,0\nb,1\nc,0\nd,1\n", "line 1: it is 'a,0', and should be id,fold"),
        ("id\na\nb\nc\nd\n", "not a CSV of folds"),
        ("", "not a CSV of folds"),
        ("PK\x03\x04 rubbish\r\r\n\x00", "not a CSV of folds"),
    ],
)
def test_a_bad_csv_is_refused_in_words(tmp_path: Path, text, told):
    path = tmp_path / "folds.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=told):
        Folds.read(path, ("a", "b", "c", "d"))


def test_what_is_no_csv_at_all_is_refused_in_words(tmp_path: Path):
    with pytest.raises(UserError, match="there is no folds file"):
        Folds.read(tmp_path / "nothing.csv", ("a",))
    with pytest.raises(UserError, match="not a CSV of folds"):
        Folds.read(tmp_path, ("a",))
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(UserError, match="not a CSV of folds"):
        Folds.read(tmp_path / "picture.csv", ("a",))


# Groups that hold several classes: patients, places.


@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(2, 4))
def test_no_group_is_on_both_sides_and_each_class_can_be_learned(seed, k, classes):
    random = np.random.default_rng(seed)
    groups = random.integers(0, 30, 200)
    labels = (groups + random.integers(0, 2, 200)) % classes
    folds = KFold(k).split(labels, groups, grouped=True)[:, 0]
    assert all(len(set(folds[groups == group])) == 1 for group in set(groups))
    for fold in range(k):
        assert (folds == fold).any() and set(labels[folds != fold]) == set(labels)
    held_out = HoldOut(0.25).cut(labels, groups, grouped=True)
    assert 0.1 < held_out.mean() < 0.4
    assert not set(groups[held_out]) & set(groups[~held_out])


@pytest.mark.parametrize("part", [0.1, 0.25, 0.29, 0.4, 0.6, 0.75, 0.9, 1200])
def test_a_part_of_groups_has_about_the_size_that_was_asked_for(part: float):
    random = np.random.default_rng(0)
    groups = random.permutation(np.repeat(np.arange(1000), 3))
    labels = random.integers(0, 3, 3000)
    held = HoldOut(part).cut(labels, groups, grouped=True)
    asked = part if part < 1 else part / 3000
    assert abs(held.mean() - asked) <= 0.11 * asked
    assert not set(groups[held]) & set(groups[~held])
    assert (KFold(validation=part).split(labels, groups, grouped=True)[:, 0] == np.where(held, 0, -1)).all()
    assert KFold(validation=part).filled_again(labels, groups, grouped=True) == (part not in (0.1, 0.25))


def test_a_class_that_only_the_held_out_groups_have_stays_in_training():
    groups = np.repeat(np.arange(20), 4)
    labels = np.where(groups < 2, 2, np.arange(80) % 2)
    for seed in range(20):
        held = HoldOut(0.6, seed).cut(labels, groups, grouped=True)
        assert 2 in labels[~held]


@pytest.mark.parametrize("part", [0, 60, 100])
def test_a_part_of_groups_that_leaves_nothing_on_one_side_is_refused(part: int):
    with pytest.raises(UserError, match="of 60 rows leaves one side of the split empty"):
        HoldOut(part).cut(np.arange(60) % 2, np.arange(60) // 3, grouped=True)


def test_a_class_of_one_group_stays_in_training(capsys):
    groups = np.repeat(np.arange(20), 4)
    labels = np.where(groups == 7, 2, np.arange(80) % 2)
    folds = KFold(4).split(labels, groups, grouped=True)[:, 0]
    assert (folds[groups == 7] == -1).all() and (folds[groups != 7] >= 0).all()
    assert "4 rows stay in training: they have a class that no other fold would have" in "".join(capsys.readouterr())


def test_groups_of_classes_that_all_have_few_images_are_split_all_the_same():
    labels, groups = np.repeat(np.arange(8), 3), np.arange(24) // 2  # three images a class, in pairs
    folds = KFold(5).split(labels, groups, grouped=True)[:, 0]
    assert all(len({*folds[groups == group]}) == 1 for group in groups)
    for fold in range(5):
        assert (folds == fold).any() and {*labels[folds != fold]} == {*labels}


@pytest.mark.parametrize("split", [HoldOut(1.5).cut, KFold(validation=1.5).split])
def test_a_part_of_a_row_is_refused(split):
    with pytest.raises(UserError, match=r"a part of 1\.5 rows is no whole number"):
        split(np.arange(60) % 2, np.arange(60))


def test_fewer_groups_than_folds_are_refused():
    with pytest.raises(UserError, match="5 parts need 5 groups, and there are 3"):
        KFold(5).split(np.arange(12) % 2, np.arange(12) % 3, grouped=True)


def test_copies_that_any_repeat_separates_are_a_leak():
    folds = Folds(("a", "copy of a", "b"), np.array([[0, 0], [0, 1], [1, 1]]))
    assert folds.leaks(np.array([0, 0, 1])) == [("a", "copy of a")]


def test_each_repeat_of_a_csv_is_checked(tmp_path: Path):
    (tmp_path / "folds.csv").write_text("id,fold_1,fold_2\na,0,0\nb,1,2\n")
    with pytest.raises(UserError, match="line 3: it gives fold 2, and no line gives 1: gaps"):
        Folds.read(tmp_path / "folds.csv", ("a", "b"))
