"""umap-learn and scikit-learn on clusters bent in 16 dimensions, for tests/host/umap_test.cpp. Run here with numpy,
scikit-learn and umap-learn; writes umap.json beside itself. Data of two decimals in float32; neighbours by brute force
in float64; the graph as fuzzy_simplicial_set makes it of them.
"""
import json
import pathlib

import numpy as np
import sklearn
import umap
from sklearn.manifold import trustworthiness
from umap.umap_ import find_ab_params, fuzzy_simplicial_set, smooth_knn_dist

rng = np.random.default_rng(7)
rows, features, clusters, k = 1000, 16, 5, 15
label = np.arange(rows) % clusters
u, v = rng.uniform(-1, 1, (2, rows))
sheet = np.stack([np.sin(2 * u), np.cos(2 * u), v, u * v], 1) * 2  # a bent sheet for each cluster, turned its own way
turns = [np.linalg.qr(rng.standard_normal((features, features)))[0][:4] for _ in range(clusters)]
centres = rng.standard_normal((clusters, features)) * 1.2
x = np.stack([sheet[i] @ turns[label[i]] + centres[label[i]] for i in range(rows)])
x = (x + 0.4 * rng.standard_normal(x.shape)).round(2).astype(np.float32)
x[500] = x[100]  # a point twice

wide = x.astype(np.float64)
distances = np.sqrt(((wide[:, None] - wide[None]) ** 2).sum(-1))
order = np.argsort(distances - np.eye(rows), axis=1, kind="stable")[:, :k]  # the point itself comes first
near = np.take_along_axis(distances, order, 1).astype(np.float32)
sigma, rho = smooth_knn_dist(near, float(k))
graph, _, _ = fuzzy_simplicial_set(x, k, np.random.RandomState(0), "euclidean", knn_indices=order, knn_dists=near)
graph = graph.tocsr()
graph.sort_indices()
embeddings = [umap.UMAP(init="pca", random_state=seed, n_jobs=1).fit_transform(x) for seed in (1, 2, 3)]
some = list(range(0, rows, 100))
numbers = lambda a, digits: [float(f"%.{digits}g" % value) for value in np.asarray(a, np.float64).ravel()]
golden = {
    "made_with": f"umap-learn {umap.__version__}, scikit-learn {sklearn.__version__}, numpy {np.__version__}",
    "features": features, "clusters": clusters, "neighbours": k,
    "x": [int(value) for value in (x.astype(np.float64) * 100).round().ravel()],  # hundredths
    "some": some, "indices": order[some, 1:].ravel().tolist(), "distances": numbers(near[some, 1:], 8),
    "sigma": numbers(sigma, 7), "rho": numbers(rho, 7), "edges": int(graph.nnz),
    "weights_sum": float(graph.data.astype(np.float64).sum()),
    "some_weights": [numbers(graph.data[graph.indptr[i]:graph.indptr[i + 1]], 6) for i in some],
    "some_neighbours": [graph.indices[graph.indptr[i]:graph.indptr[i + 1]].tolist() for i in some],
    "curves": [[distance, spread, *find_ab_params(spread, distance)] for distance, spread in
               ((0.1, 1), (0.01, 1), (0.5, 1), (0, 1), (0.3, 2))],
    "trustworthiness": [float(trustworthiness(x, e, n_neighbors=15)) for e in embeddings],
    "embedding": [round(float(value), 3) for value in embeddings[0].ravel()],
}
rounded = np.array(golden["embedding"], np.float32).reshape(rows, 2)
golden["embedding_trustworthiness"] = float(trustworthiness(wide, rounded.astype(np.float64), n_neighbors=15))
text = json.dumps(golden, separators=(",", ":"))
(pathlib.Path(__file__).parent / "umap.json").write_text(text + "\n")
print(len(text), "bytes", golden["trustworthiness"], golden["embedding_trustworthiness"], golden["curves"])
