"""Conformance, speed and quality, one command each: ``python -m benchmarks.conformance``, ``.speed``, ``.quality``."""
