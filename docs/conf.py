"""How Sphinx builds these pages: ``make docs``. What it makes lies in .cache/docs."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent / "_utils")]

from saltext.chef_backend import __version__  # noqa: E402

project = "salt-chef-backend"
author = "the salt-chef-backend contributors"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.extlinks", "doors"]
exclude_patterns = ["_ext"]

html_theme = "alabaster"
html_theme_options = {
    "page_width": "72rem",
    "body_max_width": "none",
    "sidebar_width": "17rem",
    "fixed_sidebar": True,
    "show_powered_by": False,
}
html_show_copyright = html_show_sourcelink = html_copy_source = False

# Markdown that a forge shows as well: plain links to files, and to their headings.
myst_heading_anchors = 3

# What operators and runbooks name is listed as it stands in its file.
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_preserve_defaults = True

# Salt's roles for its own settings, as its documentation has them.
SALT = "https://docs.saltproject.io/en/latest/ref/configuration"
extlinks = {
    "conf_master": (f"{SALT}/master.html#std-conf_master-%s", "%s"),
    "conf_minion": (f"{SALT}/minion.html#std-conf_minion-%s", "%s"),
}
extlinks_detect_hardcoded_links = True

# Every reference of our own must lead somewhere; what is Python's and Salt's is not described here.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"collections\.abc\..*"), ("py:exc", "CommandExecutionError")]
