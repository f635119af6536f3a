"""The bearer token, where one is asked for."""

from __future__ import annotations

import hmac

from starlette.requests import Request

from slant.serve.http.problems import Problem

__all__ = ["require_token"]


def require_token(request: Request, token: str | None) -> None:
    """Raises Problem (no-token) unless the request brings the token as `Authorization: Bearer TOKEN`, or none is asked for.

    The comparison takes the same time wherever the first difference is.
    """
    if token is None:
        return
    scheme, _, brought = request.headers.get("authorization", "").partition(" ")
    same = hmac.compare_digest(brought.strip().encode("latin-1", "replace"), token.encode("ascii"))
    if scheme.lower() != "bearer" or not same:
        detail = "Send the header Authorization: Bearer TOKEN with the token that this server was started with."
        # The body was not read: on this connection nothing that follows it can be understood.
        raise Problem("no-token", detail, headers={"WWW-Authenticate": "Bearer", "Connection": "close"})
