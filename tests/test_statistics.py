"""Feature statistics: any partition scores as all samples; files; features larger than memory."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import network_features
from tolerances import FLOAT64, ILL_CONDITIONED, MERGED_STATISTICS, REORDERED
from transferscore import (
    FeatureStatistics,
    coding_rate,
    effective_rank,
    h_score,
    lfc,
    linear_mse,
    logme,
)

SHRINKAGES = (None, "ledoit-wolf", 0.3)

# Every score that statistics give, and the function that gives it of all samples.
SCORES = {
    "h_score": (lambda s: s.h_score(), h_score),
    "h_score, Ledoit-Wolf": (
        lambda s: s.h_score(shrinkage="ledoit-wolf"),
        lambda X, y: h_score(X, y, shrinkage="ledoit-wolf"),
    ),
    "h_score, 0.3": (
        lambda s: s.h_score(shrinkage=0.3),
        lambda X, y: h_score(X, y, shrinkage=0.3),
    ),
    "h_score, adjusted": (
        lambda s: s.h_score(adjust_for_chance=True),
        lambda X, y: h_score(X, y, adjust_for_chance=True),
    ),
    "logme": (lambda s: s.logme(), logme),
    "linear_mse": (lambda s: s.linear_mse(), linear_mse),
    "linear_mse, no ridge": (
        lambda s: s.linear_mse(ridge=0),
        lambda X, y: linear_mse(X, y, ridge=0),
    ),
    "linear_mse, evidence": (
        lambda s: s.linear_mse(ridge="evidence"),
        lambda X, y: linear_mse(X, y, ridge="evidence"),
    ),
    "lfc": (lambda s: s.lfc(), lfc),
    "coding_rate": (lambda s: s.coding_rate(), lambda X, y: coding_rate(X)),
    "effective_rank": (lambda s: s.effective_rank(), lambda X, y: effective_rank(X)),
    "effective_rank, centred": (
        lambda s: s.effective_rank(centred=True),
        lambda X, y: effective_rank(X, centred=True),
    ),
}
# Without an intercept, a large mean takes digits from what is left.
UNCENTRED_SCORES = {"logme", "effective_rank"}


@pytest.fixture
def at_once(monkeypatch):
    """Every batch is summed when it comes, however small."""
    monkeypatch.setattr("transferscore._statistics.features.GATHERED_RANGE", (np.inf, np.inf))


def of_parts(X, y, parts):
    """Summed batch by batch, or gathered: as batches are large enough, or `at_once`."""
    statistics = FeatureStatistics()
    for rows in parts:
        statistics.partial_fit(X[rows], y[rows])
    return statistics


def random_partition(rng, n):
    """Parts of random sizes, of randomly chosen samples; some of a single sample."""
    cuts = np.sort(rng.choice(np.arange(1, n), size=rng.integers(1, min(n, 20)), replace=False))
    return np.split(rng.permutation(n), cuts)


def merged_as_a_tree(X, y, parts):
    leaves = [FeatureStatistics().partial_fit(X[rows], y[rows]) for rows in parts]
    while len(leaves) > 1:
        leaves = [
            leaves[i].merge(leaves[i + 1]) if i + 1 < len(leaves) else leaves[i]
            for i in range(0, len(leaves), 2)
        ]
    return leaves[0]


# ------------------------------------------------------------------------------ the sums


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sums_are_those_of_the_definition(dtype):
    X, y = network_features(700, 30, 5)
    X = (X + 3).astype(dtype)
    statistics = of_parts(X, y, np.array_split(np.arange(700), 9))
    exact = X.astype(np.float64)
    assert statistics.n == 700
    assert statistics.d == 30
    assert statistics.classes.tolist() == [0, 1, 2, 3, 4]
    assert statistics.class_counts.tolist() == np.bincount(y).tolist()
    np.testing.assert_allclose(statistics.mean, exact.mean(axis=0), rtol=REORDERED)
    covariance = np.cov(exact, rowvar=False, ddof=0)
    np.testing.assert_allclose(
        statistics.covariance, covariance, rtol=FLOAT64, atol=FLOAT64 * covariance.max()
    )


def test_a_thousand_partitions_score_as_one(at_once):
    X, y = network_features(160, 12, 5)
    rng = np.random.default_rng(1)
    expected = {name: of_all(X, y) for name, (_, of_all) in SCORES.items()}
    for k in range(1000):
        parts = random_partition(rng, len(X))
        statistics = (of_parts, merged_as_a_tree)[k % 2](X, y, parts)
        for name, (of_sums, _) in SCORES.items():
            value = of_sums(statistics)
            assert value == pytest.approx(expected[name], rel=MERGED_STATISTICS), name


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_partitions_of_wide_and_of_many_samples(dtype):
    """Gathered batches, large ones, and both: more samples than are gathered."""
    X, y = network_features(5000, 40, 7)
    X = X.astype(dtype)
    exact = X.astype(np.float64)
    expected = {name: of_all(exact, y) for name, (_, of_all) in SCORES.items()}
    rng = np.random.default_rng(2)
    for sizes in ([64] * 78, [1] * 700 + [4000], [3000, 10, 1500, 10], [5000]):
        cuts = np.cumsum(sizes)
        parts = np.split(rng.permutation(5000), cuts[cuts < 5000])
        for merge in (of_parts, merged_as_a_tree)[: 1 if len(sizes) > 100 else 2]:
            statistics = merge(X, y, parts)
            for name, (of_sums, _) in SCORES.items():
                value = of_sums(statistics)
                assert value == pytest.approx(expected[name], rel=MERGED_STATISTICS), name


@pytest.mark.filterwarnings("ignore:the H-score of:UserWarning")  # n <= d, without shrinkage
@settings(deadline=None, max_examples=40)
@given(
    st.integers(2, 60),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 1e4, -1e8]),
    st.sampled_from([1e-100, 1e-6, 1.0, 1e6, 1e60]),
)
def test_law_any_partition_offset_and_scale(n, d, seed, offset, scale):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    y[:2] = [0, 1]
    X = (rng.normal(size=(n, d)) + rng.normal(size=(3, d))[y] + offset) * scale
    one = FeatureStatistics().partial_fit(X, y)
    parts = merged_as_a_tree(X, y, random_partition(rng, n) if n > 2 else [[0], [1]])
    assert parts.h_score(shrinkage="ledoit-wolf") == pytest.approx(
        one.h_score(shrinkage="ledoit-wolf"), rel=MERGED_STATISTICS, abs=MERGED_STATISTICS
    )


@pytest.mark.parametrize("offset", [1e2, 1e4, 1e6, 1e8])
def test_a_large_offset_costs_no_digit_of_centred_scores(offset, at_once):
    X, y = network_features(160, 12, 5)
    X = X + offset
    rng = np.random.default_rng(1)
    expected = {name: of_all(X, y) for name, (_, of_all) in SCORES.items()}
    for k in range(20):
        parts = random_partition(rng, len(X))
        statistics = (of_parts, merged_as_a_tree)[k % 2](X, y, parts)
        for name in SCORES.keys() - UNCENTRED_SCORES:
            value = SCORES[name][0](statistics)
            assert value == pytest.approx(expected[name], rel=MERGED_STATISTICS), name


def test_a_covariance_of_condition_1e12(at_once):
    """The Gram matrix has twelve digits of condition: four are left of sixteen."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    mixing = np.linalg.qr(rng.normal(size=(10, 10)))[0] * np.logspace(0, -6, 10)
    X = (rng.normal(size=(600, 10)) + rng.normal(size=(3, 10))[y]) @ mixing.T
    assert 1e11 < np.linalg.cond(np.cov(X, rowvar=False)) < 1e13
    whitened = h_score(X @ np.linalg.inv(mixing.T), y)
    one = FeatureStatistics().partial_fit(X, y).h_score()
    for _ in range(20):
        merged = merged_as_a_tree(X, y, random_partition(rng, 600)).h_score()
        assert merged == pytest.approx(one, rel=ILL_CONDITIONED)
        assert merged == pytest.approx(whitened, rel=ILL_CONDITIONED)


