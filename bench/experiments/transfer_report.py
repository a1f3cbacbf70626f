"""Tables of the talk's experiments, from files of results, put between the marks of a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from report_table import table
from transfer_results import LEAST_AUXILIARY, MEASURED, TITLES, Block, Results, column, correlation
from transfer_tasks import FAMILIES, FAMILY, SETTINGS

from transferscore.ranking import Evaluation, compare_scores, evaluate_scores

Values = npt.NDArray[np.float64]

N_RESAMPLES = 2000
RATIOS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
DRAWS = 20  # of auxiliary tasks, for the curve
OF_THE_TALK = ("otce", "otce_sim", "leep", "nce", "h_score", "logme")
# Averages that the talk prints, Spearman and Kendall, in the order of OF_THE_TALK.
TALK = {
    "standard": (".931/.785", ".910/.753", ".895/.728", ".866/.696", ".785/.628", ".722/.559"),
    "few-shot": (".905/.734", ".884/.702", ".842/.656", ".816/.637", ".683/.511", ".625/.472"),
    "fixed": (".556/.391", ".534/.372", ".503/.350", ".517/.359", "-.313/-.212", "-.111/-.080"),
}
SHORT = {
    "mnist": "MNIST",
    "usps": "USPS",
    "kmnist": "KMNIST",
    "fashion_mnist": "Fashion-MNIST",
    "omniglot": "Omniglot",
    "pacs_photo": "photo",
    "pacs_art_painting": "art painting",
    "pacs_cartoon": "cartoon",
    "pacs_sketch": "sketch",
}


# ------------------------------------------------------------------------------- evaluations


def paired(
    blocks: Sequence[Block], name: str, measured: str = "accuracy"
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """A score and what was measured of the reported tasks of each block, by name."""
    scores, truth = {}, {}
    for block in blocks:
        tasks = [str(task) for task in block.others]
        values, found = block.values(name)[block.others], block.measured[measured][block.others]
        scores[block.name] = dict(zip(tasks, values.tolist(), strict=True))
        truth[block.name] = dict(zip(tasks, found.tolist(), strict=True))
    return scores, truth


def evaluated(blocks: Sequence[Block], name: str, measured: str = "accuracy") -> Evaluation | None:
    """Rank correlations within each block; none where a score is the same for all tasks."""
    scores, truth = paired(blocks, name, measured)
    if all(len(set(of_block.values())) < 2 for of_block in scores.values()):
        return None
    return evaluate_scores(
        scores,
        truth,
        measures=["spearman", "kendall"],
        n_resamples=N_RESAMPLES,
        missing="drop",
    )


def cell(evaluation: Evaluation | None, measure: str, interval: bool = True) -> str:
    """A mean, with its interval where that is asked for."""
    if evaluation is None:
        return ""
    found = evaluation[measure]
    text = f"{found.value:+.2f}"
    if interval and found.interval is not None:
        text += f" ({found.interval[0]:+.2f} to {found.interval[1]:+.2f})"
    return text


def of_source(evaluation: Evaluation | None, blocks: Sequence[Block], source: str) -> list[float]:
    """Mean Spearman and Kendall over the blocks of a source."""
    if evaluation is None:
        return [np.nan, np.nan]
    mine = np.array([block.source == source for block in blocks])
    found = (evaluation[m].per_task[mine] for m in ("spearman", "kendall"))
    return [float(np.nanmean(of)) if np.isfinite(of).any() else float("nan") for of in found]


def mean_with_interval(values: Values, digits: int = 3, sign: str = "+") -> str:
    """A mean and its 95 % interval by the bootstrap; nothing where there are no values."""
    values = values[np.isfinite(values)]
    if not len(values):
        return ""
    low, high = bootstrap(values)
    return f"{values.mean():{sign}.{digits}f} ({low:{sign}.{digits}f} to {high:{sign}.{digits}f})"


def bootstrap(values: Values) -> tuple[float, float]:
    """The 95 % interval of a mean: percentiles of means of resamples."""
    rng = np.random.default_rng(0)
    drawn = values[rng.integers(len(values), size=(N_RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


# ----------------------------------------------------------------------------- the benchmark


def sizes(results: Results) -> str:
    """Source networks and targets."""
    models = [row for row in results.read("models") if row["seed"] == "0"]
    tasks = results.read("tasks")
    lines = []
    for domain in dict.fromkeys(row["source"] for row in models):
        found = {row["network"]: row["accuracy"] for row in models if row["source"] == domain}
        cells = [SHORT[domain], *(f"{float(one):.3f}" for one in found.values())]
        for setting in SETTINGS:
            mine = [row for row in tasks if row["target"] == domain and row["setting"] == setting]
            cells.append(_ranges(mine))
        lines.append(cells)
    networks = dict.fromkeys(row["network"] for row in models)
    header = ["domain", *(f"accuracy of {one}" for one in networks)]
    return table([*header, *(f"{one}: tasks, classes, samples" for one in SETTINGS)], lines)


def _ranges(tasks: Sequence[Mapping[str, str]]) -> str:
    parts = [str(len(tasks))]
    for name in ("n_classes", "n"):
        values = column(tasks, name)
        low, high = int(values.min()), int(values.max())
        parts.append(f"{low}" if low == high else f"{low} to {high}")
    return ", ".join(parts)


def pair(spearman: float, kendall: float, mark: str = "") -> str:
    """Nothing where a correlation is not defined."""
    if not np.isfinite([spearman, kendall]).all():
        return ""
    return f"{mark}{spearman:+.3f} / {kendall:+.3f}{mark}"


def talk_table(results: Results, setting: str) -> str:
    """Spearman / Kendall by source, in the form of the talk's tables."""
    blocks = results.setting(setting)
    evaluations = {name: evaluated(blocks, name) for name in OF_THE_TALK}
    lines = []
    for family, domains in FAMILIES.items():
        there = [one for one in domains if any(block.source == one for block in blocks)]
        rows = {
            one: [of_source(evaluations[name], blocks, one) for name in OF_THE_TALK]
            for one in there
        }
        for one, found in rows.items():
            lines.append([family, SHORT[one], *(pair(*of) for of in found)])
        mean = np.mean(list(rows.values()), axis=0)
        lines.append([family, "**average**", *(pair(*of, mark="**") for of in mean)])
    lines.append(["the talk", "average", *(one.replace("/", " / ") for one in TALK[setting])])
    header = ["family", "source", "OTCE", "OTCE without auxiliary", "LEEP", "NCE"]
    return table([*header, "H-score", "LogME"], lines)


