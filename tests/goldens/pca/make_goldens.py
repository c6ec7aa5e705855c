"""scikit-learn's PCA of a small matrix, for tests/host/pca_test.cpp. Run here with numpy and scikit-learn; writes
pca.json beside itself. Numbers of two decimals in float32, analysis in float64; the largest entry of a component is
made positive.
"""
import json
import pathlib

import numpy as np
import sklearn
from sklearn.decomposition import PCA

rng = np.random.default_rng(4)
features, components = 6, 4
mix = rng.standard_normal((features, features))
x = (rng.standard_normal((90, features)) @ mix + 3).round(2).astype(np.float32).astype(np.float64)
other = (rng.standard_normal((20, features)) @ mix + 2).round(2).astype(np.float32).astype(np.float64)
pca = PCA(components, svd_solver="full").fit(x)
sign = np.sign(pca.components_[np.arange(components), np.abs(pca.components_).argmax(1)])
directions = pca.components_ * sign[:, None]
numbers = lambda a: [round(float(v), 2) for v in a.ravel()]
golden = {
    "made_with": f"scikit-learn {sklearn.__version__}, numpy {np.__version__}",
    "features": features, "components": components, "x": numbers(x), "other": numbers(other),
    "mean": pca.mean_.tolist(), "directions": directions.ravel().tolist(),
    "variances": pca.explained_variance_.tolist(), "ratio": float(pca.explained_variance_ratio_.sum()),
    "projected": ((other - pca.mean_) @ directions.T).ravel().tolist(),
    "projected_own_mean": ((other - other.mean(0)) @ directions.T).ravel().tolist(),
}
text = json.dumps(golden, separators=(",", ":"))
(pathlib.Path(__file__).parent / "pca.json").write_text(text + "\n")
print(len(text), "bytes")
