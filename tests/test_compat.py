"""Drop-in names as they are called: signatures, import lines, tensors, and what importing costs."""

import inspect
import subprocess
import sys

import numpy as np
import pytest

import published
from conftest import network_features
from tolerances import FLOAT32
from transferscore.compat import logme, parc, sfda, tllib, transformer_ranker

# As they are published: names, order and defaults.
SIGNATURES = {
    tllib.h_score: "(features, labels)",
    tllib.regularized_h_score: "(features, labels)",
    tllib.log_expected_empirical_prediction: "(predictions, labels)",
    tllib.negative_conditional_entropy: "(source_labels, target_labels)",
    tllib.log_maximum_evidence: "(features, targets, regression=False, return_weights=False)",
    tllib.coding_rate: "(features, eps=0.0001)",
    tllib.transrate: "(features, labels, eps=0.0001)",
    logme.LEEP: "(pseudo_source_label, target_label)",
    logme.NCE: "(source_label, target_label)",
    logme.LogME: "(regression=False)",
    logme.LogME.fit: "(self, f, y)",
    logme.LogME.predict: "(self, f)",
    logme.LogME.reset: "(self)",
    transformer_ranker.HScore: "(regression=False)",
    transformer_ranker.HScore.fit: "(self, embeddings, labels, **kwargs)",
    transformer_ranker.LogME: "(regression=False)",
    transformer_ranker.LogME.fit: (
        "(self, embeddings, labels, initial_alpha=1.0, initial_beta=1.0, max_iter=11, tol=0.001, "
        "**kwargs)"
    ),
    transformer_ranker.NearestNeighbors: "(regression=False, k=3)",
    transformer_ranker.NearestNeighbors.fit: (
        "(self, embeddings, labels, batch_size=1024, distance_metric='euclidean', **kwargs)"
    ),
    parc.TransferabilityMethod: "()",
    parc.TransferabilityMethod.__call__: (
        "(self, features, probs, y, source_dataset=None, target_dataset=None, architecture=None, "
        "cache_path_fn=None)"  # the last four have no defaults there
    ),
    parc.LEEP: "(n_dims=None, src='probs', normalization=None, use_sigmoid=False)",
    parc.NegativeCrossEntropy: "()",
    parc.NegativeCrossEntropy.forward: "(self, eps=1e-05)",
    parc.HScore: "(n_dims=None, use_published_implementation=False)",
    parc.kNN: "(k=1, metric='l2', n_dims=None)",
    parc.SplitkNN: "(percent_train=0.5, k=1, n_dims=None)",
    parc.SplitLogistic: "(percent_train=0.5, n_dims=None)",
    parc.PARC: "(n_dims=None, fmt='')",
    sfda.SFDA_Score: "(X, y)",
    sfda.LogME_Score: "(X, y)",
    sfda.NLEEP: "(X, y, component_ratio=5)",
    sfda.PARC_Score: "(X, y, ratio=2)",
}


def plain(function):
    """The signature without types, and without parameters that can be given by name only."""
    signature = inspect.signature(function)
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    return str(inspect.Signature(parameters))


@pytest.mark.parametrize("function", SIGNATURES, ids=lambda function: function.__qualname__)
def test_signatures(function):
    assert plain(function) == SIGNATURES[function]


@pytest.mark.parametrize("module", [tllib, logme, transformer_ranker, parc, sfda])
def test_every_name_has_its_signature(module):
    assert {getattr(module, name) for name in module.__all__} <= set(SIGNATURES)


# ------------------------------------------------------------------------------- import lines