def all_scores(results: Results, setting: str) -> str:
    """Every score, with intervals, against everything that was measured."""
    blocks, lines = results.setting(setting), []
    for name, title in TITLES.items():
        found = {measured: evaluated(blocks, name, measured) for measured in MEASURED}
        lines.append(
            [
                title,
                cell(found["accuracy"], "spearman"),
                cell(found["accuracy"], "kendall"),
                cell(found["log_likelihood"], "spearman"),
                cell(found["relative"], "spearman"),
            ]
        )
    header = ["score", "Spearman", "Kendall", "Spearman, log-likelihood"]
    return table([*header, "Spearman, relative accuracy"], lines)


def differences(results: Results) -> str:
    """OTCE, with and without auxiliary tasks, less every other score."""
    lines = []
    for name, title in TITLES.items():
        cells = []
        for ours in ("otce", "otce_sim"):
            for setting in SETTINGS:
                cells.append(_difference(results.setting(setting), ours, name))
        lines.append([title, *cells])
    header = [f"{ours} - it, {one}" for ours in ("OTCE", "-W_T") for one in SETTINGS]
    return table(["score", *header], lines)


def _difference(blocks: Sequence[Block], ours: str, theirs: str) -> str:
    if ours == theirs or evaluated(blocks, theirs) is None:
        return ""
    (a, truth), (b, _) = paired(blocks, ours), paired(blocks, theirs)
    found = compare_scores(a, b, truth, n_resamples=N_RESAMPLES, missing="drop")["spearman"]
    low, high = found.interval
    text = f"{found.difference:+.2f} ({low:+.2f} to {high:+.2f})"
    return f"**{text}**" if low > 0 or high < 0 else text


def pooled(results: Results) -> str:
    """Spearman over the tasks of all targets of a network together, the mean over networks."""
    lines = []
    for name, title in [*TITLES.items(), ("auxiliary_mean", "control: mean of auxiliary tasks")]:
        cells = [title]
        for setting in SETTINGS:
            values = np.array(list(_pooled(results.setting(setting), name)))
            cells.append(mean_with_interval(values, 2))
        lines.append(cells)
    return table(["score", *SETTINGS], lines)


