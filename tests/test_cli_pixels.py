"""The command `pixels`: transcripts, what it saves, files and folders, exit codes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from conftest import blocks
from transferscore import cli, score_map, score_pixels
from transferscore.io import FileError
from transferscore.pixels.io import load_feature_maps, load_label_maps

OPTIONS = ("--ignore", "255", "--pixels", "300", "--scores", "h_score_shrinkage,knn")


@pytest.fixture
def run(capsys):
    def run(*arguments):
        code = cli.main(["pixels", *(str(argument) for argument in arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def maps(tmp_path, monkeypatch):
    """A folder to stand in, with label maps and two models; the label maps themselves."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    labels = np.stack([blocks(rng, (24, 32), 2, 8) for _ in range(4)]).astype(np.uint8)
    labels[:, 0] = 255
    np.save("labels.npy", labels)
    for name, signal in (("good", 1.5), ("bad", 0.1)):
        coarse = np.minimum(labels, 3)[:, 1::2, ::2]
        features = signal * np.eye(6)[coarse] + rng.normal(size=(*coarse.shape, 6))
        np.save(f"{name}.npy", np.moveaxis(features, -1, 1).astype(np.float32))
    return labels


def test_table(run, maps):
    code, out, err = run("--labels", "labels.npy", "bad.npy", "good.npy", *OPTIONS)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[-1] == "300 samples, 3 classes; ranked by H-score (shrinkage), higher is better"
    assert [line.split()[1] for line in lines if line.split()[0] in "12"] == ["good", "bad"]


def test_numbers_are_those_of_score_pixels(run, maps):
    code, out, _ = run(
        "--labels", "labels.npy", "good.npy", *OPTIONS, "--repeats", 3, "--json", "--seed", 5
    )
    report = json.loads(out)
    expected = score_pixels(
        np.load("good.npy"),
        maps,
        ignore_index=255,
        n_pixels=300,
        repeats=3,
        random_state=5,
        scores=["h_score_shrinkage", "knn"],
    )
    (model,) = report["models"]
    assert model["scores"] == expected.values
    assert model["spread"] == expected.spread
    assert (code, model["n"], model["d"], report["command"]) == (0, 300, 6, "pixels")
    assert report["sampling"] == {
        "where": "boundary",
        "radius": 1.0,
        "ignore": [255],
        "seed": 5,
        "repeats": 3,
        "n_images": 4,
        "n_available": expected.pixels[0].n_available,
    }


def test_options_reach_the_functions(run, maps):
    np.save("last.npy", np.moveaxis(np.load("good.npy"), 1, -1))
    arguments = ("--labels", "labels.npy", *OPTIONS, "--csv", "--where", "balanced-boundary")
    arguments += ("--radius", "2.5", "--interpolate")
    first, last = (
        next(csv.DictReader(io.StringIO(run(*arguments, *more)[1])))
        for more in (("good.npy",), ("last.npy", "--channels-last", "--threads", 1))
    )
    expected = score_pixels(
        np.load("good.npy"),
        maps,
        ignore_index=255,
        n_pixels=300,
        where="balanced boundary",
        radius=2.5,
        interpolation="bilinear",
        random_state=0,
        scores=["h_score_shrinkage", "knn"],
    )
    for row in (first, last):
        assert float(row["knn"]) == expected.values["knn"]
        assert float(row["h_score_shrinkage"]) == expected.values["h_score_shrinkage"]


def test_what_is_saved(run, maps):
    saves = ("--save-pixels", "drawn.npz", "--save-map", "map", "--patch", 8)
    code, _, _ = run(
        "--labels", "labels.npy", "good.npy", "bad.npy", *OPTIONS, "--repeats", 2, *saves
    )
    assert code == 0
    with np.load("drawn.npz") as drawn:
        at = (drawn["image"], *drawn["coordinates"].T)
        np.testing.assert_array_equal(maps[at], drawn["labels"])
        assert np.bincount(drawn["draw"]).tolist() == [300, 300]
        assert drawn["classes"].tolist() == [0, 1, 2]
        assert drawn["class_counts"].sum() >= 300
    expected = score_map(
        np.load("bad.npy"),
        maps,
        ignore_index=255,
        patch=8,
        where="boundary",
        n_pixels=300,
        random_state=0,
    )
    with np.load("map") as saved:
        assert saved["models"].tolist() == ["good", "bad"]
        np.testing.assert_array_equal(saved["values"][1], expected.values)
        np.testing.assert_array_equal(saved["rows"], expected.rows)
        assert str(saved["score"]) == "h_score_shrinkage"


def test_folders_of_pictures_and_of_arrays(run, maps):
    image = pytest.importorskip("PIL.Image")
    Path("masks").mkdir()
    Path("each").mkdir()
    features = np.load("good.npy")
    for i in reversed(range(4)):
        image.fromarray(maps[i]).save(f"masks/{i}.png")
        np.save(f"each/{i}.npy", features[i])
    Path("masks/notes.txt").write_text("no map")
    plain = run("--labels", "labels.npy", "good.npy", *OPTIONS, "--json")
    folders = run("--labels", "masks", "each", *OPTIONS, "--json")
    assert plain[0] == folders[0] == 0
    scores = [json.loads(out)["models"][0]["scores"] for _, out, _ in (plain, folders)]
    assert scores[0] == scores[1]
    assert json.loads(folders[1])["models"][0]["name"] == "each"


