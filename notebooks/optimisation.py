# %% [markdown]
# # An experiment: fitting curves to real data
#
# NIST publishes measurements together with fits whose parameters are certified to eleven
# digits. That makes them a hard test: an optimiser with a derivative that is *nearly* right
# stops early, and one can see how early. We use two of the data sets:
#
# - **Thurber**: electron mobility in semiconductors, 37 observations, a quotient of two cubics with
#   seven parameters;
# - **MGH09**: 11 observations, four parameters, and a start from which many programs fail.
#
# The questions: what do exact derivatives buy over differences? What does each single
# observation do to the result? How certain is the curve? How far from the answer may one begin?

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

from funcgrad import fori_loop, grad, hessian, hvp, jacfwd, jit, vmap
from funcgrad.nist import MODELS, load_shipped

FOLDER = Path(tempfile.mkdtemp(prefix="funcgrad-"))
problems = {problem.name: problem for problem in load_shipped()}


def finish(figure, name):
    """Keep a picture as a file; notebooks show it as well."""
    figure.tight_layout()
    figure.savefig(FOLDER / f"{name}.png", dpi=120)
    print("written:", FOLDER / f"{name}.png")


def digits(found, exact):
    """How many significant digits the worst parameter has right."""
    return float(np.min(-np.log10(np.maximum(np.abs(found / exact - 1), 1e-16))))


# %% [markdown]
# ## The problem
#
# The model is ordinary NumPy code, as anybody would write it. Nothing in it knows that it will
# be differentiated.

# %%
thurber = problems["Thurber"]
model, x, y, certified = MODELS["Thurber"], thurber.x, thurber.y, thurber.certified


def residuals(b):
    return model(b, x) - y


print("certified parameters:", certified)
print("sum of squares:", np.sum(residuals(certified) ** 2), " certified:", thurber.rss)
assert np.isclose(np.sum(residuals(certified) ** 2), thurber.rss, rtol=1e-9)

# %% [markdown]
# ## 1. Levenberg-Marquardt with exact Jacobians
#
# Near a solution the residuals are almost linear in the parameters, $r(b + s) \approx r + J s$,
# and the best step solves a linear least-squares problem. Far away that step may be wild, so it
# is damped: Levenberg's $\lambda$ goes down when a step helps and up when it does not.
#
# The sum of squares is flat at its minimum: half of the parameters' digits lie below its
# rounding. The last digits therefore come from a few undamped Gauss-Newton steps, taken while
# they shrink.


# %%
def scaled_lstsq(matrix, target, size):
    return np.linalg.lstsq(matrix / size, target, rcond=None)[0] / size


def levenberg(residuals, jacobian, b, tolerance=1e-6):
    """Damped steps, accepted when they reduce the sum of squares. Returns all iterates."""
    path, r, damping = [b], residuals(b), 1e-3
    while damping < 1e10:
        jac = jacobian(b)
        size = np.linalg.norm(jac, axis=0)
        matrix = np.vstack([jac, np.sqrt(damping) * np.diag(size)])
        step = scaled_lstsq(matrix, np.append(-r, np.zeros(len(b))), size)
        trial = residuals(b + step)
        if trial @ trial < r @ r:
            b, r, damping = b + step, trial, damping / 10
            path.append(b)
            if np.max(np.abs(step / b)) < tolerance:
                break
        else:
            damping *= 10
    return path


def gauss_newton(residuals, jacobian, b, most=50):
    """Undamped steps for as long as they shrink."""
    path, last = [], np.inf
    for _ in range(most):
        jac = jacobian(b)
        step = scaled_lstsq(jac, -residuals(b), np.linalg.norm(jac, axis=0))
        length = np.max(np.abs(step / b))
        if not length < last:
            break
        b, last = b + step, length
        path.append(b)
    return path


def fit(residuals, jacobian, start):
    path = levenberg(residuals, jacobian, start)
    return path + gauss_newton(residuals, jacobian, path[-1])


# %% [markdown]
# The Jacobian is one line. Its rival is the usual difference quotient, with the usual step of
# half the digits.


# %%
def difference_jacobian(f):
    """Forward differences, one column per parameter."""

    def jacobian(b):
        step = np.sqrt(np.finfo(float).eps) * np.abs(b)
        columns = [(f(b + h * e) - f(b)) / h for h, e in zip(step, np.eye(len(b)), strict=True)]
        return np.stack(columns, axis=1)

    return jacobian


paths = {}
for number, start in enumerate(thurber.starts, 1):
    for name, jacobian in [
        ("exact", jit(jacfwd(residuals))),
        ("differences", difference_jacobian(residuals)),
    ]:
        paths[name, number] = path = fit(residuals, jacobian, start)
        found = digits(path[-1], certified)
        print(f"start {number}, {name:12}: {len(path):3} points, {found:5.1f} digits")

