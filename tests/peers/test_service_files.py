"""The scripts and units of the service, as shellcheck and systemd's own checker read them."""

import re
import subprocess

import pytest

from tests.process import ROOT

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]
SERVICE = ROOT / "systemd/appliance.service"


def test_the_scripts_are_clean():
    scripts = [str(ROOT / "systemd" / name) for name in ("install", "uninstall", "run")]
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_unit_is_rated_below_one_and_a_half():
    words = ["systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", str(SERVICE)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:]


def test_each_port_is_opened_for_both_kinds_of_address_and_configured():
    unit = (ROOT / "systemd/appliance.socket").read_text()
    configured = sorted(re.findall(r'"0\.0\.0\.0:(\d+)"', (ROOT / "systemd/service.toml").read_text()))
    assert sorted(re.findall(r"^ListenStream=0\.0\.0\.0:(\d+)$", unit, re.MULTILINE)) == configured
    assert sorted(re.findall(r"^ListenStream=\[::\]:(\d+)$", unit, re.MULTILINE)) == configured
