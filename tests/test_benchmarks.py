"""The benchmarks compute what they claim to: tiny sizes, results only, no time is asserted."""

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import agreement, dialects, limits, loops, peers, report, runner, timing, workloads
from benchmarks.cases import BY_HAND, MODES, Case
from benchmarks.worker import run_cell

HAVE_US = importlib.util.find_spec("funcgrad") is not None
needs_us = pytest.mark.skipif(not HAVE_US, reason="funcgrad cannot be imported")

CASES = [(name, case) for name in workloads.NAMES for case in workloads.load(name).CASES]
TIMED = [(name, case) for name, case in CASES if not case.unit]
FIGURES = [(name, case) for name, case in CASES if case.unit]


def ids(entries):
    return [f"{name}: {case.name}" for name, case in entries]


def tiny_cell(name: str, case: Case, peer: str, mode: str = "unjitted") -> dict:
    data = workloads.load(name).inputs(**case.scaled("tiny"))
    return run_cell(workloads.load(name), case, peer, mode, "tiny", data)


def difference_quotient(f, x, v, h=1e-6):
    return (f(x + h * v) - f(x - h * v)) / (2.0 * h)


# ---- the workloads ----


@needs_us
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name, case", TIMED, ids=ids(TIMED))
def test_funcgrad_agrees_with_numpy_by_hand(name, case, mode):
    ours, theirs = tiny_cell(name, case, "funcgrad", mode), tiny_cell(name, case, BY_HAND)
    assert agreement.distance(ours["arrays"], theirs["arrays"]) <= case.rtol


@pytest.mark.oracle
@pytest.mark.parametrize("peer", ["autograd", "jax", "torch"])
@pytest.mark.parametrize("name, case", TIMED, ids=ids(TIMED))
def test_peers_agree_with_numpy_by_hand(name, case, peer):
    pytest.importorskip(peer)
    if peer in case.skip:
        pytest.skip(case.skip[peer])
    peers.import_peer(peer)
    ours, theirs = tiny_cell(name, case, peer), tiny_cell(name, case, BY_HAND)
    assert agreement.distance(ours["arrays"], theirs["arrays"]) <= case.rtol


@needs_us
@pytest.mark.parametrize("name, case", FIGURES, ids=ids(FIGURES))
def test_figures_are_numbers(name, case):
    assert math.isfinite(tiny_cell(name, case, "funcgrad")["figure"])


@pytest.mark.parametrize("name, case", TIMED, ids=ids(TIMED))
def test_numpy_by_hand_answers(name, case):
    arrays = tiny_cell(name, case, BY_HAND)["arrays"]
    assert arrays and all(np.isfinite(array).all() and np.any(array) for array in arrays)


@pytest.mark.parametrize("name, case", CASES, ids=ids(CASES))
def test_inputs_are_the_same_every_time(name, case):
    first, second = (workloads.load(name).inputs(**case.scaled("tiny")) for _ in range(2))
    assert first.keys() == second.keys()
    for key, array in first.items():
        np.testing.assert_array_equal(array, second[key])


def test_gradients_by_hand_are_derivatives():
    """The reference is checked too: a difference quotient of the plain function."""
    chain, walk = workloads.load("chain"), workloads.load("unrolled")
    rng = np.random.default_rng(0)
    x, v = rng.normal(size=(2, 5))
    np.testing.assert_allclose(
        chain.gradient_by_hand(x) @ v, difference_quotient(chain.chain, x, v), rtol=1e-7
    )
    a, v, start = rng.normal(size=(3, 3, 3))
    slope = difference_quotient(lambda a: walk.walk(a, start, 4), a, v)
    np.testing.assert_allclose(np.sum(walk.walk_by_hand(a, start, 4) * v), slope, rtol=1e-6)