def _pooled(blocks: Sequence[Block], name: str) -> Iterator[float]:
    for network in dict.fromkeys((block.source, block.network) for block in blocks):
        mine = [block for block in blocks if (block.source, block.network) == network]
        x, y = (
            np.concatenate([of(block)[block.others] for block in mine])
            for of in (lambda block: block.values(name), lambda block: block.measured["accuracy"])
        )
        yield correlation(x, y)


def tuned(results: Results) -> str:
    """Scores against accuracy with all weights tuned, on the tasks where that was measured."""
    found: dict[tuple[str, str, str], dict[int, float]] = {}
    for row in results.read("tuned"):
        key = row["source"], row["network"], row["target"]
        found.setdefault(key, {})[int(row["task"])] = float(row["finetuned"])
    blocks = [
        block
        for block in results.setting("standard")
        if (block.source, block.network, block.target) in found
    ]
    lines = []
    for name, title in [("accuracy", "accuracy of a new head"), *TITLES.items()]:
        of_blocks = []
        for block in blocks:
            truth = found[block.source, block.network, block.target]
            at = np.array(sorted(truth))
            # Tuned tasks are the first ones: calibrated by the next ones.
            following = at[-1] + 1 + np.arange(len(block.auxiliary))
            head = block.measured["accuracy"]
            x = head if name == "accuracy" else block.values(name, following % len(block))
            y = np.array([truth[int(one)] for one in at])
            of_blocks.append(correlation(x[at], y))
        lines.append([title, mean_with_interval(np.array(of_blocks), 2)])
    return table(["score", "Spearman"], lines)


def tuned_means(results: Results) -> str:
    """Mean accuracies of the same tasks by three ways, and of learning without a source."""
    scratch = {
        (row["target"], row["task"]): float(row["scratch"]) for row in results.read("scratch")
    }
    heads = {
        (block.source, block.network, block.target): block.measured["accuracy"]
        for block in results.setting("standard")
    }
    lines = []
    for family, domains in FAMILIES.items():
        rows = [row for row in results.read("tuned") if row["source"] in domains]
        head = [
            heads[row["source"], row["network"], row["target"]][int(row["task"])] for row in rows
        ]
        alone = [scratch[row["target"], row["task"]] for row in rows]
        cells = (np.mean(head), column(rows, "finetuned").mean(), np.mean(alone))
        lines.append([family, str(len(rows)), *(f"{one:.3f}" for one in cells)])
    return table(["family", "transfers", "new head", "all weights tuned", "no source"], lines)


# ---------------------------------------------------------------------------- auxiliary ratio


def auxiliary_curve(
    results: Results, name: str = "otce", setting: str = "standard"
) -> dict[float, Values]:
    """By ratio, a mean over draws for each block: Spearman over the tasks that are left."""
    blocks = results.setting(setting)
    curve = {0.0: np.array([_within(one, one.scores["otce_sim"], np.arange(0)) for one in blocks])}
    for ratio in RATIOS:
        rng = np.random.default_rng(0)
        curve[ratio] = np.array([_drawn(block, name, ratio, rng) for block in blocks])
    return curve


def _drawn(block: Block, name: str, ratio: float, rng: np.random.Generator) -> float:
    n = max(LEAST_AUXILIARY, round(ratio * len(block)))
    found = []
    for _ in range(DRAWS):
        auxiliary = rng.permutation(len(block))[:n]
        found.append(_within(block, block.values(name, auxiliary), auxiliary))
    return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")


def _within(block: Block, values: Values, auxiliary: npt.NDArray[np.int64]) -> float:
    left = np.setdiff1d(np.arange(len(block)), auxiliary)
    return correlation(values[left], block.measured["accuracy"][left])


def auxiliary(results: Results) -> str:
    """The curve in numbers, for OTCE and for the control."""
    curves = {
        "OTCE": auxiliary_curve(results),
        "LEEP and classes": auxiliary_curve(results, "control"),
        "OTCE, fixed": auxiliary_curve(results, setting="fixed"),
    }
    lines = []
    for ratio in (0.0, *RATIOS):
        cells = [f"{100 * ratio:.0f} %"]
        for title, curve in curves.items():
            is_control = title.startswith("LEEP")
            cells.append("" if is_control and not ratio else mean_with_interval(curve[ratio], 3))
        lines.append(cells)
    return table(["auxiliary tasks", *curves], lines)


# --------------------------------------------------------------------------- source selection

