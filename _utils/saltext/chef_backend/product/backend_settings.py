"""What a backend's own settings say that an upgrade has to know: ``/etc/chef-backend/chef-backend.rb``."""

import re

from saltext.chef_backend.product import masking

PATH = "/etc/chef-backend/chef-backend.rb"
FOLLOWERS = "leaderl.required_active_followers"
# what this extension relies on, and frontends are told: keys as in the product's sample, or as they may be called
STANDARD = {
    "postgresql.port": "5432",
    "postgresql.username": "chef_pgsql",
    "elasticsearch.port": "9200",
    "elasticsearch.http_port": "9200",
    "leaderl.port": "7331",
    "leaderl.http_port": "7331",
}
_LINE = re.compile(r"^[ \t]*([a-z_]+(?:\.[a-z_]+)+)(?:[ \t]*=[ \t]*|[ \t]+)(\S[^#\n]*)", re.MULTILINE)


def read(text: str) -> dict[str, str]:
    """Return the settings that an upgrade has to know, as they stand there; no others: some are secret.

    The file is Ruby: of ``key value``, or ``key = value``, the value is as it is written, without quotes; a key that is
    written in any other way has its whole line for a value, which is none that is known.
    """
    found = {key: value.strip().strip("'\"") for key, value in _LINE.findall(text)}
    for line in _LINE.sub("", text).splitlines():
        for key in (FOLLOWERS, *STANDARD):
            section, _, name = key.rpartition(".")
            if re.search(rf"^[^#]*\b{section}\b\W{{1,8}}{name}\b", line):
                found[key] = masking.mask(line.strip())
    return {key: found[key][:80] for key in (FOLLOWERS, *STANDARD) if key in found}
