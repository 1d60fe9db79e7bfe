"""A master without a daemon: Salt's own, as it runs an orchestration."""

from pathlib import Path

import salt.config
import salt.minion

from tests.functional.minion import REPO


class Hub:
    """A master without a daemon, whose file_roots have this tree: what runs an orchestration on it."""

    def __init__(self, root: Path, files: str):
        """Make one.

        :param root: folder for what it writes.
        :param files: its ``file_roots``.
        """
        opts = salt.config.master_config(None)
        opts.update(
            id="hub_master",
            root_dir=str(root),
            cachedir=str(root / "cache"),
            pki_dir=str(root / "pki"),
            sock_dir=str(root / "sock"),
            extension_modules=str(root / "extension_modules"),
            module_dirs=[str(REPO)],
            file_client="local",
            file_roots={"base": [files]},
            pillar_roots={"base": []},
            grains={"id": "hub_master"},
            enable_fqdns_grains=False,
            enable_gpu_grains=False,
        )
        self.opts, self.minion = opts, salt.minion.MasterMinion(opts)
        self.functions, self.states = self.minion.functions, self.minion.states