for number in (1, 2):
    exact, rough = (digits(paths[n, number][-1], certified) for n in ("exact", "differences"))
    assert exact > 9.0
    assert rough < exact - 1.0

# %% [markdown]
# Exact Jacobians reach all digits that NIST prints (eleven, so 10.4 is the most that can be
# seen). Differences stop at six or seven: their columns are wrong in the eighth digit, so the
# point where they are orthogonal to the residuals is a slightly wrong point. More iterations do
# not help.

# %%
precise, rough = jacfwd(residuals)(certified), difference_jacobian(residuals)(certified)
column_errors = np.linalg.norm(rough - precise, axis=0) / np.linalg.norm(precise, axis=0)
print("relative errors of the columns of differences:", column_errors)
assert 1e-10 < column_errors.max() < 1e-6

# %%
figure, axes = plt.subplots(figsize=(7, 4))
for (name, number), path in paths.items():
    errors = [max(10 ** -digits(b, certified), 1e-11) for b in path]
    style = "-" if name == "exact" else "--"
    axes.semilogy(errors, style, color=f"C{number}", label=f"{name}, start {number}")
axes.set(xlabel="accepted step", ylabel="largest relative error of a parameter")
axes.legend()
finish(figure, "convergence")

# %% [markdown]
# ## 2. Newton-CG: curvature without the matrix
#
# SciPy's `Newton-CG` needs the Hessian only in products with vectors, and `hvp` is that
# product. The parameters differ by five orders of magnitude, so we optimise the ratio to the
# start. We count every product.
#
# The same method without `hessp=` forms the products from differences of gradients; BFGS with
# no derivatives at all forms its gradients from differences of values.

# %%
start = thurber.starts[1]


def loss(u):
    return 0.5 * np.sum(residuals(u * start) ** 2)


class Counted:
    """A function that knows how often it was called."""

    def __init__(self, f):
        self.f, self.calls = f, 0

    def __call__(self, *args):
        self.calls += 1
        return self.f(*args)


def solve(method, **options):
    value = Counted(loss)
    counted = {key: Counted(f) for key, f in options.items()}
    settings = {"maxiter": 500} | ({"xtol": 1e-12} if method == "Newton-CG" else {})
    result = minimize(value, np.ones_like(start), method=method, options=settings, **counted)
    calls = {"value": value.calls} | {key: f.calls for key, f in counted.items()}
    return digits(result.x * start, certified), result.nit, calls


slope, product = jit(grad(loss)), jit(hvp(loss))
runs = {
    "Newton-CG, grad and hvp": solve("Newton-CG", jac=slope, hessp=product),
    "Newton-CG, grad alone": solve("Newton-CG", jac=slope),
    "BFGS, grad": solve("BFGS", jac=slope),
    "BFGS, differences": solve("BFGS"),
}
for name, (right, iterations, calls) in runs.items():
    print(f"{name:24}: {right:5.1f} digits, {iterations:3} iterations, calls {calls}")

right, iterations, calls = runs["Newton-CG, grad and hvp"]
assert right > 9.0
assert calls["hessp"] < 1000
assert iterations < 100
assert runs["BFGS, grad"][0] > runs["BFGS, differences"][0] + 1.0
assert runs["Newton-CG, grad alone"][0] < right
assert runs["BFGS, differences"][2]["value"] > 3 * calls["value"]

# %% [markdown]
# Some hundred products suffice for ten digits. Products from differences are too rough here:
# the conjugate gradients take the noise for negative curvature, and the method gives up. BFGS
# without derivatives ends with three digits, after many more evaluations.
#
# A product is cheap because nothing of the matrix is formed. It is also exact:

# %%
direction = np.array([1.0, -1.0, 0.5, 0.0, 2.0, -0.5, 1.0])
matrix = hessian(loss)(np.ones(7))
assert np.allclose(product(np.ones(7), direction), matrix @ direction, rtol=1e-10)
print("condition number of the Hessian:", f"{np.linalg.cond(matrix):.1e}")

# %% [markdown]
# ## 3. What does one observation do?
#
# Write the loss of one observation; `vmap` gives the gradient and the Hessian of every
# observation at once. At the optimum the gradients cancel. Without observation $i$ they do not:
# what remains is $-g_i$, and one Newton step with the remaining curvature,
# $$\delta_i = (H - H_i)^{-1} g_i ,$$
# predicts where the optimum would move. To see whether that is true we also fit 37 times.


# %%
def one_loss(b, x, y):
    return 0.5 * (model(b, x) - y) ** 2


best = paths["exact", 2][-1]
each = (None, 0, 0)
gradients = vmap(grad(one_loss), in_axes=each)(best, x, y)
hessians = vmap(hessian(one_loss), in_axes=each)(best, x, y)
print("gradients", gradients.shape, " Hessians", hessians.shape)
cancelled = np.abs(gradients.sum(axis=0)) / np.abs(gradients).sum(axis=0)
assert np.max(cancelled) < 1e-6

