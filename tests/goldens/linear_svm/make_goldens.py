"""Fits of scikit-learn's LinearSVC for tests/host/linear_svm_test.cpp: small data sets with known optima, their
stratified folds and cross-validation. Run here with numpy and scikit-learn; writes {three_classes,ten_classes}.json and
folds.json beside itself.

Features are float32 numbers of two decimals, which the file gives back exactly; the fit is in float64, primal, tol
1e-12.
"""
import json
import pathlib

import numpy as np
import sklearn
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

HERE = pathlib.Path(__file__).parent
MADE_WITH = f"scikit-learn {sklearn.__version__}, numpy {np.__version__}"


def write(name, golden):
    text = json.dumps({"made_with": MADE_WITH, **golden}, separators=(",", ":"))
    (HERE / f"{name}.json").write_text(text + "\n")
    print(name, len(text), "bytes")


def fit(x, y, C):
    return LinearSVC(C=C, dual=False, tol=1e-12, max_iter=100000).fit(x.astype(np.float64), y)


def folds_of(y, n_splits):
    folds = np.zeros(len(y), int)
    for number, (_, held_out) in enumerate(StratifiedKFold(n_splits).split(np.zeros(len(y)), y)):
        folds[held_out] = number
    return folds


def make(name, seed, rows, test_rows, features, classes, spread, shift, C, n_splits):
    rng = np.random.default_rng(seed)
    centres = spread * rng.standard_normal((classes, features))
    scale = 0.3 + rng.random(features) * 1.5  # unequal scales, and means that are not 0
    share = np.arange(1, classes + 1) + 2.0  # unequal classes
    y = rng.choice(classes, rows + test_rows, p=share / share.sum())
    x = ((centres[y] + rng.standard_normal((len(y), features))) * scale + shift).round(2).astype(np.float32)
    folds = folds_of(y[:rows], n_splits)
    model = fit(x[:rows], y[:rows], C)
    scores = [fit(x[:rows][folds != f], y[:rows][folds != f], C).score(x[:rows][folds == f], y[:rows][folds == f])
              for f in range(n_splits)]
    write(name, {
        "C": C, "classes": classes, "features": features, "folds": n_splits,
        "x": [round(float(v), 2) for v in x[:rows].ravel()], "y": y[:rows].tolist(), "fold_of": folds.tolist(),
        "x_test": [round(float(v), 2) for v in x[rows:].ravel()], "y_test": y[rows:].tolist(),
        "weights": model.coef_.ravel().tolist(), "intercepts": model.intercept_.tolist(),
        "first_fold_weights": fit(x[:rows][folds != 0], y[:rows][folds != 0], C).coef_.ravel().tolist(),
        "fold_accuracy": scores, "cv_mean": float(np.mean(scores)), "cv_std": float(np.std(scores)),
        "test_accuracy": model.score(x[rows:], y[rows:]),
    })


make("three_classes", seed=1, rows=200, test_rows=200, features=5, classes=3, spread=0.7, shift=0.4, C=1.0, n_splits=4)
make("ten_classes", seed=2, rows=900, test_rows=600, features=7, classes=10, spread=0.9, shift=-0.3, C=0.1, n_splits=9)

rng = np.random.default_rng(3)
cases = []
for classes, rows, n_splits, share in ((2, 23, 2, [1, 3]), (4, 97, 5, [1, 5, 2, 3]), (10, 401, 9, list(range(4, 14)))):
    y = rng.choice(classes, rows, p=np.array(share) / sum(share))
    cases.append({"folds": n_splits, "y": y.tolist(), "fold_of": folds_of(y, n_splits).tolist()})
y = np.repeat([3, 1, 2], [7, 12, 5])  # sorted, the largest class first
cases.append({"folds": 5, "y": y.tolist(), "fold_of": folds_of(y, 5).tolist()})
write("folds", {"cases": cases})
