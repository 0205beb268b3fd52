"""Keys that are used up twice, and input that is refused."""

import pickle
import threading

import numpy as np
import pytest

from funcgrad import config, errors, grad, jit, random, vmap


def key(seed=0):
    return random.key(seed)


@pytest.fixture
def reuse(monkeypatch):
    monkeypatch.setattr(config, "key_reuse", "warn")


def test_reuse_warns_and_names_both(reuse):
    k = key(100)
    random.normal(k)
    with pytest.warns(errors.KeyReuseWarning, match=r"uniform: the key \[0, 100\].*by normal \(at"):
        random.uniform(k)
    with pytest.warns(errors.KeyReuseWarning, match="split"):
        random.split(k)
    with pytest.warns(errors.KeyReuseWarning) as seen:
        random.normal(k)
    assert seen[0].filename == __file__


def test_no_warning_where_keys_are_parts_or_made_anew(reuse):
    for _ in range(2):
        k = key(101)
        k, sub = random.split(k)
        random.normal(sub)
        for i in range(3):
            random.normal(random.fold_in(k, i))
        random.normal(k)
    random.shuffle(key(102), 3)
    random.split(key(102), 5000)


def test_no_warning_inside_traces(reuse):
    k = key(103)
    f = lambda x: x * random.normal(k)
    assert grad(f)(1.0) == grad(f)(2.0)
    assert jit(f)(1.0) == jit(f)(1.0)
    draw = lambda k: random.normal(k)
    vmap(draw)(random.split(k, 2))
    jit(draw)(k), jit(draw)(k)


def test_reuse_can_be_an_error_or_ignored(monkeypatch):
    monkeypatch.setattr(config, "key_reuse", "error")
    k = key(104)
    random.normal(k)
    with pytest.raises(errors.KeyReuseWarning, match="already used up"):
        random.normal(k)
    monkeypatch.setattr(config, "key_reuse", "ignore")
    random.normal(k)


def test_memory_of_keys_is_bounded(reuse):
    from funcgrad.random import keys

    for k in random.split(key(105), keys._REMEMBERED + 50):
        random.bits(k)
    assert len(keys._used) <= keys._REMEMBERED


def test_threads_may_draw_at_once(reuse):
    failures = []

    def work(seed):
        try:
            for k in random.split(random.key(seed), 300):
                random.bits(k)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(1000 + i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []


def test_keys_are_plain_arrays():
    k = key(2**40 + 3)
    assert k.tolist() == [2**8, 3] and k.dtype == np.uint32
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(k)), k)
    np.testing.assert_array_equal(key(-1), np.array([2**32 - 1] * 2, np.uint32))
    np.testing.assert_array_equal(key(np.int64(5)), key(5))


# -- what is refused ------------------------------------------------------------------------------

BAD = [
    (lambda: random.normal(0), TypeError, r"normal: .*not 0 of type int; write random.normal"),
    (lambda: random.normal((3,)), TypeError, "must be a key"),
    (lambda: random.normal(np.zeros(2)), TypeError, "this one is float64"),
    (lambda: random.normal(random.split(key(), 3)), TypeError, "vmap over the keys"),
    (lambda: random.key(1.5), TypeError, "integer"),
    (lambda: random.key(np.array([1.0])), TypeError, "one integer"),
    (lambda: random.split(key(), -1), ValueError, "negative"),
    (lambda: random.fold_in(key(), -1), ValueError, "from 0"),
    (lambda: random.fold_in(key(), 0.5), TypeError, "integer"),
    (lambda: random.normal(key(), (2, -1)), ValueError, "negative"),
    (lambda: random.normal(key(), (2,), np.int32), TypeError, "float64 or float32"),
    (lambda: random.bits(key(), (2,), np.int32), TypeError, "unsigned"),
    (lambda: random.uniform(key(), (2,), maxval=np.ones(3)), errors.ShapeError, r"\(3,\)"),
    (lambda: random.gamma(key(), -1.0), ValueError, "gamma: a must be positive"),
    (lambda: random.gamma(key(), np.nan), ValueError, "positive"),
    (lambda: random.gamma(key(), np.ones(2), (3,)), errors.ShapeError, "broadcast"),
    (lambda: random.truncated_normal(key(), 2.0, 1.0), ValueError, "upper - lower"),
    (lambda: random.truncated_normal(key(), 40.0, 41.0), ValueError, "below 37"),
    (lambda: random.triangular(key(), 0.0, 2.0, 1.0), ValueError, "right - mode"),
    (lambda: random.randint(key(), (2,), 3, 3), ValueError, "above minval"),
    (lambda: random.randint(key(), (2,), 0.0, 3), TypeError, "integer"),
    (lambda: random.randint(key(), (2,), 0, 300, np.uint8), ValueError, "at most 255"),
    (lambda: random.randint(key(), (2,), 0, 3, float), TypeError, "draws integers"),
    (lambda: random.bernoulli(key(), 1.5), ValueError, "probability"),
    (lambda: random.geometric(key(), 0.0), ValueError, "above 0"),
    (lambda: random.poisson(key(), -1.0), ValueError, "poisson: lam"),
    (lambda: random.binomial(key(), 2.5, 0.5), ValueError, "an integer"),
    (lambda: random.choice(key(), 3, (4,), replace=False), ValueError, "4 of 3"),
    (lambda: random.choice(key(), 3, (1,), p=np.ones(2)), errors.ShapeError, "3 entries"),
    (lambda: random.choice(key(), 3, (1,), p=-np.ones(3)), ValueError, "not negative"),
    (lambda: random.choice(key(), 3, (2,), False, np.array([1.0, 0, 0])), ValueError, "2 places"),
    (lambda: random.dirichlet(key(), 1.0), errors.ShapeError, "last axis"),
    (lambda: random.categorical(key(), np.zeros((2, 3)), shape=(3,)), errors.ShapeError, "2"),
    (lambda: random.multivariate_normal(key(), np.zeros(2), np.eye(3)), errors.ShapeError, "n, n"),
    (lambda: random.multivariate_normal(key(), np.zeros(2), np.eye(2), method="lu"), ValueError,
     "'lu'"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_named(case):
    call, kind, text = BAD[case]
    with pytest.raises(kind, match=text):
        call()


def test_every_public_draw_has_an_example():
    for name in random.__all__:
        assert ">>>" in (getattr(random, name).__doc__ or ""), name
