"""Corpora: a module each, from the official layout to Examples. A YAML of `configs/data/` names its function."""
