"""Compiled objects on disk: found again, bounded, and never in the way."""

import ctypes
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from funcgrad import config
from funcgrad.backends.llvm import cache
from funcgrad.backends.llvm.machine import CompileError, available, machine

needs_llvm = pytest.mark.skipif(available() is not None, reason=f"no LLVM here: {available()}")
posix = pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FUNCGRAD_CACHE_DIR", str(tmp_path / "objects"))
    monkeypatch.setattr(config, "disk_cache", True)
    return tmp_path / "objects"


def program(n, name="number"):
    return f"define i64 @{name}() {{\n  ret i64 {n}\n}}\n"


def called(code, name="number"):
    return ctypes.CFUNCTYPE(ctypes.c_int64)(code[name])()


# -- files -----------------------------------------------------------------------------------------


def test_what_is_written_is_read(folder):
    key = cache.key_of(["a", "b"])
    assert cache.read(key) is None
    cache.write(key, b"object")
    assert cache.read(key) == b"object"
    assert [p.name for p in folder.iterdir()] == [key + ".object"]
    assert key != cache.key_of(["ab", ""]) != cache.key_of(["a", "b", ""])


def test_broken_files_count_as_absent_and_go(folder):
    key = cache.key_of(["x"])
    cache.write(key, b"object" * 100)
    path = folder / (key + ".object")
    whole = path.read_bytes()
    for broken in (b"", whole[:-1], whole[:20], b"other" + whole, whole[:-1] + b"?"):
        path.write_bytes(broken)
        assert cache.read(key) is None and not path.exists()
    cache.write(key, b"new")
    assert cache.read(key) == b"new"


def test_the_least_recently_used_go_first(monkeypatch):
    keys = [cache.key_of([str(i)]) for i in range(10)]
    for i, key in enumerate(keys):
        cache.write(key, bytes(1000))
        os.utime(cache.directory() / (key + ".object"), (i, i))
    assert cache.read(keys[0]) is not None  # used just now
    monkeypatch.setattr(config, "disk_cache_bytes", 6000)
    cache.sweep()
    kept = [i for i, key in enumerate(keys) if cache.read(key) is not None]
    assert kept == [0, 7, 8, 9]
    cache.write(keys[1], bytes(7000))  # larger than all that is allowed
    assert cache.read(keys[1]) is None


def test_sweeping_takes_what_dead_processes_left(folder):
    cache.write(cache.key_of(["x"]), b"x")
    old, fresh = folder / ".left-1-1", folder / ".busy-2-2"
    old.write_bytes(b"half")
    fresh.write_bytes(b"half")
    os.utime(old, (1, 1))
    cache.sweep()
    assert not old.exists() and fresh.exists()


