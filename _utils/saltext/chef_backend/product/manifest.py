"""Read which build is installed: version-manifest.json of a package that Omnibus has made."""

import dataclasses
import re

from saltext.chef_backend.product.reading import ParseError, read_json


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The installed build."""

    version: str
    name: str | None = None


_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+){2}(?:[-+~.][0-9A-Za-z][0-9A-Za-z.+~-]*)?")


def parse_manifest(text: str) -> Manifest:
    """Read version-manifest.json. Raises ParseError if it has no ``build_version`` that is a version."""
    data = read_json(text, "version manifest")
    version = data.get("build_version") if isinstance(data, dict) else None
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise ParseError("a version manifest without build_version", text[:80])
    name = data.get("name")
    return Manifest(version, name if isinstance(name, str) else None)
