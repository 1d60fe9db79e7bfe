"""What of Chef Backend does not move: the installed version, and membership. Never the role: that moves.

It imports nothing of ours: a helper that a grains module imports stays stale in the minion until it restarts.
"""

import json
import os

MANIFEST = "/opt/chef-backend/version-manifest.json"
RUNNING = "/etc/chef-backend/chef-backend-running.json"


def chef_backend() -> dict[str, dict[str, object]]:
    """Return ``{"chef_backend": {"version": "2.3.16", "member": True}}``; nothing where it is not installed."""
    try:
        with open(MANIFEST, encoding="utf-8") as file:
            version = json.load(file)["build_version"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {"chef_backend": {"version": version, "member": os.path.exists(RUNNING)}}