rest = hessians.sum(axis=0) - hessians
predicted = np.linalg.solve(rest, gradients[..., None])[..., 0]


def refit_without(i):
    keep = np.arange(len(x)) != i

    def fewer(b):
        return model(b, x[keep]) - y[keep]

    return fit(fewer, jacfwd(fewer), best)[-1] - best


refitted = np.stack([refit_without(i) for i in range(len(x))])

# %% [markdown]
# The moves are measured in standard deviations of the parameters.

# %%
moves, truth = predicted / thurber.deviations, refitted / thurber.deviations
correlation = np.corrcoef(moves.ravel(), truth.ravel())[0, 1]
small = np.linalg.norm(truth, axis=1) < 1.0
error = np.linalg.norm(moves - truth, axis=1)
print(f"correlation of predicted and true moves: {correlation:.3f}")
print(f"median error of the prediction: {np.median(error):.3f} standard deviations")
order = np.argsort(-np.linalg.norm(truth, axis=1))
for i in order[:4]:
    print(f"  observation {i:2} at x = {x[i]:6.3f} moves the fit by {np.linalg.norm(truth[i]):.2f}")
assert correlation > 0.9
assert np.median(error) < 0.05
assert set(order[:2]) == set(np.argsort(-np.linalg.norm(moves, axis=1))[:2])

# %% [markdown]
# One Newton step per observation, all in one batched program, finds the two influential
# observations and gets the typical move right to a hundredth of a standard deviation. It is off
# where the move is large, as a linear prediction must be: the first observation, at the left
# end of the data, where nothing else holds the curve.

# %%
figure, axes = plt.subplots(figsize=(5, 5))
axes.plot(truth.ravel(), moves.ravel(), ".")
ends = np.array([truth.min(), truth.max()])
axes.plot(ends, ends, color="grey", linewidth=0.8)
axes.set(xlabel="moved by refitting", ylabel="predicted by one Newton step")
finish(figure, "influence")

# %% [markdown]
# ## 4. How certain is the curve?
#
# The covariance of the parameters is $C = s^2 (J^T J)^{-1}$. The *delta method* carries it to
# the curve: a small change of parameters changes the prediction at $x$ by $g(x) \cdot \delta
# b$, with $g$ the gradient of the model in its parameters, so its variance is $g(x)^T C g(x)$.
# `vmap(grad(model))` is the whole computation.

# %%
jac = jacfwd(residuals)(best)
size = np.linalg.norm(jac, axis=0)  # columns of order one: they differ by seven orders
spread = np.linalg.inv((jac / size).T @ (jac / size)) / np.outer(size, size)
covariance = thurber.residual_deviation**2 * spread
deviations = np.sqrt(np.diag(covariance))
assert np.allclose(deviations, thurber.deviations, rtol=1e-6)  # NIST certifies these too

grid = np.linspace(-3.2, 2.4, 80)
slopes = vmap(grad(model), in_axes=(None, 0))(best, grid)
band = np.sqrt(np.einsum("ij,jk,ik->i", slopes, covariance, slopes))
print("standard deviation of the curve, smallest and largest:", band.min(), band.max())

# %% [markdown]
# Is the band true? The test is simulation: draw 400 data sets around the fitted curve, fit
# each, and look how much the curves differ. This is where a batch pays: the fitting loop below
# is written for one data set. `fori_loop` makes it one equation, `vmap` runs all data sets at
# once, and `jit` keeps the program. The loop contains a `jacfwd` of its own, which is simply
# part of the program.


# %%
def damped_steps(residuals, b, steps):
    """Levenberg's method with a fixed number of steps, as one program."""

    def step(_, state):
        b, damping = state
        r, jac = residuals(b), jacfwd(residuals)(b)
        normal = jac.T @ jac
        trial = b - np.linalg.solve(normal + damping * np.diag(np.diag(normal)), jac.T @ r)
        better = np.sum(residuals(trial) ** 2) < np.sum(r**2)
        damping = np.where(better, np.maximum(damping / 5, 1e-10), np.minimum(damping * 4, 1e6))
        return np.where(better, trial, b), damping

    return fori_loop(0, steps, step, (b, 1e-2))[0]


def fit_to(y):
    return best * damped_steps(lambda u: (model(u * best, x) - y) / 10.0, np.ones(7), 60)


rng = np.random.default_rng(0)
simulated = model(best, x) + thurber.residual_deviation * rng.normal(size=(400, len(x)))
refits = jit(vmap(fit_to))(simulated)
curves = vmap(model, in_axes=(0, None))(refits, grid)


