"""How an upgrade is held and driven on the master. It reaches nodes through one door (bus), time through another."""
