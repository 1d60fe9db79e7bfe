"""No secret is in anything that master and minions keep, or that a person is shown: a canary is searched for (P13)."""

import json
import os
from pathlib import Path

from tests.integration.operator import Operator
from tests.lab import salt

CANARY = "c4n4ry-f8b1e0d2"
PRINTED = "\n".join(
    [
        "Recipe: private-chef::config",
        f'  password: "{CANARY}"',
        f"  PGPASSWORD={CANARY} psql -U opscode",
        f"  postgres://opscode_chef:{CANARY}@127.0.0.1/opscode_chef",
        f"  db_superuser_password => '{CANARY}'",
        f'  "secret": "{CANARY}"',
        f"  --password {CANARY}",
        "FATAL: the converge fails as ordered",
    ]
)
# where Salt and this extension keep what they were told, on a host and in the hub
KEPT = ("var/lib/lab-salt", "var/log", "var/lib/salt-chef-backend", "var/cache/salt-chef-backend", "run/salt", "tmp")
OF_THE_PRODUCT = ("chef-backend", "opscode")  # its own logs below /var/log are its own


def holding(folder, words):
    """Every file below a folder that holds one of some words."""
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in OF_THE_PRODUCT]
        for name in names:
            file = Path(path, name)
            if file.is_symlink() or not file.is_file():
                continue
            content = file.read_bytes()
            for word in words:
                if word.encode() in content:
                    yield f"{file}: {word[:6]}..."


def secrets_of(lab):
    """The cluster's own secrets, as they lie on a backend."""

    def values(found):
        if isinstance(found, dict):
            for inner in found.values():
                yield from values(inner)
        elif isinstance(found, str) and len(found) >= 16:
            yield found

    path = lab.root("be1") / "etc/chef-backend/chef-backend-secrets.json"
    return set(values(json.loads(path.read_text())))


def test_p13_no_secret_is_kept_or_shown_after_a_failed_and_a_good_run(house):
    operator = Operator(house.fresh())
    lab = operator.lab
    operator.wants("2.3.16", backup=True)
    operator.orders_fault("be2", {"upgrade": {"exit": 1, "output": PRINTED, "times": 1}})
    failed = operator.upgrades()
    assert failed.returncode == 1
    assert "FATAL: the converge fails as ordered" in failed.stdout, "the lines stay readable"
    operator.orders_fault("fe1", {"reconfigure": {"exit": 0, "output": PRINTED, "times": 1}})
    good = operator.upgrades()
    assert good.returncode == 0, good.stdout + good.stderr
    said = [failed.stdout, failed.stderr, good.stdout, good.stderr]
    for words in (("status", "prod"), ("history", "prod", operator.record("be1", "last-run.json")["run"])):
        said.append(lab.salt_run(f"chef_backend.{words[0]}", *words[1:]).stdout)
    said.append(lab.salt_run("chef_backend.report", "prod", "html=True").stdout)
    said.append(lab.salt_run("chef_backend.capture", "prod").stdout)
    said.append(lab.salt_run("chef_backend.bundle", "prod", "node=be2").stdout)
    for command in ("gen-server-config chef.example.com", "show-config"):
        raw = lab.salt("be1", "chef_backend.run", *command.split())
        said += [raw.stdout, raw.stderr]
        assert raw.returncode == 1 and "holds secrets: use chef_backend." in raw.stdout
    said.append(lab.salt("be1", "chef_backend.show_config").stdout)

    words = {CANARY, *secrets_of(lab)}
    assert len(words) > 3
    assert [word[:6] for word in words for text in said if word in text] == []
    found = [line for host in lab.hosts for folder in KEPT for line in holding(lab.root(host) / folder, words)]
    assert [*found, *holding(salt.MASTER, words)] == []
