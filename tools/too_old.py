"""Run by a Python that is too old for this extension: exits with 0 if that is said in words, before anything else."""

import saltext.chef_backend as extension

try:
    extension.attach(extension.__file__)
except ImportError as error:
    print(error)
    if extension.NEEDS_PYTHON not in str(error):
        raise
else:
    raise SystemExit("this Python is not refused")
