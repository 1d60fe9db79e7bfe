"""A campaign: many random schedules of faults, each spent once in a fresh laboratory, with clients writing meanwhile.

The same idea as `tests/simulation`, with real parts: `python -m tests.campaign --help`, and tests/lab/README.md.
"""
