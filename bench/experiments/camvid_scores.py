"""Scores that are compared on CamVid, and where pixels are drawn for them."""

PLACES = ("boundary", "uniform")
SCORES = {
    "otce": "OTCE (-W_T)",
    "domain": "-W_D of OTCE",
    "leep": "LEEP",
    "nce": "NCE",
    "logme": "LogME",
    "h_score": "H-score",
    "knn": "k-NN",
}
BASELINES = {
    "as_it_is": "the network as it is, IoU on the few frames",
    "own": "the network's IoU on its own frames",
    "colour": "likeness of mean colours",
}