def test_greeks_by_hand_are_derivatives():
    options = workloads.load("black_scholes")
    args = np.array([100.0, 95.0, 0.7, 0.03, 0.25])
    value, greeks = options.price_by_hand(*args)
    np.testing.assert_allclose(value, options.price(*args))
    for greek, v in zip(greeks, np.eye(5)):
        slope = difference_quotient(lambda args: options.price(*args), args, v)
        np.testing.assert_allclose(greek, slope, rtol=1e-6)


# ---- the harness ----


def test_steady_counts_its_calls():
    calls = []
    patience = timing.Patience(seconds=0.0, least=3, most=5, inner_seconds=0.0, warm=2)
    numbers = timing.steady(calls.append, (1,), None, patience)
    assert (numbers["repeats"], numbers["inner"]) == (3, 1)
    assert len(calls) == 2 + 1 + 3  # one to find the inner loop's length


def test_steady_waits_for_every_call():
    waited = []
    timing.steady(lambda x: 2 * x, (1,), waited.append, timing.ONCE)
    assert waited == [2, 2]


def cell(peer, value=(1.0, 2.0), mode="unjitted", seconds=1e-3):
    return {
        "workload": "dispatch",
        "case": "c",
        "peer": peer,
        "mode": mode,
        "unit": "",
        "bytes": 0.0,
        "flops": 0.0,
        "status": "ok",
        "first": 10 * seconds,
        "steady": {"seconds": seconds},
        "arrays": [np.array(value)],
    }


def test_a_wrong_result_costs_its_time():
    cells = [cell(BY_HAND), cell("jax"), cell("funcgrad", (1.0, 2.001))]
    agreement.judge(cells, 1e-9)
    assert [c["status"] for c in cells] == ["ok", "ok", "wrong"]
    assert report.seconds(cells[2], "steady") is None
    assert len(report.faults(cells)) == 1
    assert "WRONG" in report.workload_section("w", cells)


@pytest.mark.parametrize("value", [(np.nan, 2.0), (1.0,), (1.0, np.inf)])
def test_nan_and_other_shapes_are_wrong(value):
    cells = [cell(BY_HAND), cell("jax", value)]
    agreement.judge(cells, 1e-9)
    assert cells[1]["status"] == "wrong"


def test_without_a_reference_the_majority_decides():
    cells = [cell("jax"), cell("torch", (5.0, 5.0)), cell("funcgrad")]
    agreement.judge(cells, 1e-9)
    assert [c["status"] for c in cells] == ["ok", "wrong", "ok"]


def test_without_a_majority_nothing_is_claimed():
    cells = [cell("jax"), cell("torch", (5.0, 5.0))]
    agreement.judge(cells, 1e-9)
    assert [c["agrees"] for c in cells] == ["unchecked", "unchecked"]


def test_ratios_are_to_the_best_peer():
    cells = [
        cell("funcgrad", seconds=2e-6),
        cell("jax", seconds=8e-6),
        cell("torch", seconds=4e-6),
        cell(BY_HAND, seconds=1e-6),
        cell("funcgrad", mode="jitted", seconds=1e-6),
        cell("jax", mode="jitted", seconds=5e-6),
    ]
    agreement.judge(cells, 1e-9)
    row = report.summary(cells).splitlines()[-1]
    assert "0.50× torch" in row
    assert "0.20× jax" in row  # first jitted calls
    assert "0.25× torch" in row  # torch has no jit: its 4 µs compete with jax's 5 µs
    assert row.rstrip(" |").endswith("1.00×")  # best against by hand


def doubled(x):
    return helper(np.sin(x))


def helper(y):
    return ("helped", np.cos(y))


def test_rebound_code_takes_its_helpers_along():
    fake = type("Namespace", (), {"sin": lambda x: ("sin", x), "cos": lambda x: ("cos", x)})
    assert dialects.rebind_all(doubled, np=fake)(3) == ("helped", ("cos", ("sin", 3)))
    own = dialects.rebind_all(doubled, np=fake, helper=lambda y: ("own", y))
    assert own(3) == ("own", ("sin", 3))
    assert doubled(0.0) == ("helped", 1.0)