CHOOSERS = [name for name in TITLES if name not in ("classes", "majority")]


def choices(results: Results, family: str, setting: str) -> dict[str, dict[str, Evaluation]]:
    """By score and target: is the source that scores best the best one?"""
    blocks = [b for b in results.setting(setting) if FAMILY[b.target] == family]
    found: dict[str, dict[str, Evaluation]] = {}
    for name in [*CHOOSERS, "auxiliary_mean"]:
        for target in dict.fromkeys(block.target for block in blocks):
            mine = [block for block in blocks if block.target == target]
            scores, truth = [], []
            for network in dict.fromkeys(block.network for block in mine):
                group = [block for block in mine if block.network == network]
                at = group[0].others
                scores.append(np.stack([block.values(name)[at] for block in group], axis=1))
                measured = [block.measured["accuracy"][at] for block in group]
                truth.append(np.stack(measured, axis=1))
            found.setdefault(name, {})[target] = evaluate_scores(
                np.concatenate(scores),
                np.concatenate(truth),
                measures=["selection_accuracy", "regret"],
                n_resamples=N_RESAMPLES,
                missing="drop",
            )
    return found


def selection(results: Results, family: str) -> str:
    """Per cent of right choices by target in the standard setting, and in the others."""
    by_setting = {setting: choices(results, family, setting) for setting in SETTINGS}
    targets = list(next(iter(by_setting["standard"].values())))
    titles = TITLES | {"auxiliary_mean": "control: mean of auxiliary tasks"}
    lines = []
    for name in [*CHOOSERS, "auxiliary_mean"]:
        standard = by_setting["standard"][name]
        right = np.concatenate([one["selection_accuracy"].per_task for one in standard.values()])
        lost = np.concatenate([one["regret"].per_task for one in standard.values()])
        cells = [f"{100 * standard[one]['selection_accuracy'].value:.0f}" for one in targets]
        cells.append(mean_with_interval(100 * right, 0, ""))
        cells.append(f"{100 * lost.mean():.1f}")
        for setting in SETTINGS[1:]:
            of_targets = by_setting[setting][name].values()
            cells.append(
                f"{100 * np.mean([one['selection_accuracy'].value for one in of_targets]):.0f}"
            )
        lines.append([titles[name], *cells])
    header = ["chosen by", *(SHORT[one] for one in targets), "mean", "accuracy lost"]
    return table([*header, *SETTINGS[1:]], lines)


# ------------------------------------------------------------------------------------- fusion


def fusion_arms(results: Results, setting: str) -> dict[str, Values]:
    """Accuracies of each kind of features, over the same tasks."""
    rows = [row for row in results.read("fusion") if row["setting"] == setting]
    otce = {
        (block.source, block.network, block.target): block.scores["otce_sim"]
        for block in results.setting(setting)
    }
    arms: dict[str, list[float]] = {}
    groups: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in rows:
        key = row["network"], row["target"], row["task"]
        groups.setdefault(key, {})[row["features"]] = float(row["accuracy"])
    for (network, target, task), found in groups.items():
        singles = {name: value for name, value in found.items() if name in FAMILY}
        by_score = {name: otce[name, network, target][int(task)] for name in singles}
        one = {
            "one source at random": float(np.mean(list(singles.values()))),
            "the source that OTCE chooses": singles[max(by_score, key=by_score.__getitem__)],
            "the best source, as measured": max(singles.values()),
        }
        one |= {name: value for name, value in found.items() if name not in FAMILY}
        for name, value in one.items():
            arms.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in arms.items()}


def fusion(results: Results) -> str:
    """Mean accuracies, and how much more than with equal weights."""
    arms = {setting: fusion_arms(results, setting) for setting in ("standard", "few-shot")}
    lines = []
    for name in arms["standard"]:
        cells = [name.replace("otce/", "OTCE, temperature ")]
        for found in arms.values():
            cells.append(f"{found[name].mean():.3f}")
            how = name.partition(" ")[0]
            how = how if how in ("sum", "concatenate") else "sum"
            is_base = name == f"{how} uniform"
            more = found[name] - found[f"{how} uniform"]
            cells.append("" if is_base else mean_with_interval(more))
        lines.append(cells)
    header = ["features", "standard", "more than equal weights"]
    return table([*header, "few-shot", "more than equal weights"], lines)


# -------------------------------------------------------------------------------- sensitivity

