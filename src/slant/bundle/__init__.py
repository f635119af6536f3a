"""The bundle: a folder (or its zip) that proves itself. Its format, its digests, writing and checked reading."""

from slant.bundle.format import FORMAT_VERSION, Graph, Head, Manifest, manifest_to_json
from slant.bundle.heads import read_heads, write_heads
from slant.bundle.parse import manifest_from_json
from slant.bundle.read import Bundle, read_bundle
from slant.bundle.write import sha256_file, write_manifest

__all__ = [
    "FORMAT_VERSION",
    "Bundle",
    "Graph",
    "Head",
    "Manifest",
    "manifest_from_json",
    "manifest_to_json",
    "read_bundle",
    "read_heads",
    "sha256_file",
    "write_heads",
    "write_manifest",
]