def test_no_more_samples_than_features_counts_classes():
    X, y = network_features(20, 30, 4)
    statistics = of_parts(X, y, np.array_split(np.arange(20), 3))
    with pytest.warns(UserWarning, match="the H-score of 20 samples with 30 features") as told:
        assert statistics.h_score() == 3
    assert told[0].filename == __file__
    with (
        pytest.warns(UserWarning, match="the H-score of 20 samples"),
        pytest.raises(ValueError, match="`adjust_for_chance` must be False"),
    ):
        statistics.h_score(adjust_for_chance=True)
    with pytest.warns(UserWarning, match="the H-score of 20 samples"):
        assert statistics.score_all(scores=["h_score"]) == {"h_score": 3}


@pytest.mark.parametrize("shrinkage", SHRINKAGES)
def test_adjusted_for_chance(shrinkage):
    X, y = network_features(200, 30, 4)
    statistics = of_parts(X, y, np.array_split(np.arange(200), 3))
    expected = h_score(X, y, shrinkage=shrinkage, adjust_for_chance=True)
    value = statistics.h_score(shrinkage=shrinkage, adjust_for_chance=True)
    assert value == pytest.approx(expected, rel=MERGED_STATISTICS)


def bits(statistics):
    return [of_sums(statistics) for of_sums, _ in SCORES.values()]