# Programs as users of these libraries write them, up to their data.
PROGRAMS = {
    "tllib, one example per score": (
        "tllib.ranking",
        "transferscore.compat.tllib",
        """
from tllib.ranking import h_score
from tllib.ranking import log_expected_empirical_prediction as leep
from tllib.ranking import negative_conditional_entropy as nce
from tllib.ranking import log_maximum_evidence as logme

result = {
    "h_score": h_score(features, targets),
    "leep": leep(predictions, targets),
    "nce": nce(np.argmax(predictions, axis=1), targets),
    "logme": logme(features, targets),
}
lines = [f"# resnet50:\\t{score}\\n" for score in result.values()]
""",
    ),
    "tllib, modules": (
        "tllib.ranking",
        "transferscore.compat.tllib",
        """
from tllib.ranking.hscore import h_score, regularized_h_score
from tllib.ranking.leep import log_expected_empirical_prediction
from tllib.ranking.logme import log_maximum_evidence
from tllib.ranking.nce import negative_conditional_entropy
from tllib.ranking.transrate import transrate

result = {
    "h_score": h_score(features, targets),
    "regularized_h_score": regularized_h_score(features, targets),
    "leep": log_expected_empirical_prediction(predictions, targets),
    "nce": negative_conditional_entropy(predictions.argmax(axis=1), targets),
    "transrate": transrate(features, targets, eps=1e-4),
}
result["logme"], weights = log_maximum_evidence(features, targets, return_weights=True)
assert weights.shape == (6, features.shape[1])
best_first = sorted(result.items(), key=lambda item: item[1], reverse=True)
""",
    ),
    "LogME": (
        "LogME import",
        "transferscore.compat.logme import",
        """
from LogME import LogME
logme = LogME(regression=False)
result = {"thuml": logme.fit(features, targets)}
assert logme.ms.shape == (6, features.shape[1])
""",
    ),
    "transformer-ranker": (
        "transformer_ranker.estimators",
        "transferscore.compat.transformer_ranker",
        """
from transformer_ranker.estimators import HScore, LogME, NearestNeighbors
estimators = {"regularized_h_score": HScore(), "thuml": LogME(), "knn": NearestNeighbors(k=3)}
result = {
    name: estimator.fit(embeddings=features, labels=targets)
    for name, estimator in estimators.items()
}
assert all(round(estimator.score, 4) for estimator in estimators.values())
""",
    ),
    "parc": (
        "methods",
        "transferscore.compat.parc",
        """
from methods import PARC, kNN, LEEP, HScore
methods = {"parc": PARC(n_dims=32), "knn": kNN(k=1), "leep": LEEP(), "h_score": HScore()}
params = {
    "features": features,
    "probs": predictions,
    "y": targets,
    "source_dataset": "imagenet",
    "target_dataset": "cifar10",
    "architecture": "resnet50",
    "cache_path_fn": lambda architecture, source, target: f"{architecture}_{source}_{target}.pkl",
}
result = {name: method(**params) for name, method in methods.items()}
""",
    ),
    "SFDA": (
        "from metrics",
        "from transferscore.compat.sfda",
        """
from metrics import NLEEP, LogME_Score, SFDA_Score, PARC_Score
result = {
    "thuml": LogME_Score(features, targets),
    "parc": PARC_Score(features, targets, ratio=2),
    "nleep": NLEEP(features, targets, component_ratio=5),
    "sfda": SFDA_Score(features, targets),
}
""",
    ),
}


def data():
    """float32 features and softmax outputs, int64 targets, as loaders of images give them."""
    X, y = network_features(300, 25, 6)
    rng = np.random.default_rng(0)
    X = X + 0.5 * rng.normal(size=X.shape)
    logits = rng.normal(size=(300, 8)).astype(np.float32)
    return X.astype(np.float32), published.softmax(logits), y.astype(np.int64)


def expected_scores():
    X, theta, y = data()
    X, theta = X.astype(float), theta.astype(float)
    columns, z = published.onehot(y), theta.argmax(axis=1)
    return {
        "h_score": published.h_score(X, y),
        "regularized_h_score": published.shrinkage_h_score(X, y),
        "leep": published.leep(theta, y),
        "nce": published.nce(z, y),
        "logme": published.fixed_point(X, columns)[0].mean(),
        "transrate": published.transrate(X, y, 1e-4),
        "thuml": published.fixed_point(X, columns, tol=1e-3, epsilon=1e-5)[0].mean(),
        "sfda": published.sfda(X, y),
    }


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_run_with_their_import_lines_changed(program):
    there, here, text = PROGRAMS[program]
    lines = text.splitlines()
    changed = [
        line.replace(there, here) if line.startswith(("from ", "import ")) else line
        for line in lines
    ]
    assert changed != lines
    features, predictions, targets = data()
    assert predictions.dtype == np.float32
    names = {"features": features, "predictions": predictions, "targets": targets, "np": np}
    exec("\n".join(changed), names)
    expected = expected_scores()
    for name, value in names["result"].items():
        assert np.isfinite(value), name
        if name in expected:
            assert value == pytest.approx(expected[name], rel=FLOAT32), name
    if program == "tllib, one example per score":
        assert names["lines"][0].startswith("# resnet50:\t2.")