def test_volumes(run, maps):
    rng = np.random.default_rng(0)
    labels = blocks(rng, (8, 12, 12), 2, 4)[None]
    np.save("volumes.npy", labels)
    np.save("deep.npy", rng.normal(size=(1, 5, 4, 6, 6)))
    code, out, _ = run(
        "--labels",
        "volumes.npy",
        "deep.npy",
        "--volumes",
        "--interpolate",
        "--pixels",
        90,
        "--json",
    )
    assert (code, json.loads(out)["models"][0]["d"]) == (0, 5)
    code, _, err = run("--labels", "volumes.npy", "deep.npy", "--volumes", "--save-map", "m.npz")
    assert (code, err) == (2, "error: --save-map is for images, not for --volumes\n")


def test_bad_files_do_not_stop_the_others(run, maps):
    np.save("few.npy", np.load("good.npy")[:2])
    np.save("odd.npy", np.zeros((4, 3, 7, 32)))
    np.save("flat.npy", np.zeros((4, 5)))
    code, out, err = run(
        "--labels", "labels.npy", "few.npy", "odd.npy", "flat.npy", "gone.npy", "good.npy", *OPTIONS
    )
    assert code == 1
    assert "good" in out
    lines = err.splitlines()
    assert len(lines) == 4
    assert "'few.npy': `feature_maps` must hold a map for each of 4 label maps, got 2" in lines[0]
    assert "'odd.npy': `feature_maps` must be as large as the label maps" in lines[1]
    assert "'flat.npy' must have shape (N, C, h, w), has shape (4, 5)" in lines[2]
    assert "'gone.npy'" in lines[3]
    assert run("--labels", "labels.npy", "few.npy", *OPTIONS)[0] == 3


def test_a_reduced_sample_is_told(run, maps):
    code, out, err = run("--labels", "labels.npy", "good.npy", "--ignore", "255", "--json")
    assert code == 0
    assert "warning: 'labels.npy': `label_maps` has only" in err
    report = json.loads(out)
    assert report["labels"]["n"] == report["sampling"]["n_available"]


@pytest.mark.parametrize(
    ("labels", "options", "text"),
    [
        (np.zeros((2, 8, 8)), (), "must hold whole numbers or booleans, holds float64"),
        (np.zeros((2, 8, 8), int), (), "must have changes of label"),
        (np.zeros((2, 8, 8), int), ("--where", "uniform"), "at least two classes, holds one"),
        (np.zeros((2, 8), int), (), "must have shape (N, H, W), has shape (2, 8)"),
        (np.eye(8, dtype=int)[None], ("--where", "uniform", "--radius", 1), "`radius` must be"),
        (np.eye(8, dtype=int)[None], ("--radius", "-1"), "`radius` must be from 0"),
    ],
)
def test_labels_that_cannot_be_used(run, maps, labels, options, text):
    np.save("other.npy", labels)
    code, out, err = run("--labels", "other.npy", "good.npy", *options)
    assert (code, out) == (2, "")
    assert err.startswith("error: 'other.npy'")
    assert text in err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--pixels", "0"), "argument --pixels: must be an integer of at least 1, got '0'"),
        (("--seed", "-1"), "argument --seed: must be an integer of at least 0, got '-1'"),
        (("--ignore", "sky"), "argument --ignore: must be integers, got 'sky'"),
        (("--radius", "near"), "argument --radius: must be a number, got 'near'"),
        (("--where", "edges"), "argument --where: invalid choice"),
        (("--sort-by", "knn"), "argument --sort-by: must be one of --scores, got 'knn'"),
    ],
)
def test_usage(run, maps, arguments, text):
    code, out, err = run("--labels", "labels.npy", "good.npy", *arguments)
    assert (code, out) == (2, "")
    assert text in err


def test_a_folder_that_cannot_be_written(run, maps):
    code, _, err = run(
        "--labels", "labels.npy", "good.npy", *OPTIONS, "--save-pixels", "gone/drawn.npz"
    )
    assert code == 3
    assert err.startswith("error: cannot write 'gone/drawn.npz'")


# ------------------------------------------------------------------ files


def test_memory_maps_and_archives(maps):
    mapped = load_feature_maps("good.npy")
    assert isinstance(mapped if isinstance(mapped, np.memmap) else mapped.base, np.memmap)
    np.savez("both.npz", labels=maps, features=np.load("good.npy"))
    np.testing.assert_array_equal(load_label_maps("both.npz"), maps)
    np.testing.assert_array_equal(load_feature_maps("both.npz"), np.load("good.npy"))


def test_pictures(tmp_path):
    image = pytest.importorskip("PIL.Image")
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    palette = image.new("P", (4, 3))
    palette.putpalette([7, 7, 7] * 256)
    palette.putdata(labels.ravel().tolist())
    deep = labels.astype(np.uint16) * 1000
    for name, picture in (
        ("a.png", image.fromarray(labels)),
        ("b.png", palette),
        ("c.png", image.fromarray(deep)),
        ("d.png", image.fromarray(labels > 5)),
    ):
        picture.save(tmp_path / name)
    found = load_label_maps(tmp_path)
    for one, expected in zip(found, (labels, labels, deep, labels > 5), strict=True):
        np.testing.assert_array_equal(one, expected)
    image.new("RGB", (4, 3)).save(tmp_path / "e.png")
    with pytest.raises(FileError, match=r"e.png' must have one channel, .* R-G-B"):
        load_label_maps(tmp_path)
    (tmp_path / "e.png").write_bytes(b"\x89PNG nothing")
    with pytest.raises(FileError, match=r"e.png' must be a .png picture, is none"):
        load_label_maps(tmp_path)


def test_an_empty_folder(tmp_path):
    with pytest.raises(
        FileError, match=r"must hold files that end in .npy, .npz, .png, holds none"
    ):
        load_label_maps(tmp_path)