SHOWN = ("otce_sim", "w_d", "jc_otce", "leep", "nce", "h_score_shrinkage", "logme", "nleep", "knn")


def sensitivity(results: Results, setting: str) -> str:
    """Mean Spearman by how scores were computed."""
    rows = [row for row in results.read_all("varied") if row["setting"] == setting]
    kept = {"otce_sim": "task_difference", "w_d": "domain_difference"}
    lines = []
    for variant in dict.fromkeys(row["variant"] for row in rows):
        mine = [row for row in rows if row["variant"] == variant]
        cells = [VARIANTS.get(variant, variant)]
        for name in SHOWN:
            values = column(mine, kept.get(name, name))
            values = values[np.isfinite(values)]
            cells.append(f"{values.mean():+.2f}" if len(values) else "")
        lines.append(cells)
    return table(["computed with", *(TITLES[name] for name in SHOWN)], lines)


VARIANTS = {
    "seed 0": "the defaults",
    "seed 1": "other source networks (seed 1)",
    "exact": "exact transport",
    "standardised": "standardised features",
    "unit length": "features of length 1",
}


# --------------------------------------------------------------------------------------- time


def seconds(results: Results) -> str:
    """What scoring took here, and what others would take."""
    ours: dict[str, float] = {}
    for row in results.read_all("seconds"):
        ours[row["what"]] = ours.get(row["what"], 0) + float(row["seconds"])
    pairs = sum(len(block) for block in results.blocks)
    rivals = results.read("rivals")
    lines = []
    for what in dict.fromkeys(row["what"] for row in rivals):
        mine = [row for row in rivals if row["what"] == what]
        theirs, here = (column(mine, f"{who}_seconds") for who in ("theirs", "ours"))
        lines.append(
            [
                TITLES["otce_sim"] if what == "otce" else TITLES[what],
                *(f"{1000 * one.mean():.2f}" for one in (theirs, here)),
                f"{theirs.mean() / here.mean():.0f}",
                f"{pairs * theirs.mean():.0f}",
            ]
        )
    total = sum(float(line[-1]) for line in lines)
    text = table(["score", "theirs, ms", "ours, ms", "ratio", "theirs, s for all pairs"], lines)
    spent = ", ".join(f"{what} {found:.0f}" for what, found in ours.items())
    return (
        f"{pairs} pairs of a network and a task. Scoring all of them took "
        f"{sum(ours.values()):.0f} s of one thread ({spent}); the others would take "
        f"{total:.0f} s.\n\n{text}"
    )


# -------------------------------------------------------------------------------- all of them

Section = Callable[[Results], str]
SECTIONS: dict[str, Section] = {
    "sizes": sizes,
    "differences": differences,
    "pooled": pooled,
    "tuned": tuned,
    "tuned means": tuned_means,
    "auxiliary": auxiliary,
    "fusion": fusion,
    "seconds": seconds,
}
for _setting in SETTINGS:
    SECTIONS[f"talk {_setting}"] = partial(talk_table, setting=_setting)
    SECTIONS[f"all {_setting}"] = partial(all_scores, setting=_setting)
for _setting in ("standard", "fixed"):
    SECTIONS[f"sensitivity {_setting}"] = partial(sensitivity, setting=_setting)
for _family in FAMILIES:
    SECTIONS[f"selection {_family}"] = partial(selection, family=_family)


def write_report(folder: Path, page: Path | None) -> None:
    """All tables and plots: between the marks of a page, or as a report beside the results."""
    from transfer_plots import write_plots

    results = Results.of(folder)
    tables = {name: section(results) for name, section in SECTIONS.items()}
    if page is None:
        text = "\n\n".join(f"### {name}\n\n{found}" for name, found in tables.items())
        (folder / "report.md").write_text(text + "\n", encoding="utf-8", newline="\n")
        write_plots(results, folder)
        return
    page.write_text(
        filled(page.read_text(encoding="utf-8"), tables), encoding="utf-8", newline="\n"
    )
    write_plots(results, page.parent / "images")


def filled(text: str, tables: Mapping[str, str]) -> str:
    """A page with its tables anew."""
    for name, found in tables.items():
        first, last = f"<!-- task_transfer: {name} -->\n", "<!-- end -->"
        before, mark, rest = text.partition(first)
        if mark:
            after = rest.partition(last)[2]
            text = f"{before}{mark}\n{found}\n\n{last}{after}"
    return text
