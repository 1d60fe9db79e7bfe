"""The laboratory: a Chef Backend cluster out of real parts, on one machine, gone when it is not needed.

`python -m tests.lab` is its command; `tests.lab.hosts.Lab` is its interface for tests. See README.md beside this file.
"""
