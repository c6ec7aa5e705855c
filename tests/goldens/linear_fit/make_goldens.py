"""scikit-learn's LinearRegression and r2_score, for tests/host/linear_fit_test.cpp. Run here with numpy and
scikit-learn; writes linear_fit.json beside itself. Numbers of two decimals in float32, analysis in float64. Feature 4
is a mix of others and noise, feature 5 far from 0, target 2 nothing but noise.
"""
import json
import pathlib

import numpy as np
import sklearn
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

rng = np.random.default_rng(8)
features, targets, rows = 6, 3, 60


def draw(n):
    x = rng.standard_normal((n, features))
    x[:, 4] = x[:, 0] - x[:, 1] + 0.1 * x[:, 4]
    x[:, 5] = 250 + 3 * x[:, 5]
    return x.round(2).astype(np.float32).astype(np.float64)


x, other = draw(rows), draw(rows // 2)
map_ = rng.standard_normal((features, targets)) * [1, 0.3, 0]
y, other_y = ((a @ map_ + [1, -2, 3] + rng.standard_normal((len(a), targets))).round(3) for a in (x, other))
fit = LinearRegression().fit(x, y)
numbers = lambda a, places: [round(float(v), places) for v in a.ravel()]
golden = {
    "made_with": f"scikit-learn {sklearn.__version__}, numpy {np.__version__}",
    "features": features, "targets": targets,
    "x": numbers(x, 2), "y": numbers(y, 3), "other": numbers(other, 2), "other_y": numbers(other_y, 3),
    "weights": fit.coef_.ravel().tolist(), "intercepts": fit.intercept_.tolist(),
    "predicted": fit.predict(other).ravel().tolist(),
    "r2": r2_score(other_y, fit.predict(other), multioutput="raw_values").tolist(),
}
text = json.dumps(golden, separators=(",", ":"))
(pathlib.Path(__file__).parent / "linear_fit.json").write_text(text + "\n")
print(len(text), "bytes; R^2", golden["r2"])
