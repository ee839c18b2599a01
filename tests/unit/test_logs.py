"""The log: one line an event, whatever a peer sent, and no secrets."""

import io
import json
import logging

import pytest
import structlog

from appliance import logs


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def restored():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_pipe_gets_one_json_object_a_line():
    out = io.StringIO()
    logs.configure("info", out)
    structlog.get_logger().info("accepted", trace="01abc", size=5, sender="ä\n\x1b[2J")
    structlog.get_logger().debug("not shown")
    [line] = out.getvalue().splitlines()
    entry = json.loads(line)
    assert list(entry)[:3] == ["timestamp", "level", "event"]
    assert (entry["event"], entry["size"], entry["sender"]) == ("accepted", 5, "ä\n\x1b[2J")
    assert line.isascii()


def test_a_terminal_gets_key_equals_value_and_no_escape_sequences():
    out = Terminal()
    logs.configure("debug", out)
    structlog.get_logger().warning("refused", peer="192.0.2.1", helo="a b\r\nx\x1b]0;", n=3)
    [line] = out.getvalue().splitlines()
    assert line[8:] == ' warning refused peer=192.0.2.1 helo="a b\\r\\nx\\u001b]0;" n=3'


@pytest.mark.parametrize("key", ["password", "token", "secret_hash"])
def test_a_secret_passed_by_mistake_is_hidden(key):
    out = io.StringIO()
    logs.configure("info", out)
    structlog.get_logger().info("x", **{key: "hunter2"})
    assert "hunter2" not in out.getvalue()


def test_libraries_come_out_the_same_way_with_their_traceback():
    out = io.StringIO()
    logs.configure("info", out)
    try:
        raise RuntimeError("gone")
    except RuntimeError:
        logging.getLogger("asyncio").exception("task %s failed", "x")
    logging.getLogger("asyncio").info("chatter")
    [line] = out.getvalue().splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["event"]) == ("error", "task x failed")
    assert "RuntimeError: gone" in entry["exception"]


def test_an_exception_of_our_own_is_an_error_with_its_traceback():
    out = io.StringIO()
    logs.configure("info", out)
    try:
        raise RuntimeError("gone")
    except RuntimeError:
        structlog.get_logger().exception("task failed", name="x")
    entry = json.loads(out.getvalue())
    assert (entry["level"], entry["event"], entry["name"]) == ("error", "task failed", "x")
    assert "RuntimeError: gone" in entry["exception"]


def test_an_unknown_level_names_the_known_ones():
    with pytest.raises(ValueError, match="debug, info, warning, error"):
        logs.configure("loud", io.StringIO())
