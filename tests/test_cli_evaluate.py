"""The command `evaluate`: tables, numbers, comparison, files that are no tables."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from transferscore import cli
from transferscore.cli._evaluate import ComparisonReport, EvaluationReport
from transferscore.ranking import compare_scores, evaluate_scores

MODELS = "abcdefgh"
TASKS = ("cars", "pets", "birds")


@pytest.fixture
def run(capsys):
    def run(*arguments):
        code = cli.main(["evaluate", *(str(argument) for argument in arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def values(tmp_path, monkeypatch):
    """Two files to stand beside, and what they hold by task and model."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    found = {"accuracy": {task: {m: rng.random() for m in MODELS} for task in TASKS}}
    for name, noise in (("good", 0.1), ("poor", 0.6)):
        found[name] = {
            task: {m: a + noise * rng.normal() for m, a in models.items()}
            for task, models in found["accuracy"].items()
        }
    rows = [(task, m) for task in TASKS for m in MODELS]
    scores = [f"{t},{m},{found['good'][t][m]!r},{found['poor'][t][m]!r}" for t, m in rows]
    Path("scores.csv").write_text("\n".join(["task,model,good,poor", *scores]) + "\n")
    measured = [f"{m},{found['accuracy'][t][m]!r},{t}" for t, m in reversed(rows)]
    Path("accuracies.csv").write_text("\n".join(["model,accuracy,task", *measured]) + "\n")
    return found


FILES = ("scores.csv", "accuracies.csv", "--resamples", 200)


def test_table(run, values):
    code, out, err = run(*FILES, "--measures", "spearman")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "3 tasks, 8 candidates; 200 resamples of tasks"
    assert [line.split()[:2] for line in lines[3:5]] == [["good", "spearman"], ["poor", "spearman"]]
    assert "|rho| must reach 0.738" in out


def test_numbers_are_those_of_evaluate_scores(run, values):
    out = run(*FILES, "--json", "--seed", 3, "--confidence", 0.9)[1]
    report = json.loads(out)
    jsonschema.validate(report, EvaluationReport.json_schema())
    for row in report["rows"]:
        expected = evaluate_scores(
            values[row["score"]],
            values["accuracy"],
            measures=row["measure"],
            n_resamples=200,
            random_state=3,
            confidence=0.9,
        )[row["measure"]]
        assert row["value"] == expected.value
        assert (row["lower"], row["upper"]) == expected.interval


def test_comparison(run, values):
    report = json.loads(run(*FILES, "--compare", "--measures", "kendall", "--json")[1])
    jsonschema.validate(report, ComparisonReport.json_schema())
    (row,) = report["rows"]
    expected = compare_scores(
        values["good"], values["poor"], values["accuracy"], measures="kendall", n_resamples=200
    )["kendall"]
    assert (row["a"], row["b"], row["difference"]) == ("good", "poor", expected.difference)
    table = run(*FILES, "--compare", "--measures", "kendall")[1]
    assert table.startswith("good (a) against others (b)")


def test_lower_is_better_turns_the_sign(run, values):
    def value(*options):
        report = json.loads(run(*FILES, "--measures", "spearman", "--json", *options)[1])
        return report["rows"][0]["value"]

    assert value("--lower-is-better", "good") == pytest.approx(-value(), rel=1e-12)
    code, _, err = run(*FILES, "--lower-is-better", "nope")
    assert (code, err) == (
        2,
        "error: --lower-is-better must name columns of scores, good, poor, got nope\n",
    )


def test_models_without_a_number(run, values):
    text = Path("scores.csv").read_text().splitlines()
    cells = text[1].split(",")
    Path("scores.csv").write_text("\n".join([text[0], ",".join([*cells[:2], "", ""]), *text[2:]]))
    assert run(*FILES)[0] == 3
    code, out, _ = run(*FILES, "--drop-missing", "--measures", "spearman")
    assert code == 0
    assert "7 to 8 candidates" in out


def test_one_task_needs_no_column(run, values):
    Path("s.csv").write_text("model,s\na,1\nb,3\nc,2\nd,5\n")
    Path("a.csv").write_text("model,top1\nd,0.9\na,0.1\nb,0.4\nc,0.5\n")
    code, out, _ = run("s.csv", "a.csv", "--measures", "spearman", "--csv")
    assert code == 0
    assert out.splitlines()[1].startswith("s,spearman,0.8")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("model,s\n", "must have a header and at least one row, has 1 lines"),
        ("name,s\na,1\n", "must have a column `model` and columns of numbers"),
        ("model,s,s\na,1,2\n", "columns of numbers, each once, has model, s, s"),
        ("model,s\na,1,2\n", "must have 2 columns in line 2, has 3"),
        ("model,s\na,x\n", "line 2, must have a number in s, has x"),
        ("model,s\na,1\na,2\n", "line 3, must name a model of a task once, repeats a"),
        ("model,s\na,inf\nb,1\n", "must be finite"),
        ("model,s\n\xff,1\n", "must be CSV in UTF-8"),
    ],
)
def test_files_that_are_no_tables(run, values, text, reason):
    Path("s.csv").write_bytes(text.encode("latin-1"))
    Path("a.csv").write_text("model,top1\nd,0.9\na,0.1\nb,0.4\nc,0.5\n")
    code, out, err = run("s.csv", "a.csv")
    assert code in (2, 3)
    assert out == ""
    assert reason in err


def test_other_errors(run, values):
    Path("two.csv").write_text("model,x,y\na,1,2\n")
    assert "must have one column of numbers" in run("scores.csv", "two.csv")[2]
    assert run("gone.csv", "accuracies.csv")[::2] == (
        2,
        "error: 'gone.csv' cannot be read: No such file or directory\n",
    )
    Path("s.csv").write_text("model,s\na,1\nb,3\n")
    assert (
        "--compare needs several scores, there is one: s" in run("s.csv", "s.csv", "--compare")[2]
    )
    assert run(*FILES, "--measures", "nope")[0] == 3