def test_same_batches_and_any_threads_give_the_same_bits():
    X, y = network_features(3000, 400, 5)
    found = []
    for n_threads in (1, 2, 3):
        statistics = FeatureStatistics()
        for rows in np.array_split(np.arange(3000), 4):
            statistics.partial_fit(X[rows], y[rows], n_threads=n_threads)
        found.append(statistics.h_score(shrinkage="ledoit-wolf"))
    assert len(set(found)) == 1


def test_to_look_in_between_changes_no_bit():
    X, y = network_features(2500, 8, 3)
    silent, curious = FeatureStatistics(), FeatureStatistics()
    for rows in np.array_split(np.arange(2500), 40):
        silent.partial_fit(X[rows], y[rows])
        curious.partial_fit(X[rows], y[rows])
        repr(curious), curious.mean, curious.n, curious.classes
        if curious.n > 100:
            curious.score_all()
    assert bits(silent) == bits(curious)


@pytest.mark.parametrize("offset", [0, 1e6])
def test_who_merges_whom_changes_no_bit(offset):
    X, y = network_features(700, 30, 5)
    X = X + offset
    for rows, others in ((slice(0, 100), slice(100, 700)), (slice(0, 1), slice(1, 2))):
        a, b = X[rows] * 7, X[others]
        found = []
        for first, second in (((a, y[rows]), (b, y[others])), ((b, y[others]), (a, y[rows]))):
            statistics = FeatureStatistics().partial_fit(*first)
            found.append(statistics.merge(FeatureStatistics().partial_fit(*second))._known())
        for mine, theirs in zip(*found, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_a_batch_may_be_overwritten_by_the_next():
    X, y = network_features(200, 6, 3)
    statistics, buffer, labels = FeatureStatistics(), np.empty((50, 6)), np.empty(50, np.int64)
    for rows in np.array_split(np.arange(200), 4):
        buffer[:], labels[:] = X[rows], y[rows]
        statistics.partial_fit(buffer, labels)
    assert statistics.h_score() == pytest.approx(h_score(X, y), rel=MERGED_STATISTICS)


def test_scores_follow_what_is_added():
    X, y = network_features(4000, 6, 3)
    statistics = FeatureStatistics()
    for rows in np.array_split(np.arange(4000), 4):
        statistics.partial_fit(X[rows], y[rows])
        seen = slice(0, rows[-1] + 1)
        for name, (of_sums, of_all) in SCORES.items():
            expected = of_all(X[seen], y[seen])
            assert of_sums(statistics) == pytest.approx(expected, rel=MERGED_STATISTICS), name
    statistics.merge(statistics)  # every sample twice
    twice = logme(np.vstack([X, X]), np.append(y, y))
    assert statistics.logme() == pytest.approx(twice, rel=MERGED_STATISTICS)
    assert statistics.n == 8000


def test_classes_may_come_one_by_one_and_as_strings():
    X, y = network_features(90, 6, 3)
    names = np.array(["oak", "ash", "yew"])[y]
    statistics = of_parts(X, names, [np.flatnonzero(y == k) for k in (2, 0, 1)])
    assert statistics.classes.tolist() == ["ash", "oak", "yew"]
    assert statistics.h_score() == pytest.approx(h_score(X, y), rel=MERGED_STATISTICS)


def test_ignored_samples_leave_no_trace():
    X, y = network_features(90, 6, 3)
    void = y.copy()
    void[:30], void[40] = 255, 255
    wild = np.where((void == 255)[:, np.newaxis], np.nan, X)
    statistics = FeatureStatistics()
    for rows in np.array_split(np.arange(90), 3):  # the first batch is ignored as a whole
        statistics.partial_fit(wild[rows], void[rows], ignore_index=255)
    keep = void != 255
    assert statistics.n == keep.sum()
    assert statistics.h_score() == pytest.approx(h_score(X[keep], y[keep]), rel=MERGED_STATISTICS)


@pytest.mark.parametrize(
    "dtypes",
    [
        (np.int8, np.int64),
        (np.int64, np.uint64),
        (np.bool_, np.uint16),
        ("U3", "S3"),
        ("S3", object),
        (object, "U3"),
    ],
)
def test_labels_of_kindred_types_join(dtypes, tmp_path):
    X, y = network_features(60, 4, 2)
    names = np.array(["ash", "oak"])[y] if {"U3", "S3"} & set(dtypes) else y
    statistics = FeatureStatistics()
    for rows, dtype in ((slice(0, 20), 0), (slice(20, 40), 1), (slice(40, 60), 0)):
        statistics.partial_fit(X[rows], names[rows].astype(dtypes[dtype]))
    assert len(statistics.classes) == 2
    assert statistics.h_score() == pytest.approx(h_score(X, y), rel=MERGED_STATISTICS)
    statistics.save(tmp_path / "x.npz")
    assert FeatureStatistics.load(tmp_path / "x.npz").classes.tolist() == sorted(
        set(names.tolist())
    )


def test_strings_of_variable_width_are_labels(tmp_path):
    strings = getattr(getattr(np, "dtypes", None), "StringDType", None)
    if strings is None:
        pytest.skip("needs NumPy 2")
    X, y = network_features(60, 4, 2)
    names = np.array(["ash", "a long name"], dtype=strings())[y]
    statistics = FeatureStatistics().partial_fit(X, names)
    statistics.save(tmp_path / "x.npz")
    assert FeatureStatistics.load(tmp_path / "x.npz").classes.tolist() == ["a long name", "ash"]


def test_labels_beyond_both_integers_are_refused():
    X, y = network_features(60, 4, 2)
    statistics = FeatureStatistics().partial_fit(X, -y)
    with pytest.raises(ValueError, match="`labels` must fit into int64 or into uint64, got -1 and"):
        statistics.partial_fit(X, np.full(60, 2**64 - 1, np.uint64))
    assert statistics.n == 60
    with pytest.raises(ValueError, match="`labels` must be text in UTF-8"):
        FeatureStatistics().partial_fit(X, np.full(60, b"\xff"))


def test_all_scores_at_once():
    X, y = network_features(300, 12, 5)
    statistics = of_parts(X, y, np.array_split(np.arange(300), 7))
    found = statistics.score_all()
    assert list(found) == [
        "h_score",
        "h_score_shrinkage",
        "logme",
        "linear_mse",
        "lfc",
        "effective_rank",
        "coding_rate",
    ]
    for name, key in (("h_score_shrinkage", "h_score, Ledoit-Wolf"), ("logme", "logme")):
        assert found[name] == SCORES[key][0](statistics)
    # The eigenvalues of LogME give the effective rank, to the bit as alone.
    alone = of_parts(X, y, np.array_split(np.arange(300), 7)).effective_rank()
    assert found["effective_rank"] == alone
    assert list(statistics.score_all(scores=["lfc", "h_score", "lfc"])) == ["lfc", "h_score"]
    statistics = FeatureStatistics().partial_fit(np.ones((9, 2)), np.arange(9) % 3)
    with pytest.warns(UserWarning, match="LFC of constant features"):
        assert statistics.score_all()["h_score"] == 0
    one_class = FeatureStatistics().partial_fit(X[y == 0], y[y == 0])
    with pytest.warns(UserWarning, match="was not scored: `labels` must have at least two") as told:
        assert list(one_class.score_all()) == ["effective_rank", "coding_rate"]
    assert len(told) == 5
    assert told[0].filename == __file__


@pytest.mark.parametrize("name", ["knn", "parc", "otce", "sfda", "gbc", "nleep", "transrate"])
def test_what_cannot_be_merged_says_why(name):
    statistics = FeatureStatistics().partial_fit(np.eye(3), [0, 1, 2])
    assert not hasattr(statistics, name)
    with pytest.raises(AttributeError, match=f"no attribute '{name}': .* transferscore.{name} on"):
        getattr(statistics, name)
    with pytest.raises(ValueError, match=f"`scores` must not have '{name}' of samples that were"):
        statistics.score_all(scores=[name])


def test_other_attributes_and_scores_are_unknown():
    statistics = FeatureStatistics().partial_fit(np.eye(3), [0, 1, 2])
    with pytest.raises(AttributeError, match="has no attribute 'leep': LEEP takes two passes"):
        statistics.leep  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'nce': LabelStatistics counts"):
        statistics.nce  # noqa: B018
    with pytest.raises(AttributeError, match=r"object has no attribute 'hscore'$"):
        statistics.hscore  # noqa: B018
    with pytest.raises(ValueError, match=r"`scores` must be among .*logme.*, got 'nope'"):
        statistics.score_all(scores=["nope"])


def test_an_empty_batch_adds_nothing():
    X, y = network_features(60, 6, 3)
    statistics = FeatureStatistics().partial_fit(X[:0], y[:0])
    assert statistics.n == 0
    statistics.partial_fit(X, y).partial_fit(X[:0], y[:0]).partial_fit(X[:0], [])
    assert bits(statistics) == bits(FeatureStatistics().partial_fit(X, y))
    with pytest.raises(ValueError, match="`features` must have at least one row and one column"):
        statistics.partial_fit(X[:, :0], y)
    with pytest.raises(ValueError, match=r"`labels` must have shape \(0,\), got \(60,\)"):
        statistics.partial_fit(X[:0], y)


# --------------------------------------------------------------------------------- files


@pytest.mark.parametrize("kind", ["integers", "strings"])
def test_saved_and_loaded_keep_every_bit(tmp_path, kind):
    X, y = network_features(90, 6, 3)
    labels = y if kind == "integers" else np.array(["a", "b", "ü"])[y]
    statistics = FeatureStatistics().partial_fit(X[:50] + 1e6, labels[:50])
    path = tmp_path / "statistics"
    statistics.save(path)
    again = FeatureStatistics.load(path)
    copied = pickle.loads(pickle.dumps(statistics))
    assert again.classes.tolist() == copied.classes.tolist() == statistics.classes.tolist()
    for each in (statistics, again, copied):
        each.partial_fit(X[50:] + 1e6, labels[50:])
    assert bits(again) == bits(copied) == bits(statistics)


def test_a_pickle_holds_no_sample():
    X, y = network_features(90, 3, 3)
    statistics = FeatureStatistics().partial_fit(X, y)
    assert len(pickle.dumps(statistics)) < X.nbytes


# -------------------------------------------------------------------------------- errors


def test_errors_say_what_was_wrong_and_add_nothing():
    X, y = network_features(60, 6, 3)
    statistics = FeatureStatistics()
    assert repr(statistics) == "FeatureStatistics(empty)"
    assert statistics.n == 0
    for ask in (statistics.h_score, lambda: statistics.d, lambda: statistics.mean):
        with pytest.raises(RuntimeError, match="these FeatureStatistics have no samples yet"):
            ask()
    statistics.partial_fit(X[y == 0], y[y == 0])
    with pytest.raises(ValueError, match="`labels` must have at least two classes, got one"):
        statistics.h_score()
    statistics.partial_fit(X, y)
    before = statistics.h_score()
    bad = X.copy()
    bad[7, 2] = np.inf
    for features, labels, error, text in (
        (X[:, :5], y, ValueError, "`features` must have 6 features, as the batches before, got 5"),
        (X, y.astype(str), TypeError, "`labels` must be of one kind in all batches"),
        (bad, y, ValueError, "`features` must be finite, got inf at row 7, column 2"),
        (X, y[:9], ValueError, r"`labels` must have shape \(60,\), got \(9,\)"),
    ):
        with pytest.raises(error, match=text):
            statistics.partial_fit(features, labels)
    with pytest.raises(TypeError, match="`other` must be FeatureStatistics, got int"):
        statistics.merge(3)
    with pytest.raises(ValueError, match="`other` must have 6 features"):
        statistics.merge(FeatureStatistics().partial_fit(X[:, :2], y))
    assert statistics.merge(FeatureStatistics()).h_score() == before


def test_squares_beyond_float64_are_an_error_not_nan():
    X = np.random.default_rng(0).normal(size=(600, 3))
    X[301] = 1e300  # not among the rows that choose the unit
    with pytest.raises(ValueError, match="`features` must have squares within the range"):
        FeatureStatistics().partial_fit(X, np.arange(600) % 2)
