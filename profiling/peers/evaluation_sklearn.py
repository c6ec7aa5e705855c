"""What profiling/bench_evaluation.cpp fits, by scikit-learn and umap-learn on the same rows, as `bench_evaluation PART
--export FILE` wrote them down.

    evaluation_sklearn.py regression|svm|pca|umap FILE [--replicas 1] [--rounds 1] [--threads T]
        prints the median, lowest and highest milliseconds of the whole fit, the most iterations that a problem took, how many
        problems there are, and how many of the fitted ones converged. REPLICAS of the file's are fitted, one after the other,
        and their time is multiplied up to all
    evaluation_sklearn.py regression|svm|pca|umap --check FILE [--replicas 1]
        compares: the objectives, in double, of both fits; of PCA variances and directions; of UMAP the trustworthiness. Fails
        unless they agree

Fits end where ours do: a gradient of 1e-7 of the mean loss, or of 1e-6 of that at 0.
"""
import argparse
import statistics
import sys
import time
import warnings

import numpy as np
from safetensors.numpy import load_file
from threadpoolctl import threadpool_limits

OBJECTIVE = 1e-6  # relative difference allowed, of what both minimise
DIRECTION = 1e-8  # of variances, relative, and of a direction's cosine from one
TRUST = 0.02  # by how much a layout's trustworthiness may be below theirs


def logistic_objective(weights, intercepts, x, y):
    """The sum of losses and half the squared weights, of weights [K, d]."""
    scores = x.astype(np.float64) @ weights.T.astype(np.float64) + intercepts
    largest = scores.max(1)
    losses = np.log(np.exp(scores - largest[:, None]).sum(1)) + largest - scores[np.arange(len(y)), y]
    return losses.sum() + 0.5 * (weights.astype(np.float64) ** 2).sum()


def svm_objectives(weights, intercepts, x, y):
    """Of each class against the rest, [K]."""
    scores = x.astype(np.float64) @ weights.T.astype(np.float64) + intercepts
    sign = np.where(y[:, None] == np.arange(len(weights)), 1.0, -1.0)
    penalty = (weights.astype(np.float64) ** 2).sum(1) + np.asarray(intercepts, np.float64) ** 2
    return 0.5 * penalty + (np.maximum(0, 1 - sign * scores) ** 2).sum(0)


def fit_regression(file, r):
    from sklearn.linear_model import LogisticRegression

    return [LogisticRegression(tol=1e-7, max_iter=1000).fit(file["rows"][r], file["labels"])]


def fit_svm(file, r):
    """On all rows, then without each fold."""
    from sklearn.svm import LinearSVC

    x, y, folds = file["rows"][r], file["labels"], file["folds"]
    kept = [np.ones(len(y), bool)] + [folds != fold for fold in range(folds.max() + 1)]
    return [LinearSVC(dual=False, tol=1e-6).fit(x[rows], y[rows]) for rows in kept]


def fit_pca(file, r):
    from sklearn.decomposition import PCA

    return [PCA(len(file["variances"]), svd_solver="covariance_eigh").fit(file["rows"][r].astype(np.float64))]


def fit_umap(file, r):
    import umap

    return [umap.UMAP(n_epochs=500, init="pca").fit(file["rows"][r])]


def check_regression(file, r, models):
    x, y = file["rows"][r], file["labels"]
    ours = logistic_objective(file["weights"][r], file["intercepts"][r], x, y)
    theirs = logistic_objective(models[0].coef_, models[0].intercept_, x, y)
    return "objective", abs(ours - theirs) / theirs, OBJECTIVE


def check_svm(file, r, models):
    x, y, folds = file["rows"][r], file["labels"], file["folds"]
    apart = 0.0
    for fit, model in enumerate(models):
        rows = folds != fit - 1
        ours = svm_objectives(file["weights"][r][:, fit], file["intercepts"][r][:, fit], x[rows], y[rows])
        theirs = svm_objectives(model.coef_, model.intercept_, x[rows], y[rows])
        apart = max(apart, (abs(ours - theirs) / theirs).max())
    return "objectives", apart, OBJECTIVE


def check_pca(file, r, models):
    variances = models[0].explained_variance_
    cosines = np.abs((models[0].components_ * file["directions"]).sum(1))
    apart = max((abs(file["variances"] - variances) / variances).max(), (1 - cosines).max())
    return "variances and directions", apart, DIRECTION


def check_umap(file, r, models):
    from sklearn.manifold import trustworthiness

    x = file["rows"][r]
    ours, theirs = (trustworthiness(x, at, n_neighbors=15) for at in (file["positions"], models[0].embedding_))
    return f"trustworthiness {ours:.4f} and theirs {theirs:.4f},", max(0.0, theirs - ours), TRUST


def outcome(part, file, models):
    """The most iterations, how many problems the file has, and how many of the fitted ones converged."""
    if part == "umap":
        return 500, 1, len(models)
    if part == "pca":
        return len(file["variances"]), 1, len(models)
    steps = [int(n) for model in models for n in np.ravel(model.n_iter_)]
    most = 1000  # their default, too
    classes = 1 if part == "regression" else file["weights"].shape[1]
    return max(steps), int(np.prod(file["intercepts"].shape)) // (10 if part == "regression" else 1), classes * sum(
        int(np.max(model.n_iter_) < most) for model in models)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=["regression", "svm", "pca", "umap"])
    parser.add_argument("file")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    fit = {"regression": fit_regression, "svm": fit_svm, "pca": fit_pca, "umap": fit_umap}[options.part]
    file = load_file(options.file)
    replicas = range(min(options.replicas, len(file["rows"])))
    warnings.filterwarnings("ignore")
    with threadpool_limits(options.threads):
        if options.check:
            check = {"regression": check_regression, "svm": check_svm, "pca": check_pca, "umap": check_umap}[options.part]
            results = [check(file, r, fit(file, r)) for r in replicas]
            what, apart, allowed = max(results, key=lambda result: result[1])
            print(f"{options.part}: {what} apart by {apart:.1e}, {allowed:.0e} allowed")
            return 0 if apart <= allowed else 1
        if options.part == "umap":
            import numba

            if options.threads:
                numba.set_num_threads(min(options.threads, numba.config.NUMBA_NUM_THREADS))
            fit(file, 0)  # compiles
        times, models = [], []
        for _ in range(options.rounds):
            start = time.perf_counter()
            models = [model for r in replicas for model in fit(file, r)]
            times.append((time.perf_counter() - start) * 1e3 * len(file["rows"]) / len(replicas))
    steps, problems, converged = outcome(options.part, file, models)
    print(f"{statistics.median(times):.2f} {min(times):.2f} {max(times):.2f} {steps} {problems} {converged}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
