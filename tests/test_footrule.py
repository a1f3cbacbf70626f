"""Footrule of the top k: the definition, laws, ties, pools, refusals."""

import re
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tolerances import REORDERED
from transferscore import footrule, reference


@st.composite
def problems(draw):
    """Scores and measured values with ties, what is kept, whose top, which pool, and a k."""
    n = draw(st.integers(1, 9))
    x, y = (draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)) for _ in range(2))
    kept = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    kept[draw(st.integers(0, n - 1))] = True
    top, pool = (
        draw(st.sampled_from(["scores", "measured"])),
        draw(st.sampled_from(["all", "kept"])),
    )
    return x, y, kept, top, pool, draw(st.integers(1, n if pool == "all" else sum(kept)))


@given(problems())
@settings(max_examples=300, deadline=None)
def test_every_value_is_that_of_the_definition(problem):
    x, y, kept, top, pool, k = problem
    expected = reference.footrule(x, y, k=k, top=top, kept=kept, pool=pool)
    value = footrule(x, y, k=k, top=top, kept=kept, pool=pool)
    assert value == pytest.approx(expected, rel=REORDERED)
    positions = np.flatnonzero(kept)
    assert footrule(x, y, k=[k, 1], top=top, kept=positions, pool=pool)[0] == value


def test_all_rankings_of_four_by_hand():
    """Without ties it is the sum of |i - rank| over the first k places."""
    for measured_ranks in permutations([1, 2, 3, 4]):
        y = [-rank for rank in measured_ranks]
        expected = np.cumsum([abs(i - rank) for i, rank in enumerate(measured_ranks, start=1)])
        np.testing.assert_array_equal(footrule([4, 3, 2, 1], y, k=[1, 2, 3, 4]), expected)


@given(st.permutations(range(7)), st.permutations(range(7)))
def test_laws(x, y):
    n = len(x)
    total = footrule(x, y)
    assert 0 <= total <= n**2 // 2
    assert total == footrule(y, x)
    assert footrule(x, x) == 0
    assert footrule(x, [-value for value in x]) == n**2 // 2
    growing = footrule(x, y, k=range(1, n + 1))
    assert np.all(np.diff(growing) >= 0)
    assert growing[-1] == total
    # A monotone map of either and another order of the items change nothing.
    order = np.argsort(y)
    moved = footrule(np.exp(np.array(x))[order], 3.0 * np.array(y)[order] - 1, k=3)
    assert moved == footrule(x, y, k=3)
    # The top of one is the top of the other, swapped.
    assert footrule(x, y, k=3) == footrule(y, x, k=3, top="measured")


def test_ties_share_ranks_and_places():
    # All scores equal: every item has rank 2.5, and half of each counts for k = 2.
    assert footrule([1, 1, 1, 1], [4, 3, 2, 1], k=2) == 0.5 * (1.5 + 0.5 + 0.5 + 1.5)
    # The mean over all ways to break the tie at the border, with the shared ranks.
    y = [9, 5, 7, 1]
    ways = [footrule([3, 2 + e, 2 - e, 1], y, k=2) for e in (0.1, -0.1)]
    ranks = abs(1 - 1) + (abs(2.5 - 3) + abs(2.5 - 2)) / 2
    assert footrule([3, 2, 2, 1], y, k=2) == ranks
    assert ways == [1, 0]


def test_a_smaller_pool_has_a_smaller_footrule_by_itself():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 40))
    whole, pools = footrule(x, y, k=4), []
    for _ in range(200):
        pools.append(footrule(x, y, k=4, kept=rng.permutation(40)[:8], pool="kept"))
    assert np.mean(pools) < whole / 2


def test_dropped_items_rank_behind_kept_ones():
    x, y = [5, 4, 3, 2, 1], [1, 2, 3, 4, 5]
    kept = [False, False, True, True, True]
    # Kept: 3, 2, 1 take the places 1, 2, 3; in truth they have 3, 2, 1.
    assert footrule(x, y, k=3, kept=kept) == 2 + 0 + 2
    assert footrule(x, y, k=3, kept=kept) == footrule([0.5, 0.4, 3, 2, 1], y, k=3)
    # The best in truth is item 4, in place 3 of the list; item 0 is worst, in place 4.
    assert footrule(x, y, k=1, kept=kept, top="measured") == 2
    # In a pool of its own: ranks 1, 2, 3 against 3, 2, 1.
    assert footrule(x, y, k=1, kept=kept, pool="kept") == 2


REFUSED = {
    "lengths": (([1, 2], [1]), {}, ValueError, "must have the same length, got 2 and 1"),
    "nan": (([1, np.nan], [1, 2]), {}, ValueError, "`scores` must be finite, got nan at 1"),
    "text": ((["a"], [1]), {}, TypeError, "`scores` must hold real numbers"),
    "nothing": (([], []), {}, ValueError, "`scores` must have shape (k,) with k > 0"),
    "k": (([1, 2], [1, 2]), {"k": 3}, ValueError, "`k` must be at most 2, the items, got 3"),
    "k of kept": (
        ([1, 2], [1, 2]),
        {"k": 2, "kept": [0], "pool": "kept"},
        ValueError,
        "`k` must be at most 1, the kept items, got 2",
    ),
    "k zero": (([1, 2], [1, 2]), {"k": 0}, ValueError, "`k` must be at least 1, got 0"),
    "k half": (([1, 2], [1, 2]), {"k": [1, 1.5]}, TypeError, "`k` must be an integer, got 1.5"),
    "no k": (([1, 2], [1, 2]), {"k": []}, ValueError, "`k` must be an integer or several"),
    "top": (([1, 2], [1, 2]), {"top": "truth"}, ValueError, "`top` must be 'scores' or"),
    "pool": (([1, 2], [1, 2]), {"pool": "full"}, ValueError, "`pool` must be 'all' or"),
    "mask": (([1, 2], [1, 2]), {"kept": [True]}, ValueError, "must have shape (2,) where it is a"),
    "none kept": (([1, 2], [1, 2]), {"kept": [False] * 2}, ValueError, "at least one item"),
    "no positions": (([1, 2], [1, 2]), {"kept": []}, ValueError, "at least one item"),
    "positions": (([1, 2], [1, 2]), {"kept": [2]}, ValueError, "positions from 0 to 1, got [2]"),
    "half": (([1, 2], [1, 2]), {"kept": [0.5]}, TypeError, "booleans or positions, got dtype"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    args, kwargs, error, text = REFUSED[case]
    with pytest.raises(error, match=re.escape(text)):
        footrule(*args, **kwargs)
