"""What a server allows, and the few things it is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from slant.errors import ConfigError

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """A server's limits. Each is told to whoever meets it, with the status named here.

    Attributes:
        threads: how many requests are computed at a time; each runs the model on one core.
        queue: requests that may wait while others are computed (429 beyond it).
        batch: sentences of waiting /v1/score requests that are scored in one pass.
        max_bytes: of a request's body (413).
        max_sentences: of a document, or texts in a list (422).
        max_targets: of a document (422).
        timeout: seconds that a body may take to arrive (408), and an answer to be ready (504).
        token: what `Authorization: Bearer` must bring (401); None asks for nothing.
        log_texts: whether the log holds the texts that were sent.

    Raises ConfigError for a limit below 1 and for a token that no header can carry.
    """

    threads: int = 1
    queue: int = 64
    batch: int = 64
    max_bytes: int = 1_000_000
    max_sentences: int = 2_000
    max_targets: int = 20
    timeout: float = 30.0
    token: str | None = field(default=None, repr=False)
    log_texts: bool = False

    def __post_init__(self) -> None:
        for name in ("threads", "queue", "batch", "max_bytes", "max_sentences", "max_targets"):
            if getattr(self, name) < 1:
                raise ConfigError(f"--{name.replace('_', '-')} is {getattr(self, name)}", remedy="Give at least 1")
        # not (<=): a NaN is no time limit.
        if not 0 < self.timeout <= 86_400:
            raise ConfigError(f"--timeout is {self.timeout:g}", remedy="Give seconds: more than 0, at most a day")
        if self.token is not None and not (self.token and self.token.isascii() and self.token.isprintable() and " " not in self.token):
            # Whoever sets an empty token means to protect something; serving it to all would be the opposite.
            raise ConfigError("the token is empty, or not of printable ASCII without spaces", remedy="Set another, or unset it to ask for none")
