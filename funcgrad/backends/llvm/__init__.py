"""The LLVM backend: whole programs as one native function."""
