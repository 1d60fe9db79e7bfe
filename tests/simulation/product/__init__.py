"""A model of Chef Backend and its frontends: what the lab's stand-ins do with real processes, in simulated time.

It follows ``tests/lab/product``; ``tests/integration/test_lab_conformance.py`` holds both to the same conversations.
"""
