"""The experiment on synthetic volumes: what is drawn, and that the pipeline runs to its end."""

from pathlib import Path

import numpy as np
import pytest

from transferscore import SourceFilter

EXPERIMENTS = Path(__file__).parents[1] / "bench" / "experiments"
SHAPE = (24, 28, 24)


@pytest.fixture
def experiment(monkeypatch):
    if not EXPERIMENTS.is_dir():
        pytest.skip("no source tree here")
    pytest.importorskip("sklearn")
    pytest.importorskip("scipy")
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import synthetic_mri
    import synthetic_transfer

    # As little training as shows that all works; the report's numbers come from full runs.
    monkeypatch.setattr(synthetic_transfer, "EPOCHS", 5)
    monkeypatch.setattr(synthetic_transfer, "REPEATS", 1)
    monkeypatch.setattr(synthetic_transfer, "N_TRAINING", 600)
    monkeypatch.setattr(synthetic_transfer, "N_SCORED", 150)
    return synthetic_mri


def test_tasks_and_tissue(experiment):
    import synthetic_brain as brain

    assert len(brain.TASKS) == 18
    assert [task.family for task in brain.TASKS].count(brain.TUMOUR) == 12
    assert len({task.name for task in brain.TASKS}) == 18
    adult, again, other = (
        brain.make_subject(brain.TUMOUR, np.random.default_rng(seed), SHAPE) for seed in (0, 0, 1)
    )
    assert set(adult.images) == {"T1", "T1CE", "T2", "FLAIR"}
    for name, image in adult.images.items():
        np.testing.assert_array_equal(image, again.images[name])
        assert not np.array_equal(image, other.images[name])
    ncr, et, ed = (adult.region(name) for name in ("NCR", "ET", "ED"))
    assert 0 < ncr.sum() < et.sum() < ed.sum() < adult.brain.sum()
    assert not np.any(ncr & ~et)
    assert not np.any(et & ~ed)
    assert not np.any(ed & ~adult.brain)
    infant = brain.make_subject(brain.MATTER, np.random.default_rng(0), SHAPE)
    parts = sum(infant.region(name).astype(int) for name in ("WM", "GM", "CSF"))
    np.testing.assert_array_equal(parts, infant.brain)


def test_the_pipeline_from_end_to_end(experiment):
    names = ("ET-T1CE", "ED-FLAIR", "WM-T1", "GM-T2")
    targets = [task for task in experiment.TASKS if task.name in names]
    rows = experiment.make_world(seed=0, n_subjects=4, shape=SHAPE, targets=targets)
    assert [row.target for row in rows] == targets
    for row in rows:
        assert len(row.sources) == len(row.dice) == 17
        assert np.all((row.dice >= 0) & (row.dice <= 1))
        assert np.ptp(row.dice) > 0
        assert set(row.scores) == set(experiment.SCORES)
        assert all(np.isfinite(values).all() for values in row.scores.values())
    relations = rows[0].relations
    assert relations["NCR", "ET"].kind == relations["ET", "ED"].kind == "subset"
    assert {relations["WM", "CSF"].kind, relations["GM", "CSF"].kind} <= {
        "disjoint",
        "complementary",
    }
    text = "\n\n".join([experiment.example(rows[0], rows), *experiment.report(rows)])
    assert "4 sources for ET-T1CE (of 17 candidates)" in text
    assert text.count("| k | no filter |") == 4
    assert "nan" not in text


def test_a_filter_of_the_experiment_keeps_as_many_as_the_top(experiment):
    scans = experiment.make_scans(3, seed=0, shape=SHAPE)
    rules = experiment.filters(experiment.relations_of(scans))
    assert all(isinstance(rule, SourceFilter) for rule in rules.values())
    for target in experiment.TASKS:
        kept = {name: rule.apply(target, experiment.TASKS).kept for name, rule in rules.items()}
        assert all(4 <= len(some) <= 17 for some in kept.values())
        assert min(kept, key=lambda name: len(kept[name])) == "all three rules"
