"""What public programs compute, stated in plain NumPy: what drop-in names are held against."""

import numpy as np
from scipy.linalg import eigh
from scipy.stats import rankdata


def class_means(X, y):
    """The mean of the class of each sample (n, d)."""
    return np.stack([X[y == label].mean(axis=0) for label in y])


def h_score(X, y):
    """tr(pinv(cov f) cov(E[f|y])), both divided by n - 1."""
    cov_f, cov_g = np.cov(X, rowvar=False), np.cov(class_means(X, y), rowvar=False)
    return np.trace(np.linalg.pinv(np.atleast_2d(cov_f), rcond=1e-15) @ np.atleast_2d(cov_g))


def shrinkage_h_score(X, y):
    """The covariance of features divided by n and shrunk, that of class means divided by n - 1."""
    n, d = X.shape
    F = X - X.mean(axis=0)
    S = F.T @ F / n
    sigma = np.trace(S) / d
    spread = np.sum((S - sigma * np.eye(d)) ** 2) / d
    noise = sum(np.sum((np.outer(f, f) - S) ** 2) for f in F) / n**2 / d
    alpha = min(noise, spread) / spread
    G = class_means(F, y)
    shrunk = (1 - alpha) * S + alpha * sigma * np.eye(d)
    return np.trace(np.linalg.solve(shrunk, (1 - alpha) * G.T @ G / (n - 1)))


def fixed_point(
    X,
    columns,
    *,
    max_iter=11,
    tol=1e-2,
    epsilon=0.0,
    epsilon_in_evidence=False,
    carried=False,
    all_terms=True,
    alpha=1.0,
    beta=1.0,
):
    """(evidences (C,), alphas (C,), betas (C,), weights (C, d)) of columns (n, C) of targets."""
    n, d = X.shape
    s = np.linalg.svd(X.T @ X, compute_uv=False)
    if not all_terms:
        s = s[: min(n, d)]
    first = alpha, beta
    found = []
    for t in np.asarray(columns, dtype=float).T:
        if not carried:
            alpha, beta = first
        for _ in range(max_iter):
            lam = alpha / beta
            m = X.T @ np.linalg.solve(X @ X.T + lam * np.eye(n), t)
            gamma = np.sum(s / (s + lam))
            norm, residual = m @ m, np.sum((t - X @ m) ** 2)
            alpha = gamma / (norm + epsilon)
            beta = (n - gamma) / (residual + epsilon)
            if abs(alpha / beta - lam) / lam <= tol:
                break
        eps = epsilon if epsilon_in_evidence else 0.0
        logs = d * np.log(alpha) + n * np.log(beta) - np.sum(np.log(alpha + beta * s))
        squares = beta * (residual + eps) + alpha * (norm + eps)
        found.append(((logs - squares - n * np.log(2 * np.pi)) / (2 * n), alpha, beta, m))
    return tuple(np.array(part) for part in zip(*found, strict=True))


def onehot(y):
    """Columns of 0 and 1 for the classes that occur."""
    return y[:, np.newaxis] == np.unique(y)


def leep(theta, y):
    """Mean log of what P(y|z) and theta say of the label; P(y|z) = P(y, z) / P(z)."""
    terms = []
    for label, row in zip(y, theta, strict=True):
        conditional = theta[y == label].sum(axis=0) / theta.sum(axis=0)
        terms.append(np.log(conditional @ row))
    return np.mean(terms)


def nce(z, y):
    """-H(Y|Z): mean log of the share of the label among samples with the same source label."""
    return np.mean([np.log(np.mean(y[z == z[i]] == y[i])) for i in range(len(y))])


def nce_with_epsilon(z, y, n_z, n_y, eps):
    """Sum over all cells of (P(y, z) + eps) log((P(y, z) + eps) / (P(z) + eps))."""
    total = 0.0
    for source in range(n_z):
        for target in range(n_y):
            cell = np.mean((z == source) & (y == target)) + eps
            total += cell * np.log(cell / (np.mean(z == source) + eps))
    return total