def test_switches(monkeypatch, folder):
    monkeypatch.setattr(config, "disk_cache", False)
    cache.write("a" * 64, b"x")
    assert cache.directory() is None and cache.read("a" * 64) is None and not folder.exists()
    monkeypatch.setattr(config, "disk_cache", True)
    monkeypatch.delenv("FUNCGRAD_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    if sys.platform.startswith("linux"):
        assert cache.directory() == folder / "funcgrad"
        monkeypatch.delenv("XDG_CACHE_HOME")
        assert cache.directory() == Path.home() / ".cache" / "funcgrad"
    code = "from funcgrad import config; print(config.disk_cache)"
    env = {**os.environ, "FUNCGRAD_DISK_CACHE": "0"}
    out = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert out.stdout.strip() == "False"


@posix
def test_a_folder_that_cannot_be_used_means_no_cache(folder, monkeypatch):
    folder.write_text("a file, not a folder")
    cache.write("b" * 64, b"x")
    assert cache.read("b" * 64) is None
    cache.sweep()
    monkeypatch.setenv("FUNCGRAD_CACHE_DIR", "/proc/nowhere")
    cache.write("b" * 64, b"x")
    assert cache.read("b" * 64) is None


@posix
def test_a_folder_that_others_may_write_to_is_not_trusted(folder):
    cache.write("c" * 64, b"x")
    folder.chmod(0o777)
    assert cache.read("c" * 64) is None
    folder.chmod(0o700)
    assert cache.read("c" * 64) == b"x"


def test_threads_writing_the_same_object():
    key, wrong = cache.key_of(["shared"]), []

    def work():
        for _ in range(50):
            cache.write(key, b"same" * 1000)
            if cache.read(key) not in (None, b"same" * 1000):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == [] and len(list(cache.directory().iterdir())) == 1


# -- the machine -----------------------------------------------------------------------------------


@needs_llvm
def test_a_second_load_is_a_hit(folder):
    first, second = (machine().load(program(41), ["number"]) for _ in range(2))
    assert not first.cached and second.cached
    assert first["number"] != second["number"]
    assert called(first) == called(second) == 41
    other = machine().load(program(42), ["number"])
    assert not other.cached and called(other) == 42
    assert not machine().load(program(41), ["number"], level=0).cached


@needs_llvm
def test_an_object_of_another_make_is_compiled_anew(folder):
    machine().load(program(7), ["number"])
    (path,) = folder.iterdir()
    wrong = machine().compile(program(7, "another"), 2)
    cache.write(path.name.removesuffix(".object"), wrong)
    code = machine().load(program(7), ["number"])
    assert not code.cached and called(code) == 7
    cache.write(path.name.removesuffix(".object"), b"not an object at all")
    assert called(machine().load(program(7), ["number"])) == 7


@needs_llvm
def test_symbols_from_outside():
    callback = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(lambda x: x + 1)
    address = ctypes.cast(callback, ctypes.c_void_p).value
    text = (
        "declare i64 @plus(i64)\ndefine i64 @f() {\n %x = call i64 @plus(i64 4)\n ret i64 %x\n}\n"
    )
    for _ in range(2):
        assert called(machine().load(text, ["f"], symbols={"plus": address}), "f") == 5
    with pytest.raises(CompileError):
        machine().load(text, ["f"])


@needs_llvm
def test_refused_programs():
    with pytest.raises(CompileError):
        machine().load("define i64 @f() {\n ret double 1.0\n}\n", ["f"])


CRASH = """
import os
from funcgrad.backends.llvm.machine import machine
machine().compile = lambda text, level: os._exit(3)  # as LLVM does where it gives up
machine().load({text!r}, ["number"])
"""


@needs_llvm
@posix
def test_what_ends_processes_is_not_tried_again(folder):
    cache.write(cache.key_of(["other"]), b"so that there is a folder")
    text = program(1234)
    env = {**os.environ, "FUNCGRAD_CACHE_DIR": str(folder), "FUNCGRAD_DISK_CACHE": "1"}
    for _ in range(2):
        found = subprocess.run([sys.executable, "-c", CRASH.format(text=text)], env=env)
        assert found.returncode == 3
    with pytest.raises(CompileError, match="ended other processes"):
        machine().load(text, ["number"])
    assert called(machine().load(program(1235), ["number"])) == 1235
    assert len(list(folder.glob("*.attempt"))) == 1


@needs_llvm
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_code_is_freed():
    def pages():
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1])

    steps = [f"  %v{i + 1} = mul i64 %v{i}, {2 * i + 3}\n" for i in range(4000)]
    text = f"define i64 @number(i64 %v0) {{\n{''.join(steps)}  ret i64 %v4000\n}}\n"
    for _ in range(20):
        machine().load(text, ["number"], level=0)
    before = pages()
    for _ in range(200):
        machine().load(text, ["number"], level=0)
    assert pages() - before < 200 * 5  # LLVM keeps 9 KiB about each; the code alone has 28


@needs_llvm
def test_another_process_finds_it(folder):
    text = program(99)
    code = (
        "import sys; from funcgrad.backends.llvm.machine import machine\n"
        f"print(machine().load({text!r}, ['number']).cached)"
    )
    env = {**os.environ, "FUNCGRAD_CACHE_DIR": str(folder), "FUNCGRAD_DISK_CACHE": "1"}
    runs = [
        subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert {r.communicate()[0].strip() for r in runs} <= {"True", "False"}
    assert machine().load(text, ["number"]).cached
