"""Which weights a soup averages: on the rows it was chosen on, never those that predict worse than the best member."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.ensembles.soup import choose, cross_fitted
from harness.scoring.metrics import METRICS
from tests.ensembles.cases import case

SKILLS = st.lists(st.floats(-1, 3), min_size=2, max_size=5)


def soup_of(probabilities, spoilt: float = 0.0):
    """Stands for a network: what it predicts with averaged weights is its members' average, noise added."""

    def predict(members: tuple[str, ...]) -> np.ndarray:
        found = np.mean([probabilities[int(name)] for name in members], axis=0)
        return found if len(members) == 1 else (1 - spoilt) * found + spoilt / found.shape[1]

    return predict


@given(st.integers(0, 10_000), SKILLS, st.floats(0, 1), st.permutations(range(5)))
def test_a_soup_is_never_worse_than_its_best_member_whatever_their_order(seed, skills, spoilt, order):
    probabilities, labels = case(seed, tuple(skills), 60, 3)
    names = tuple(str(number) for number in range(len(skills)))
    found = choose(names, soup_of(probabilities, spoilt), labels)
    losses = [METRICS["log_loss"].score(labels, each) for each in probabilities]
    assert found.log_loss <= min(losses) == next(iter(found.members.values()))
    assert str(int(np.argmin(losses))) in found.taken or losses.count(min(losses)) > 1
    assert len(found.tried) == len(skills) - 1
    shuffled = tuple(str(number) for number in order if number < len(skills))
    assert choose(shuffled, soup_of(probabilities, spoilt), labels) == found


def test_what_makes_it_worse_is_not_taken_and_what_makes_it_better_is():
    probabilities, labels = case(1, (2.0, 2.0, -3.0), 400, 4)
    assert choose(("0", "1", "2"), soup_of(probabilities), labels).taken in {("0",), ("1",), ("0", "1")}
    assert "2" not in choose(("2", "0"), soup_of(probabilities), labels).taken
    alike = np.stack([probabilities[0], probabilities[0]])
    assert choose(("0", "1"), soup_of(alike), labels).taken == ("0", "1"), "no worse is enough"


def test_what_shines_on_a_part_alone_is_not_chosen_for_that_part():
    labels, parts = np.arange(100) % 3, np.arange(100) // 3 % 5
    sure = np.where(parts == 2, [[0.6], [0.99]], [[0.6], [0.55]])  # member 1 is the better one of all rows together
    probabilities = np.repeat(((1 - sure) / 2)[..., None], 3, axis=2)
    np.put_along_axis(probabilities, np.broadcast_to(labels, sure.shape)[..., None], sure[..., None], axis=2)
    assert choose(("0", "1"), soup_of(probabilities, 1.0), labels).taken == ("1",)
    found = cross_fitted(("0", "1"), soup_of(probabilities, 1.0), labels, parts)
    assert np.array_equal(found[parts == 2], probabilities[0, parts == 2])
