"""The experiment on CamVid, with drawn scenes in place of its frames: that it runs, and goes on."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

EXPERIMENTS = Path(__file__).parents[1] / "bench" / "experiments"
SHAPE = (16, 24)


@pytest.fixture
def camvid(monkeypatch):
    if not EXPERIMENTS.is_dir():
        pytest.skip("no source tree here")
    pytest.importorskip("torch", reason="the experiment trains networks")
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import camvid

    monkeypatch.setattr(camvid, "N_BOOTSTRAP", 20)
    monkeypatch.setattr(camvid, "N_TIMED", 2)
    return camvid


@pytest.fixture
def experiment(camvid, tmp_path):
    """Scenes of blocks, whose colours tell their labels; each sequence has a light of its own."""
    rng, arrays = np.random.default_rng(0), {}
    for split in ("train", "test"):
        names, of, pictures, labels = [], [], [], []
        for number, sequence in enumerate(camvid.SEQUENCES):
            for frame in range(6):
                blocks = np.kron(rng.integers(0, 12, (4, 6)), np.ones((4, 4), int))
                light = 10 * number + rng.normal(0, 5, (*SHAPE, 3))
                pictures.append(np.clip(blocks[..., None] * (12, 15, 9) + light, 0, 255))
                labels.append(blocks)
                names.append(f"{sequence}_{split}{frame}")
                of.append(sequence)
        arrays |= {f"x_{split}": np.array(pictures, np.uint8), f"name_{split}": np.array(names)}
        arrays |= {f"y_{split}": np.array(labels, np.uint8), f"seq_{split}": np.array(of)}
    np.savez(tmp_path / "camvid.npz", **arrays)
    protocol = camvid.Protocol(
        seeds=1,
        source_frames=6,
        source_epochs=20,
        target_frames=5,
        test_frames=3,
        head_steps=3,
        tuning_epochs=1,
        repeats=1,
        n_pixels=200,
        draws=2,
    )
    return camvid.Experiment(tmp_path / "camvid.npz", tmp_path / "out", protocol)


def test_from_end_to_end_and_on_after_an_interruption(camvid, experiment):
    camvid.run(experiment, jobs=1)
    results = camvid.Results.of(experiment)
    assert len(results.sources) == 8
    for values in (*results.measures.values(), *results.scores.values()):
        own = [[s.sequence == sequence for sequence in camvid.SEQUENCES] for s in results.sources]
        np.testing.assert_array_equal(np.isnan(values), own)
    for values in results.measures.values():
        assert 0 <= np.nanmin(values) < np.nanmax(values) <= 1
    text = "\n\n".join(camvid.report(results))
    assert "nan" not in text
    assert camvid.timed(experiment).count(" s at best of ") == 2

    # A network and what came of it are lost, and half a file is left: the rest is not touched.
    lost = results.sources[0]
    files = {path: path.stat().st_mtime_ns for path in experiment.out.rglob("*.*")}
    gone = [path for path in files if lost.name in path.name]
    assert len(gone) == 5  # network, transfer, three scores
    for path in gone:
        path.unlink()
    (experiment.out / "transfer" / f"{lost.name}.7.part").write_text("{", encoding="utf-8")
    camvid.run(experiment, jobs=1)
    for path in set(files) - set(gone):
        assert path.stat().st_mtime_ns == files[path]
    assert "\n\n".join(camvid.report(camvid.Results.of(experiment))) == text


def test_results_of_another_protocol_are_not_mixed(camvid, experiment):
    experiment.check_protocol()
    path = experiment.out / "protocol.json"
    path.write_text(json.dumps({"seeds": 99}), encoding="utf-8")
    with pytest.raises(SystemExit, match="results of another protocol: choose another folder"):
        experiment.check_protocol()


def test_measures_by_hand(camvid):
    """Two classes are there; one void pixel; a third class is found where there is none."""
    import torch
    from camvid_transfer import VOID, Frames, measured

    truth = np.array([[[0, 0, 0, 1, 1, VOID]]], np.uint8)
    found = np.array([0, 0, 2, 1, 0, 5])

    def network(pictures):
        return torch.nn.functional.one_hot(torch.from_numpy(found), 11).T.reshape(1, 11, 1, 6)

    values = measured(network, Frames(np.zeros((1, 3, 1, 6), np.float32), truth))
    assert math.isclose(values["accuracy"], 3 / 5)
    assert math.isclose(values["iou"], (2 / 4 + 1 / 2) / 2)


def test_correlations_by_hand(camvid):
    from transferscore.ranking import spearman

    nan = np.nan
    outcome = np.array([[nan, 1.0], [nan, 2.0], [1.0, nan], [2.0, nan], [3.0, nan]])
    scores = np.array([[nan, 5.0], [nan, 3.0], [1.0, nan], [2.0, nan], [3.0, nan]])
    assert camvid.within_targets(spearman, scores, outcome, np.arange(5)) == 0  # of -1 and 1
    # Where one network is all that was drawn for a target, the other targets count.
    assert camvid.within_targets(spearman, scores, outcome, np.array([0, 0, 2, 3, 4])) == 1
