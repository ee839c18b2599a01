"""The log: one event a line, with its facts as fields.

On a terminal `12:01:02 info    listening smtp.mx=127.0.0.1:2525`, otherwise (systemd's journal, a pipe) one
JSON object a line. Whatever a peer sent is a field value and written escaped, so that no line can be
forged and no terminal steered. Libraries that log with the standard `logging` come out the same way.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import TextIO

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_LEVEL_OF = {"exception": "error", "warn": "warning", "fatal": "critical"}
"""The level of methods that have another name."""
_PLAIN = re.compile(r"[!#-<>-~]+\Z")
"""Printable ASCII without blank, `"` and `=`: a value that needs no quotes."""
_encode = json.JSONEncoder(default=str).encode
_SECRET = frozenset({"password", "token", "claim_token", "claim_url", "secret", "secret_hash", "private_key"})


def configure(level: str, stream: TextIO | None = None) -> None:
    """Sends all logging to `stream` (standard error) from `level` (a key of LEVELS) on.

    Raises ValueError naming the levels there are.
    """
    if level not in LEVELS:
        raise ValueError(f"log level {level!r}: one of {', '.join(LEVELS)}")
    out = stream or sys.stderr
    render = as_line if out.isatty() else as_json
    structlog.configure(
        processors=[complete, render],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    _adopt_standard_logging(LEVELS[level], out, render)


def complete(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Adds time (UTC, to the microsecond), level and the text of an exception; takes out what must never be logged.

    One step for what structlog has five for: a busy server writes a line for each message.
    """
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    whole = {"timestamp": f"{_second(seconds)}.{nanoseconds // 1000:06}Z", "level": _LEVEL_OF.get(name, name), **event}
    if not _SECRET.isdisjoint(event):
        whole |= dict.fromkeys(_SECRET & event.keys(), "(hidden)")
    return structlog.processors.format_exc_info(logger, name, whole) if "exc_info" in event else whole


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def as_json(logger: WrappedLogger, name: str, event: EventDict) -> str:
    """One JSON object, its time, level and event first; non-ASCII and control characters escaped."""
    head = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    whole = head | dict(event)
    line = msgspec.json.encode(whole, enc_hook=str)
    # A tenth of the time of the standard library's encoder, which alone escapes what is beyond ASCII.
    return line.decode("ascii") if line.isascii() and b"\x7f" not in line else _encode(whole)


def as_line(logger: WrappedLogger, name: str, event: EventDict) -> str:
    """One line for people: time, level, event, then `key=value`, quoted as in JSON where needed."""
    clock = str(event.pop("timestamp", ""))[11:19]
    level = str(event.pop("level", ""))
    text = _printable(str(event.pop("event", "")))
    trace = event.pop("exception", None)
    fields = "".join(f" {key}={_value(value)}" for key, value in event.items())
    return f"{clock} {level:<7} {text}{fields}" + (f"\n{trace}" if trace else "")


def _value(value: object) -> str:
    text = str(value)
    return text if _PLAIN.match(text) else json.dumps(text)


def _printable(text: str) -> str:
    return text if text.isascii() and text.isprintable() else json.dumps(text)


def _adopt_standard_logging(
    level: int, out: TextIO, render: Callable[[WrappedLogger, str, EventDict], str]
) -> None:
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, complete],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
