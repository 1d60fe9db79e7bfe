"""Clients of the lab's cluster: they write through the frontends all the while, and later ask for what they wrote."""
