"""What every test shares: hypothesis profiles and the gate of the `gpu` marker."""

import functools
import importlib.util
import os

import pytest
from hypothesis import HealthCheck, settings

# Tests compile anew, and leave nothing in the user's cache; those of the cache turn it on.
os.environ.setdefault("FUNCGRAD_DISK_CACHE", "0")

# No deadline anywhere: the first call of a transform traces and may compile, later ones do not.
_shared = dict(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", derandomize=True, max_examples=30, print_blob=True, **_shared)
settings.register_profile("dev", max_examples=30, **_shared)
settings.register_profile("thorough", max_examples=2000, **_shared)
_default = "ci" if os.environ.get("CI") else "dev"
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", _default))


@functools.cache
def why_no_gpu() -> str | None:
    """The reason why `gpu` tests cannot run here, or None when they can."""
    if importlib.util.find_spec("cupy") is None:
        return "needs a CUDA device: CuPy is not installed"
    try:
        import cupy  # only asked for where it exists: the import alone costs seconds

        return None if cupy.is_available() else "needs a CUDA device: CuPy finds none"
    except Exception as error:  # a broken driver must skip GPU tests, not all tests
        return f"needs a CUDA device: CuPy does not work here ({error})"


def pytest_collection_modifyitems(items):
    """Skip the tests marked `gpu`, naming the reason, where no device can be used."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    reason = why_no_gpu() if marked else None
    for item in marked if reason else []:
        item.add_marker(pytest.mark.skip(reason=reason))
