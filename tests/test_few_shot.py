"""The few-shot experiments, with drawn pictures: that they run, go on, and report."""

import csv
from pathlib import Path

import numpy as np
import pytest

EXPERIMENTS = Path(__file__).parents[1] / "bench" / "experiments"


@pytest.fixture
def few_shot(monkeypatch):
    if not EXPERIMENTS.is_dir():
        pytest.skip("no source tree here")
    pytest.importorskip("torch", reason="the experiment trains networks")
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import few_shot
    import report_few_shot

    monkeypatch.setattr(few_shot, "N_NETWORKS", 1)
    monkeypatch.setattr(few_shot, "N_SCORED", 30)
    monkeypatch.setattr(few_shot, "N_SEARCHED", 1)
    monkeypatch.setattr(few_shot, "STEP_2", {"steps": (2, 3)})
    monkeypatch.setattr(few_shot, "STEP_1", {"normalise": (False, True)})
    monkeypatch.setattr(report_few_shot, "N_BOOTSTRAP", 20)
    few_shot._networks.clear()
    return few_shot


@pytest.fixture
def experiment(few_shot, tmp_path):
    """Classes are bright spots in other places."""
    from domains import Images

    def drawn(n, n_classes, seed):
        rng, labels = np.random.default_rng(seed), np.arange(n) % n_classes
        pictures = 0.3 * rng.random((n, 1, 16, 16), np.float32)
        for picture, label in zip(pictures[:, 0], labels, strict=True):
            picture[3 * label : 3 * label + 5, 4:9] += 0.6
        return Images(pictures, labels, labels * 0)

    settings = few_shot.Settings(
        "lenet", {"size": 16}, source_epochs=1, source_batch=8, steps=2, alignment_steps=2
    )
    return few_shot.Experiment(
        "drawn",
        tmp_path,
        lambda folder: drawn(40, 4, 0),
        lambda folder, number: (drawn(15, 3, number), drawn(30, 3, 100 + number)),
        {"lenet": settings},
        kept=tmp_path / "networks",
    )


def test_from_end_to_end_and_on_after_an_interruption(few_shot, experiment, tmp_path):
    from report_few_shot import draw, read, report

    path = tmp_path / "results" / "drawn.csv"
    few_shot.run(experiment, path, 3, jobs=1)
    text = path.read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["arm"] for row in rows] == list(few_shot.ARMS) * 3
    for row in rows:
        assert 0 <= float(row["accuracy"]) <= 1
        assert float(row["log_likelihood"]) < 0
        aligned = row["arm"] in ("otce", "shuffled", "transport_cost")
        assert (row["score_before"] != row["score_after"]) == aligned

    # The file ends within a task: that one is computed again, to the same numbers.
    path.write_text(text[: text.rindex("transport_cost")], encoding="utf-8")
    few_shot.run(experiment, path, 3, jobs=1)
    assert path.read_text(encoding="utf-8") == text

    table = report(path)
    assert "LeNet, 3 tasks" in table
    assert "OTCE fine-tuning minus this" in table
    draw(read(path), tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_both_steps_in_one_call_are_the_same(few_shot, experiment):
    import torch
    from networks import outputs_of

    from transferscore.learn import finetune

    source = few_shot.Drawn(experiment.source(experiment.folder), 8)
    few, unseen = experiment.task(experiment.folder, 0)
    batch = torch.from_numpy(few.pictures), torch.from_numpy(few.labels)
    tuned, _ = experiment.fine_tuned("lenet", 0, "otce")
    whole = finetune(
        experiment.network("lenet", 0), source, [batch], steps=2, alignment_steps=2,
        learning_rate=experiment.settings["lenet"].learning_rate,
        alignment_rate=experiment.settings["lenet"].alignment_rate, progress=False,
    )  # fmt: skip
    expected, found = (outputs_of(one, unseen.pictures) for one in (whole.model, tuned))
    np.testing.assert_array_equal(found, expected)


def test_results_of_other_settings_are_not_mixed(few_shot, experiment, tmp_path):
    path = tmp_path / "drawn.csv"
    path.write_text("", encoding="utf-8")
    path.with_suffix(".json").write_text("{}\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="results of other settings: choose another file"):
        few_shot.run(experiment, path, 1, jobs=1)


def test_the_search_says_what_was_best(few_shot, experiment, capsys):
    few_shot.search(experiment, jobs=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("lenet vanilla_short: ")
    assert lines[-1].startswith("lenet: Settings(network='lenet'")


def test_intervals_and_correlations_by_hand(few_shot):
    from report_few_shot import correlation, interval

    mean, half = interval(np.array([1.0, 2.0, 3.0]))
    assert mean == 2
    assert half == pytest.approx(4.302653 / np.sqrt(3))
    assert correlation(np.arange(9.0), np.arange(9.0)) == "+1.00 (+1.00 to +1.00)"


def test_networks_have_their_seeds_and_features(few_shot):
    import torch
    from networks import accuracy, features_of, few_shot_net, lenet, new, outputs_of

    x = torch.rand(4, 3, 32, 32)
    assert lenet(7, channels=3, size=32)(x).shape == (4, 7)
    assert few_shot_net(7, channels=3, size=32, width=8).features(x).shape == (4, 8 * 4)
    one, again, other = (new("few_shot_net", 3, seed=seed, width=4) for seed in (1, 1, 2))
    pictures = np.random.default_rng(0).random((5, 1, 28, 28), np.float32)
    np.testing.assert_array_equal(outputs_of(one, pictures), outputs_of(again, pictures))
    assert not np.array_equal(outputs_of(one, pictures), outputs_of(other, pictures))
    seen = features_of(one, pictures) @ one.head.weight.detach().numpy().T
    expected = seen + one.head.bias.detach().numpy()
    np.testing.assert_allclose(outputs_of(one, pictures), expected, rtol=1e-4, atol=1e-5)
    from domains import Images

    found = expected.argmax(1)
    assert accuracy(one, Images(pictures, found, found)) == 1