# ------------------------------------------------------------------------------------ tensors


def test_torch_tensors():
    torch = pytest.importorskip("torch")
    X, theta, y = data()
    Xt = torch.from_numpy(X).requires_grad_()
    theta_t, yt = torch.from_numpy(theta), torch.from_numpy(y)
    zt, z = theta_t.argmax(dim=1), theta.argmax(axis=1)
    for on_tensors, on_arrays in (
        (tllib.h_score(Xt, yt), tllib.h_score(X, y)),
        (tllib.regularized_h_score(Xt, yt), tllib.regularized_h_score(X, y)),
        (
            tllib.log_expected_empirical_prediction(theta_t, yt),
            tllib.log_expected_empirical_prediction(theta, y),
        ),
        (
            tllib.negative_conditional_entropy(zt, yt),
            tllib.negative_conditional_entropy(z, y),
        ),
        (tllib.log_maximum_evidence(Xt, yt), tllib.log_maximum_evidence(X, y)),
        (tllib.transrate(Xt, yt[:, None]), tllib.transrate(X, y)),
        (tllib.coding_rate(Xt), tllib.coding_rate(X)),
        (logme.LogME().fit(Xt, yt), logme.LogME().fit(X, y)),
        (logme.LogME(True).fit(Xt, theta_t), logme.LogME(True).fit(X, theta)),
        (sfda.SFDA_Score(Xt, yt), sfda.SFDA_Score(X, y)),
        (sfda.LogME_Score(Xt, yt), sfda.LogME_Score(X, y)),
        (sfda.NLEEP(Xt, yt, 1), sfda.NLEEP(X, y, 1)),
        (sfda.PARC_Score(Xt, yt), sfda.PARC_Score(X, y)),
    ):
        assert on_tensors == on_arrays
        assert isinstance(on_tensors, np.float64)
    for estimator in (
        transformer_ranker.HScore(),
        transformer_ranker.LogME(),
        transformer_ranker.NearestNeighbors(),
    ):
        value = estimator.fit(X, y)
        assert estimator.fit(Xt, yt) == value
        assert estimator.fit(embeddings=Xt, labels=yt.float()) == value
        half = estimator.fit(Xt.bfloat16(), yt)
        assert half == estimator.fit(Xt.bfloat16().float(), yt)
        assert type(value) is float
    numbers = Xt[:, 0] * 2
    neighbours = transformer_ranker.NearestNeighbors(regression=True)
    assert neighbours.fit(Xt, numbers) == neighbours.fit(X, X[:, 0] * 2)
    evidence = transformer_ranker.LogME(regression=True)
    assert evidence.fit(Xt, numbers) == evidence.fit(X, X[:, 0] * 2)
    for name in ("LEEP", "NegativeCrossEntropy", "HScore", "kNN", "SplitkNN", "SplitLogistic"):
        method = getattr(parc, name)()
        assert method(Xt, theta_t, yt) == method(X, theta, y)
    assert parc.PARC(n_dims=8)(Xt, theta_t, yt) == parc.PARC(n_dims=8)(X, theta, y)
    model = logme.LogME()
    model.fit(Xt, yt)
    np.testing.assert_array_equal(model.predict(Xt), model.predict(X))


# ------------------------------------------------------------------------------------ imports


def test_importing_loads_no_other_library():
    names = [
        f"transferscore.compat.{name}"
        for name in ("tllib", "logme", "transformer_ranker", "parc", "sfda", "pot", "otce_demo")
    ]
    code = "\n".join(f"import {name}" for name in names)
    code += "\nimport sys\nprint(*{name.partition('.')[0] for name in sys.modules})"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(ran.stdout.split())
    assert "transferscore" in loaded
    assert not loaded & {"torch", "sklearn", "scipy", "ot", "numba", "rich"}
