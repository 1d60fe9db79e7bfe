"""Simulated nights: the real code of a run, of its doors and of the nodes, over simulated hosts, bus, product and time.

See README.md here.
"""
