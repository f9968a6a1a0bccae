"""Speed and conformance, one command each: ``python -m benchmarks.conformance``, ``.speed``, ``.startup``."""