def test_scan_in_python_carries_and_stacks():
    carry, ys = loops.scan(lambda c, x: (c + x, c * x), 0.0, np.array([1.0, 2.0, 3.0]))
    assert carry == 6.0
    np.testing.assert_array_equal(ys, [0.0, 2.0, 9.0])
    assert loops.scan(lambda c, _: (2 * c, None), 1, length=5) == (32, None)


def test_rebound_code_uses_the_other_namespace():
    def f(x):
        return np.sin(x)

    fake = type("Namespace", (), {"sin": staticmethod(lambda x: ("sin", x))})
    assert peers.rebind(f, fake)(3) == ("sin", 3)
    assert f(0.0) == 0.0


def test_environment_is_the_same_for_all(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    for env, threads in ((runner.environment(), "1"), (runner.environment(2), "2")):
        assert "OPENBLAS_CORETYPE" not in env
        assert env["FUNCGRAD_DISK_CACHE"] == "0"
        assert {env[name] for name in runner.THREADS} == {threads}


def test_threads_have_a_core_each(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 5}, raising=False)
    assert command.cores(None, 1) == (5,)
    assert command.cores(1, 1) == (1,)
    assert command.cores(1, 2) == (1, 5)
    with pytest.raises(SystemExit, match="there are 3"):
        command.cores(None, 4)


@needs_us
def test_threads_are_set_where_there_is_a_setting(monkeypatch):
    config = importlib.import_module("funcgrad").config
    monkeypatch.setattr(config, "threads", 1, raising=False)
    peers.import_peer("funcgrad", 2)
    assert config.threads == 2
    monkeypatch.delattr(config, "threads")
    peers.import_peer("funcgrad", 2)
    assert not hasattr(config, "threads")


def test_the_machine_has_limits():
    assert limits.bandwidth(2, 4096) > 0.0
    assert limits.peak(16) > 0.0


def test_shares_of_the_machine_are_reported():
    cells = [cell("funcgrad", seconds=4e-3), cell("jax", seconds=2e-3), cell(BY_HAND)]
    assert not report.limited(cells)
    for each in cells[:2]:
        each["bytes"], each["flops"] = 1e6, 1e5
    assert report.least(cells[0], {"bytes": 1e9, "flops": 1e9}) == (1e-3, "bytes")
    assert report.least(cells[0], {"bytes": 1e9, "flops": 1e7}) == (1e-2, "flops")
    text = report.limits_section(cells, {"bytes": 1e9, "flops": 1e9})
    assert "1 ms (bytes) | funcgrad | 4 ms | 0.25" in text
    assert "1 ms (bytes) | jax | 2 ms | 0.5" in text


def test_least_work_belongs_to_the_full_size():
    """A case that is measured against the machine says so for sizes that do not fit in a cache."""
    declared = [(name, case) for name, case in TIMED if case.bytes or case.flops]
    assert {name for name, _ in declared} >= {"rows", "black_scholes", "chain", "stencil"}
    for name, case in declared:
        data = workloads.load(name).inputs(**case.scaled("full"))
        assert case.flops or case.bytes >= max(array.nbytes for array in data.values())


def test_the_last_line_is_a_geometric_mean():
    cells = []
    for case, ours in (("a", 1e-3), ("b", 4e-3)):
        more = [
            cell("funcgrad", mode="jitted", seconds=ours),
            cell("jax", mode="jitted", seconds=1e-3),
            cell("torch", seconds=0.5e-3),
        ]
        cells += [each | {"case": case} for each in more]
    assert report.mean_ratio(cells, "first", {"jax"}) == (pytest.approx(2.0), 2)
    assert report.mean_ratio(cells, "steady", {"jax", "torch"}) == (pytest.approx(4.0), 2)
    assert report.last_line(cells).endswith("4× the best peer's time (2 cases), first jitted call "
        "2× JAX's (2 cases).")  # fmt: skip
    assert report.last_line([cell("funcgrad")]) == ""


