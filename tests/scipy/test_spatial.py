"""``spatial.distance`` and ``cluster.vq``: SciPy's numbers, slope 0 where rows meet."""

import numpy as np
import pytest
import scipy.cluster.vq
import scipy.spatial.distance

from funcgrad import grad, hessian, jit, vmap
from funcgrad.errors import NotTraceableError
from funcgrad.scipy.cluster import vq
from funcgrad.scipy.spatial import distance
from funcgrad.testing import check_grads

RNG = np.random.default_rng(6)
X, Y, W = RNG.normal(size=(5, 3)), RNG.normal(size=(4, 3)), np.array([0.5, 1.0, 2.0])
METRICS = [("euclidean", {}), ("sqeuclidean", {}), ("cityblock", {}), ("chebyshev", {}),
           ("minkowski", {"p": 3.0}), ("minkowski", {"p": 1.5}), ("cosine", {}),
           ("correlation", {})]  # fmt: skip


@pytest.mark.parametrize("weights", [{}, {"w": W}], ids=["", "weighed"])
@pytest.mark.parametrize("metric, options", METRICS, ids=str)
def test_metrics(metric, options, weights):
    options = options | weights
    wanted = scipy.spatial.distance.cdist(X, Y, metric, **options)
    found = jit(lambda x, y: distance.cdist(x, y, metric, **options))(X, Y)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)
    wanted = scipy.spatial.distance.pdist(X, metric, **options)
    np.testing.assert_allclose(jit(lambda x: distance.pdist(x, metric, **options))(X), wanted)
    check_grads(lambda x, y: distance.cdist(x, y, metric, **options), (X, Y), 2, rtol=1e-6)
    check_grads(lambda x: distance.pdist(x, metric, **options), (X,), rtol=1e-6)
    assert jit(lambda x: distance.pdist(x, metric))(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("metric", ["euclidean", "minkowski", "cityblock", "chebyshev"])
def test_rows_that_meet(metric):
    total = lambda x: np.sum(distance.cdist(x, x, metric))
    others = lambda x: 2 * np.sum(distance.pdist(x, metric))
    np.testing.assert_allclose(grad(total)(X), grad(others)(X), rtol=1e-12)
    assert np.isfinite(hessian(total)(X)).all()
    np.testing.assert_allclose(vmap(lambda y: distance.cdist(X, y[None], metric)[:, 0])(Y),
                               scipy.spatial.distance.cdist(Y, X, metric))  # fmt: skip


def test_quantization():
    index, far = jit(lambda x: vq.vq(x, Y))(X)
    wanted = scipy.cluster.vq.vq(X, Y)
    np.testing.assert_array_equal(index, wanted[0])
    np.testing.assert_allclose(far, wanted[1])
    check_grads(lambda x, y: vq.vq(x, y)[1], (X, Y), 2)
    np.testing.assert_allclose(jit(lambda x: vq.whiten(x))(X), scipy.cluster.vq.whiten(X))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda x: distance.cdist(x, Y, "hamming"), NotTraceableError, "hamming"),
        (lambda x: distance.cdist(x, Y[:, :2]), ValueError, "one length"),
        (lambda x: vq.kmeans, AttributeError, "kmeans"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        jit(call)(X)
