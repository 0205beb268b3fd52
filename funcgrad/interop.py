"""Names that JAX code uses around its arrays, with what they mean where arrays are NumPy's."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from funcgrad import config
from funcgrad.trace.core import tracer_types
from funcgrad.tree import map as tree_map

__all__ = [
    "Device", "block_until_ready", "default_backend", "device_count", "device_get", "device_put",
    "devices", "disable_jit", "named_call",
]  # fmt: skip


class Device(NamedTuple):
    """Where arrays can be: the processor, or a CUDA device.

    >>> from funcgrad import devices
    >>> devices()[0].platform
    'cpu'
    """

    platform: str
    id: int


def devices(backend: str | None = None) -> list[Device]:
    """The processor, and the CUDA devices that CuPy sees; or those of one platform.

    Raises RuntimeError where the platform is not there.

    >>> from funcgrad import devices
    >>> devices("cpu")
    [Device(platform='cpu', id=0)]
    """
    found = [Device("cpu", 0), *[Device("gpu", i) for i in range(_cuda_devices())]]
    if backend is None:
        return found
    wanted = [d for d in found if d.platform == ("gpu" if backend == "cuda" else backend)]
    if not wanted:
        raise RuntimeError(f"devices: there is no {backend!r} here, only {found}")
    return wanted


def _cuda_devices() -> int:
    try:
        import cupy
    except ImportError:
        return 0
    return int(cupy.cuda.runtime.getDeviceCount()) if cupy.is_available() else 0


def device_count(backend: str | None = None) -> int:
    """How many devices there are.

    >>> from funcgrad import device_count
    >>> device_count("cpu")
    1
    """
    return len(devices(backend))


def default_backend() -> str:
    """Where NumPy's arrays are: "cpu". CuPy's are on their device, whatever this says.

    >>> from funcgrad import default_backend
    >>> default_backend()
    'cpu'
    """
    return "cpu"


def device_put(x: Any, device: Device | None = None) -> Any:
    """A tree with its arrays on a device: NumPy's on the processor, CuPy's on a CUDA device.

    Traced values stay where they are. Raises TypeError for what is not one of ``devices()``.

    >>> from funcgrad import device_put
    >>> device_put([1.0, 2.0])
    [array(1.), array(2.)]
    """
    if device is not None and not isinstance(device, Device):
        raise TypeError(f"device_put: device is one of funcgrad.devices(), not {device!r:.60}")
    if device is None or device.platform == "cpu":
        return device_get(x)
    import cupy

    with cupy.cuda.Device(device.id):
        return tree_map(lambda a: a if type(a) in tracer_types else cupy.asarray(a), x)


def device_get(x: Any) -> Any:
    """A tree with NumPy's arrays for its leaves; traced values stay what they are.

    >>> from funcgrad import device_get
    >>> device_get(2.0)
    array(2.)
    """
    return tree_map(_on_host, x)


def _on_host(x: Any) -> Any:
    if type(x) in tracer_types:
        return x
    return x.get() if type(x).__module__.startswith("cupy") else np.asarray(x)


def block_until_ready(x: Any) -> Any:
    """``x``, once CuPy is done with it; NumPy's arrays are ready when they are there.

    >>> from funcgrad import block_until_ready
    >>> block_until_ready({"a": 1.0})
    {'a': 1.0}
    """

    def wait(a: Any) -> Any:
        if type(a).__module__.startswith("cupy"):
            a.device.synchronize()
        return a

    return tree_map(wait, x)


def named_call(f: Callable[..., Any], *, name: str | None = None) -> Callable[..., Any]:
    """f under another name, for messages; equations are traced to their lines in any case.

    >>> from funcgrad import named_call
    >>> named_call(abs, name="modulus").__name__
    'modulus'
    """

    @functools.wraps(f)
    def named(*args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs)

    named.__name__ = str(name or getattr(f, "__name__", type(f).__name__))
    return named


@contextmanager
def disable_jit(disable: bool = True) -> Iterator[None]:
    """Jitted functions run as plain Python within the ``with`` block, in all threads.

    >>> from funcgrad import disable_jit, jit
    >>> def f(x):
    ...     return float(x) * 2.0
    >>> with disable_jit():
    ...     jit(f)(3.0)
    6.0
    """
    before = config.jit
    config.jit = not disable
    try:
        yield
    finally:
        config.jit = before