def test_missing_peers_are_named():
    settings = runner.Settings(pythons={"jax": "/no/such/python"})
    assert runner.missing("jax", settings)
    assert runner.missing(BY_HAND, settings) is None


def test_a_cell_runs_in_its_own_process():
    settings = runner.Settings(scale="tiny", peers=(BY_HAND,))
    workload = workloads.load("rosenbrock")
    cells = runner.run_case("rosenbrock", workload, workload.CASES[0], settings, {})
    assert [c["status"] for c in cells] == ["ok", "none"]
    assert float(cells[0]["agrees"]) == 0.0


def test_the_quickest_round_counts(monkeypatch):
    """Peers take turns, so that a neighbour's load does not fall on one of them."""
    times = iter([4.0, 2.0, 3.0])
    asked = []

    def measure(request, settings, folder):
        asked.append((request["peer"], request["mode"]))
        if request["mode"] == "jitted":
            return {"status": "none", "reason": "no jit"}
        now = next(times)
        steady = {"seconds": now}
        return {"status": "ok", "first": now, "firsts": [now], "steady": steady, "arrays": []}

    monkeypatch.setattr(runner, "measure", measure)
    settings = runner.Settings(scale="tiny", peers=(BY_HAND,), rounds=3)
    workload = workloads.load("rosenbrock")
    cells = runner.run_case("rosenbrock", workload, workload.CASES[0], settings, {})
    assert asked == [(BY_HAND, "unjitted"), (BY_HAND, "jitted"), *[(BY_HAND, "unjitted")] * 2]
    assert (cells[0]["steady"]["seconds"], cells[0]["first"]) == (2.0, 3.0)


def test_a_failing_worker_is_a_fault(tmp_path):
    request = {"workload": "no such", "peer": BY_HAND, "cores": [], "scale": "tiny", "threads": 1}
    request |= {
        "first_only": False,
        "case": "c",
        "mode": "unjitted",
        "data": str(tmp_path / "none.npz"),
    }
    found = runner.ask(request, runner.Settings(), tmp_path)
    assert found["status"] == "failed"
    assert "no workload 'no such'" in found["reason"]


def test_too_slow_a_cell_is_a_timeout(tmp_path):
    request = {"workload": "dispatch", "peer": BY_HAND}
    found = runner.ask(request, runner.Settings(timeout=1e-3), tmp_path)
    assert found["status"] == "timeout"


@pytest.mark.parametrize("answer, status", [((1.0, 2.0), 0), ((1.0, 2.5), 1)])
def test_exit_status_tells_of_wrong_results(answer, status, monkeypatch, tmp_path, capsys):
    """A wrong cell, however fast, makes the whole run fail."""

    def run(args, settings, absent):
        cells = [cell(BY_HAND), cell("jax", answer)]
        agreement.judge(cells, 1e-9)
        return cells

    monkeypatch.setattr(command, "run", run)
    out = tmp_path / "out.json"
    assert command.main(["--peers", BY_HAND, "--json", str(out)]) == status
    assert len(json.loads(out.read_text())["cells"]) == 2
    assert "# Benchmarks" in capsys.readouterr().out


def test_command_line_runs():
    line = [sys.executable, "-m", "benchmarks", "--quick", "--peers", BY_HAND]
    line += ["--only", "third_derivative"]
    root = Path(runner.__file__).parent.parent
    done = subprocess.run(line, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "NumPy by hand" in done.stdout


@pytest.mark.parametrize("options", [["--peers", "tapenade"], ["--only", "nothing"]])
def test_unknown_names_are_refused(options):
    with pytest.raises(SystemExit, match="there are"):
        command.main(options)