def half_width(values):
    """Half of the interval that holds the middle 68 percent: robust against a few strays."""
    low, high = np.percentile(values, [15.87, 84.13], axis=0)
    return (high - low) / 2


curve_ratio = half_width(curves) / band
parameter_ratio = half_width(refits) / deviations
tails = np.std(refits, axis=0) / deviations
print("simulated over predicted width")
print("  of the curve:     ", curve_ratio.min().round(2), "to", curve_ratio.max().round(2))
print("  of the parameters:", parameter_ratio.round(2))
print("  of the parameters, by their standard deviation:", tails.round(2))
assert curve_ratio.min() > 0.75 and curve_ratio.max() < 1.35
assert np.all(np.abs(parameter_ratio - 1) < 0.3)
assert tails.max() > parameter_ratio.max()
assert np.median(np.abs(curve_ratio - 1)) < 0.1
assert np.allclose(refits[3], fit_to(simulated[3]), rtol=1e-5)  # a batch is a loop

# %% [markdown]
# The band holds. So do the parameters' deviations for the middle of the distribution, but not
# for its tails: a plain standard deviation comes out a third larger, because a few data sets
# lead far along a curved valley in which the parameters trade off against each other. The curve
# is better known than its parameters.

# %%
figure, axes = plt.subplots(figsize=(7, 4))
axes.plot(x, y, "k.", label="observations")
axes.plot(grid, model(best, grid), label="fit")
axes.fill_between(
    grid, model(best, grid) - 10 * band, model(best, grid) + 10 * band, alpha=0.3,
    label="ten standard deviations",
)  # fmt: skip
axes.set(xlabel="log of the density", ylabel="mobility")
axes.legend()
finish(figure, "band")

# %% [markdown]
# ## 5. How far away may one begin?
#
# MGH09 is known for starts that lead astray. We try 300 random starts in the cube from 0 to 50,
# where the published far start (25, 39, 41.5, 39) lies and the solution (0.19, 0.19, 0.12,
# 0.14) does not. All of them run in one batched program.

# %%
mgh = problems["MGH09"]


def mgh_residuals(b):
    return MODELS["MGH09"](b, mgh.x) - mgh.y


def search(starts, steps):
    """The end points of all starts, and their sums of squares relative to the certified one."""
    ends = jit(vmap(lambda b: damped_steps(mgh_residuals, b, steps)))(starts)
    return ends, np.sum(vmap(mgh_residuals)(ends) ** 2, axis=1) / mgh.rss


starts = rng.uniform(0.0, 50.0, size=(300, 4))
ends, sums = search(starts, 300)
arrived = sums < 1 + 1e-6
patient = search(starts, 3000)[1] < 1 + 1e-6
best_end = ends[np.argmin(sums)]
print(
    f"{np.mean(arrived):.0%} of the starts arrive within 300 steps, {np.mean(patient):.0%} in 3000"
)
print(f"the best has {digits(best_end, mgh.certified):.1f} digits in every parameter")
print(
    "the others' sums of squares: median", np.median(sums[~arrived]).round(1), "times the minimum"
)
assert 0.4 < np.mean(arrived) < 0.95
assert np.mean(patient) > np.mean(arrived) + 0.05
assert digits(best_end, mgh.certified) > 5.0
assert np.all(sums > 1 - 1e-6)  # nobody finds a better minimum

# %% [markdown]
# About two thirds arrive in 300 steps. Most of the others are in one of two long flat valleys,
# with three and six times the least sum of squares, which takes thousands of steps to leave.
# Restarts are worth more than patience: if the starts are independent, ten fail together with a
# probability near $0.3^{10}$, and as a batch they cost little more than one. A few Gauss-Newton
# steps then give the last digits.

# %%
polished = gauss_newton(mgh_residuals, jit(jacfwd(mgh_residuals)), best_end)[-1]
print(f"after Gauss-Newton: {digits(polished, mgh.certified):.1f} digits")
assert digits(polished, mgh.certified) > 9.0

figure, axes = plt.subplots(figsize=(7, 3.5))
axes.hist(np.log10(np.maximum(sums, 1.0)), bins=40)
axes.set(xlabel="log10 of the final sum of squares over the certified one", ylabel="starts")
finish(figure, "starts")

# %% [markdown]
# ## What was seen
#
# 1. Exact Jacobians reached every certified digit; difference quotients stopped at six or seven.
# 2. Newton-CG with Hessian-vector products needed some hundred of them for the same accuracy; with
#    products from differences it failed, and BFGS without gradients had three digits.
# 3. One batched Newton step told which observations matter, as 37 refits confirmed.
# 4. The delta method's band agreed with 400 simulated data sets; the parameters' deviations did for
#    the middle of the distribution, while its tails are heavier than linear theory says.
# 5. A batch of random starts shows how wide the way to the solution is, at little cost.
