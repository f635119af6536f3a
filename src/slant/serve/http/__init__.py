"""Annotations over HTTP, and a page to try them: FastAPI, installed with the extra slant[serve]."""

from slant.serve.http.app import create_app
from slant.serve.http.server import run_server
from slant.serve.http.settings import Settings

__all__ = ["Settings", "create_app", "run_server"]
