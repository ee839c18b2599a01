"""Where the link comes from with which a server is set up: the start of the daemon, and a verb."""

import json
import re
import select
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from appliance.cli.setup import invitation
from tests.process import PASSWORD, START_LIMIT, Appliance
from tests.web_house import trusting


@pytest.fixture
def appliance(tmp_path: Path) -> Appliance:
    """Configured and not running."""
    return Appliance(tmp_path)


def status(url: str) -> int:
    """What the page at a link answers."""
    context: ssl.SSLContext = trusting()
    try:
        with urllib.request.urlopen(url, context=context, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def logged(appliance: Appliance, event: str) -> dict[str, object]:
    """The line of the daemon's log with that event; the start answers on its ports before it writes the last one."""
    until = time.monotonic() + START_LIMIT
    while not (lines := [line for line in appliance.log_text().splitlines() if f'"{event}"' in line]):
        assert time.monotonic() < until, appliance.log_text()
        select.select([], [], [], 0.02)
    found: dict[str, object] = json.loads(lines[-1])
    return found


def test_the_start_and_the_verb_hand_out_one_link_at_a_time(appliance: Appliance) -> None:
    with appliance:
        first = logged(appliance, "set-up is open")["url"]
        assert re.fullmatch(rf"https://localhost:{appliance.https}/setup/[0-9a-f]{{64}}", str(first))
        assert status(str(first)) == 200
        made = appliance.cli("setup")
        assert list(made) == [
            *("setup_url", "setup_url_by_address", "expires_at", "valid_minutes", "self_signed", "running")
        ]
        assert (made["setup_url_by_address"], made["valid_minutes"], made["running"]) == (None, 30, True)
        assert (status(str(first)), status(made["setup_url"])) == (410, 200)
        # What somebody asked for by hand outlives a restart; what the start printed does not.
        assert appliance.stop() == 0
    with appliance:
        assert logged(appliance, "set-up is open by the link that was made before")["valid_until"] == made["expires_at"]
        assert status(made["setup_url"]) == 200


def test_without_a_daemon_the_verb_says_that_it_must_run(appliance: Appliance) -> None:
    text = appliance.run("setup").stdout
    assert text.startswith("The server does not run. Start it (appliance serve), then go on:")
    url = re.search(r"https://\S+", text)
    assert url is not None
    with appliance:
        assert status(url[0]) == 200


def test_once_there_is_an_administrator_both_say_so(appliance: Appliance) -> None:
    token = appliance.cli("setup")["setup_url"].rpartition("/")[2]
    make_administrator(appliance, token)
    for running in (False, True):
        if running:
            appliance.start()
            assert logged(appliance, "there is an administrator")["sign_in"]
        done = appliance.run("setup")
        assert (done.returncode, done.stdout) == (1, "")
        sign_in = f"https://localhost:{appliance.https}/sign-in"
        assert done.stderr == f"appliance: there is an administrator already: sign in at {sign_in}\n"
    assert appliance.stop() == 0


def make_administrator(appliance: Appliance, token: str) -> None:
    """As the page does it, on the database of a daemon that does not run."""
    import asyncio

    from appliance.identity.password import Parameters, Passwords
    from appliance.identity.setup_token import make_first_operator
    from appliance.ids import IdMaker
    from appliance.process import microseconds
    from appliance.store.store import open_store

    store = open_store(appliance.data, now=microseconds, ids=IdMaker(microseconds))
    passwords = Passwords(Parameters(memory_kib=8, passes=1, lanes=1))
    try:
        asyncio.run(make_first_operator(store, passwords, token, "root@admin.test", PASSWORD, "test"))
    finally:
        passwords.close()
        store.close()


def test_without_https_there_is_no_link(tmp_path: Path) -> None:
    appliance = Appliance(tmp_path, {"http": {"https": []}})
    done = appliance.run("setup")
    assert (done.returncode, done.stdout) == (1, "")
    assert "[http] https lists no listener" in done.stderr


def test_people_are_shown_an_address_while_no_name_leads_here() -> None:
    found = {
        "setup_url": "https://mail.one.test/setup/x",
        "setup_url_by_address": "https://192.0.2.1/setup/x",
        "valid_minutes": 30,
        "self_signed": False,
        "running": True,
    }
    assert invitation(found).splitlines() == [
        "Set this server up in a browser, within 30 minutes:",
        "",
        "    https://mail.one.test/setup/x",
        "",
        "While that name does not lead here yet, by address:",
        "",
        "    https://192.0.2.1/setup/x",
    ]
