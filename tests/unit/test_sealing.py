"""The master key's file: made once, private, and never silently replaced."""

import stat

import pytest

from appliance.sealing import MasterKeyError, ensure_master_key


def test_it_is_made_once_and_only_its_owner_reads_it(tmp_path):
    path = tmp_path / "appliance" / "master.key"
    key = ensure_master_key(path, make=True)
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ensure_master_key(path, make=True) == key
    assert ensure_master_key(path, make=False) == key


@pytest.mark.parametrize("content", ["", "00", "zz" * 32, "é"])
def test_a_damaged_key_is_an_error_that_names_the_file(tmp_path, content):
    path = tmp_path / "master.key"
    path.write_text(content)
    with pytest.raises(MasterKeyError, match=r"server\.master_key .*hexadecimal"):
        ensure_master_key(path, make=True)
    assert path.read_text() == content


def test_a_missing_key_is_an_error_where_none_may_be_made(tmp_path):
    with pytest.raises(MasterKeyError, match="No such file"):
        ensure_master_key(tmp_path / "master.key", make=False)
