"""The bundle: a folder (or its zip) that proves itself. Its format, its digests, writing and checked reading."""

from slant.bundle.format import FORMAT_VERSION, Graph, Manifest, manifest_from_json, manifest_to_json
from slant.bundle.read import Bundle, read_bundle
from slant.bundle.write import sha256_file, write_manifest

__all__ = [
    "FORMAT_VERSION",
    "Bundle",
    "Graph",
    "Manifest",
    "manifest_from_json",
    "manifest_to_json",
    "read_bundle",
    "sha256_file",
    "write_manifest",
]
