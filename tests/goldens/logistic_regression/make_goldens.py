"""Fits of scikit-learn's LogisticRegression for tests/host/logistic_regression_test.cpp: small data sets with known
optima. Run here with numpy and scikit-learn; writes {three_classes,ten_classes}.json beside itself.

Features are float32 numbers of three decimals, which the file gives back exactly; the fit is in float64, tol 1e-10.
"""
import json
import pathlib

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

HERE = pathlib.Path(__file__).parent


def make(name, seed, rows, test_rows, features, classes, spread, shift, C):
    rng = np.random.default_rng(seed)
    centres = spread * rng.standard_normal((classes, features))
    scale = 0.3 + rng.random(features) * 1.5  # unequal scales, and means that are not 0
    labels = rng.integers(0, classes, rows + test_rows)
    x = ((centres[labels] + rng.standard_normal((len(labels), features))) * scale + shift).round(3).astype(np.float32)
    model = LogisticRegression(C=C, tol=1e-10, max_iter=10000).fit(x[:rows].astype(np.float64), labels[:rows])
    golden = {
        "made_with": f"scikit-learn {sklearn.__version__}, numpy {np.__version__}",
        "C": C, "classes": classes, "features": features,
        "x": [round(float(v), 3) for v in x[:rows].ravel()], "y": labels[:rows].tolist(),
        "x_test": [round(float(v), 3) for v in x[rows:].ravel()], "y_test": labels[rows:].tolist(),
        "weights": model.coef_.ravel().tolist(),
        "intercepts": (model.intercept_ - model.intercept_.mean()).tolist(),
        "test_accuracy": model.score(x[rows:].astype(np.float64), labels[rows:]),
    }
    text = json.dumps(golden, separators=(",", ":"))
    (HERE / f"{name}.json").write_text(text + "\n")
    print(name, len(text), "bytes, iterations", model.n_iter_, "accuracy", golden["test_accuracy"])


make("three_classes", seed=1, rows=200, test_rows=200, features=5, classes=3, spread=0.7, shift=0.4, C=1.0)
make("ten_classes", seed=2, rows=2000, test_rows=2000, features=10, classes=10, spread=0.9, shift=-0.3, C=1.0)
