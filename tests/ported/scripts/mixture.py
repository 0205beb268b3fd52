"""Gaussian mixture by gradients and Hessian-vector products, as autograd's examples do it."""

import autograd.numpy as np
import autograd.numpy.random as npr
from autograd import grad, hessian_vector_product
from autograd.misc.flatten import flatten_func
from autograd.scipy.special import logsumexp
from scipy.optimize import minimize


def init_gmm_params(num_components, D, scale, rs):
    return {
        "log proportions": rs.randn(num_components) * scale,
        "means": rs.randn(num_components, D) * scale,
        "lower triangles": np.zeros((num_components, D, D)) + np.eye(D),
    }


def log_normalize(x):
    return x - logsumexp(x)


def log_density(x, mean, chol):
    diff = np.dot(x - mean, chol)
    logdet = np.log(np.abs(np.prod(np.diag(chol))))
    return -0.5 * np.sum(diff**2, axis=1) + logdet - 0.5 * x.shape[1] * np.log(2 * np.pi)


def gmm_log_likelihood(params, data):
    cluster_lls = []
    weights = log_normalize(params["log proportions"])
    for w, mean, tri in zip(weights, params["means"], params["lower triangles"]):
        cluster_lls.append(w + log_density(data, mean, np.tril(tri)))
    return np.sum(logsumexp(np.vstack(cluster_lls), axis=0))


rs = npr.RandomState(0)
data = np.concatenate([rs.randn(30, 2) * 0.3 + c for c in ([2.0, 0.0], [-2.0, 1.0], [0.0, -2.0])])
init_params = init_gmm_params(3, 2, 1.0, rs)


def objective(params):
    return -gmm_log_likelihood(params, data) + 0.01 * np.sum(params["lower triangles"] ** 2)


flattened_obj, unflatten, flattened_init = flatten_func(objective, init_params)
found = minimize(
    flattened_obj, flattened_init, jac=grad(flattened_obj),
    hessp=hessian_vector_product(flattened_obj), method="Newton-CG", options={"maxiter": 40},
)  # fmt: skip

assert found.fun < 0.8 * flattened_obj(flattened_init)
RESULT = [float(found.fun)]
TOLERANCE = 1e-3  # where the line search stops
