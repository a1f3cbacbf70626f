"""A filter beside none and beside random ones of its size."""

import re
from itertools import combinations

import numpy as np
import pytest

from tolerances import REORDERED
from transferscore import evaluate_filter, footrule, reference

N = 9


def problem(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, N))


def test_all_subsets_where_they_are_few():
    x, y = problem()
    kept = [0, 3, 4, 7]
    found = evaluate_filter(x, y, kept, n_random=126)  # 9 choose 4
    assert (found.n_random, found.n_kept, found.n_items) == (126, 4, 9)
    for pool, result in (("all", found.all), ("kept", found.kept)):
        for i, k in enumerate((1, 2, 3, 4)):
            values = []
            for chosen in combinations(range(N), 4):
                mask = np.isin(np.arange(N), chosen)
                values.append(reference.footrule(x, y, k=k, kept=mask, pool=pool))
            own = reference.footrule(x, y, k=k, kept=np.isin(np.arange(N), kept), pool=pool)
            expected = [own, np.mean(values), np.std(values), np.mean(np.array(values) <= own)]
            got = [result.filtered, result.random_mean, result.random_spread, result.as_good]
            np.testing.assert_allclose([column[i] for column in got], expected, rtol=REORDERED)
    np.testing.assert_array_equal(found.unfiltered, footrule(x, y, k=[1, 2, 3, 4]))
    assert found.lost == y.max() - y[kept].max()


@pytest.mark.parametrize("top", ["scores", "measured"])
def test_samples_come_near_all_subsets_and_are_seeded(top):
    x, y = problem(1)
    kept = np.arange(N) < 5
    every = evaluate_filter(x, y, kept, top=top, n_random=126)
    some = evaluate_filter(x, y, kept, top=top, n_random=125, random_state=3)
    assert some.n_random == 125
    assert str(some) == str(evaluate_filter(x, y, kept, top=top, n_random=125, random_state=3))
    rng = np.random.default_rng(3)
    assert str(some) == str(evaluate_filter(x, y, kept, top=top, n_random=125, random_state=rng))
    for pool in ("all", "kept"):
        off = getattr(some, pool).random_mean - getattr(every, pool).random_mean
        error = getattr(every, pool).random_spread / np.sqrt(125)
        assert np.all(np.abs(off) < 4 * error)
        assert not np.array_equal(off, np.zeros_like(off))


def test_a_filter_that_keeps_the_best_is_seen():
    y = np.arange(20.0)
    rng = np.random.default_rng(5)
    x = y + 12 * rng.normal(size=20)
    good, bad = y >= 14, y < 6
    seen = evaluate_filter(x, y, good)
    assert np.all(seen.all.filtered < seen.unfiltered)
    assert np.all(seen.all.filtered < seen.all.random_mean)
    assert seen.all.as_good[-1] < 0.05
    assert seen.lost == 0
    worse = evaluate_filter(x, y, bad)
    # In its own pool it looks as fine as any; among all it does not.
    assert np.all(worse.all.filtered > worse.unfiltered)
    assert worse.all.as_good[-1] > 0.95
    assert worse.lost == 14


def test_keeping_all_changes_nothing():
    x, y = problem(2)
    found = evaluate_filter(x, y, np.ones(N, dtype=bool), k=range(1, N + 1))
    for pool in (found.all, found.kept):
        np.testing.assert_array_equal(pool.filtered, found.unfiltered)
        np.testing.assert_array_equal(pool.random_spread, 0)
        np.testing.assert_array_equal(pool.as_good, 1)
    assert found.n_random == 1


def test_table():
    x, y = problem(3)
    lines = str(evaluate_filter(x, y, [1, 2, 3], k=2)).splitlines()
    assert re.fullmatch(r"3 of 9 kept, best kept \S+ below the best; 84 random filters", lines[0])
    assert lines[2].split() == ["k", "unfiltered", *["filter", "random", "as", "good"] * 2]
    assert len(lines) == 4
    assert lines[3].split()[0] == "2"


REFUSED = {
    "k": (([1, 2, 3], [1, 2, 3], [0, 1]), {}, ValueError, "`k` must be at most 2, the kept items"),
    "n_random": (([1, 2], [1, 2], [0]), {"k": 1, "n_random": 0}, ValueError, "`n_random` must be"),
    "none": (([1, 2], [1, 2], []), {"k": 1}, ValueError, "`kept` must keep at least one item"),
    "seed": (([1, 2], [1, 2], [0]), {"k": 1, "random_state": "x"}, TypeError, "`random_state`"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    args, kwargs, error, text = REFUSED[case]
    with pytest.raises(error, match=re.escape(text)):
        evaluate_filter(*args, **kwargs)