def coding_rate(Z, eps):
    """Half of log det(I + Z^T Z / (n eps))."""
    return np.sum(np.log1p(np.linalg.svd(Z, compute_uv=False) ** 2 / (len(Z) * eps))) / 2


def transrate(X, y, eps):
    """The rate less the unweighted mean of the rates of the classes."""
    Z = X - X.mean(axis=0)
    return coding_rate(Z, eps) - np.mean([coding_rate(Z[y == c], eps) for c in np.unique(y)])


def nearest(X, k, cosine=False):
    """Indices (n, k) of the others, by distance and then by index."""
    if cosine:
        X = X / np.linalg.norm(X, axis=1, keepdims=True)
    chosen = []
    for i, x in enumerate(X):
        others = np.delete(np.arange(len(X)), i)
        distances = np.sum((X[others] - x) ** 2, axis=1)
        chosen.append(others[np.argsort(distances, kind="stable")[:k]])
    return np.array(chosen)


def elected(votes):
    """The most frequent label, of several the smallest, and how often it occurs."""
    labels, counts = np.unique(votes, return_counts=True)
    return labels[counts.argmax()], counts.max()


def parc(X, y):
    """Spearman's correlation of 1 - corr between rows, times 100; for labels without ties split."""
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    above = np.triu_indices(len(X), 1)
    features = rankdata(1 - np.corrcoef(Z)[above])
    labels = rankdata(y[above[0]] != y[above[1]])
    return 100 * np.corrcoef(features, labels)[0, 1]


def softmax(a):
    """Of each row."""
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sfda(X, y):
    """Mean probability of the own class after mixing, by eigenvectors and without a logarithm."""
    own = np.arange(len(y)), np.unique(y, return_inverse=True)[1]
    classes = np.unique(y)
    S_w = within(X, y)
    x = S_w.sum(axis=1)
    for _ in range(3):
        v = S_w @ x / np.linalg.norm(S_w @ x)
        x = S_w @ v / np.linalg.norm(S_w @ v)
    shrinkage = max(np.exp(-5 * (x @ S_w @ v)), 1e-10)
    confidence = softmax(discriminant(X, y, shrinkage))[own][:, np.newaxis]
    means = np.stack([X[y == c].mean(axis=0) for c in classes])
    others = np.stack([np.delete(means, c, axis=0).mean(axis=0) for c in range(len(classes))])
    mixed = confidence * X + (1 - confidence) * others[own[1]]
    return discriminant(mixed, y, shrinkage)[own].mean()


def within(X, y):
    """Covariances of the classes, divided by n_c, weighted by n_c / n."""
    return sum(
        np.mean(y == c) * np.atleast_2d(np.cov(X[y == c], rowvar=False, bias=True))
        for c in np.unique(y)
    )


def discriminant(X, y, shrinkage):
    """Probabilities (n, K) from the generalised eigenvectors of the scatter between and within."""
    eye = np.eye(X.shape[1])

    def shrunk(S):
        return (1 - shrinkage) * S + shrinkage * np.trace(S) / len(S) * eye

    inside = shrunk(within(X, y))
    V = eigh(shrunk(np.cov(X, rowvar=False, bias=True)) - inside, inside)[1]
    means = np.stack([X[y == c].mean(axis=0) for c in np.unique(y)])
    coefficients = means @ V @ V.T
    priors = np.array([np.mean(y == c) for c in np.unique(y)])
    return softmax(X @ coefficients.T - np.sum(means * coefficients, axis=1) / 2 + np.log(priors))


def nleep(theta, y):
    """Mean probability, not its logarithm, of the label from posteriors of a mixture."""
    total = 0.0
    for label, row in zip(y, theta, strict=True):
        mass = theta.sum(axis=0)
        total += theta[y == label].sum(axis=0) / np.where(mass > 0, mass, 1) @ row
    return total / len(y)
