"""The tests mirror the source tree: tests/transforms/test_jvp.py is about transforms/jvp.py."""
