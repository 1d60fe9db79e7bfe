"""Read which build is installed: version-manifest.json, or .txt, of a package that Omnibus has made."""

import dataclasses
import re

from saltext.chef_backend.product.reading import ParseError, lines_of, read_json


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


def parse_manifest_txt(text: str) -> Manifest:
    """Read version-manifest.txt, whose first line is ``chef-backend 2.3.16``. Raises ParseError."""
    first = lines_of(text, "version manifest")[0]
    words = first.split()
    if len(words) != 2 or not _VERSION.fullmatch(words[1]):
        raise ParseError("the first line of a version manifest is 'name version'", first)
    return Manifest(words[1], words[0])
