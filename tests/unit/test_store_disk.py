"""The disk guard: bytes and inodes, once a second, one log line a change; and the ballast."""

import pytest
import structlog

from appliance.store.disk import DiskGuard, default_reserve, free

GIB = 1 << 30


class Disk:
    def __init__(self, room=10 * GIB, inodes=100_000):
        self.room = room
        self.inodes = inodes
        self.looks = 0
        self.clock = 0.0

    def free(self, path):
        self.looks += 1
        return self.room, self.inodes

    def guard(self, path, reserve=GIB, **options):
        return DiskGuard(path, reserve, free=self.free, monotonic=lambda: self.clock, **options)


@pytest.mark.parametrize(
    ("room", "inodes", "ok"),
    [
        (GIB, 1000, True),
        (GIB - 1, 1000, False),
        (GIB, 999, False),
        (GIB, None, True),
        (0, None, False),
    ],
)
def test_what_is_enough(tmp_path, room, inodes, ok):
    assert Disk(room, inodes).guard(tmp_path).ok() is ok


@pytest.mark.parametrize(("size", "reserve"), [(50 << 20, GIB), (600 << 20, 1200 << 20)])
def test_the_default_reserve(size, reserve):
    assert default_reserve(size) == reserve


def test_it_looks_once_a_second_and_service_returns_by_itself(tmp_path):
    disk = Disk()
    guard = disk.guard(tmp_path)
    assert guard.ok()
    disk.room = 0
    disk.clock = 0.9
    assert guard.ok()
    disk.clock = 1.0
    assert not guard.ok()
    disk.room = 2 * GIB
    assert not guard.ok()
    disk.clock = 2.0
    assert guard.ok()
    assert disk.looks == 3


def test_each_change_is_one_log_line(tmp_path):
    disk = Disk()
    guard = disk.guard(tmp_path)
    with structlog.testing.capture_logs() as lines:
        for second, room in enumerate([GIB, 0, 0, 0, GIB, GIB]):
            disk.clock, disk.room = float(second), room
            guard.ok()
    assert [line["log_level"] for line in lines] == ["error", "info"]


def test_the_first_sight_of_a_low_disk_is_told(tmp_path):
    disk, told = Disk(), []
    guard = disk.guard(tmp_path)
    guard.on_low = lambda: told.append(disk.clock)
    for second, room in enumerate([GIB, 0, 0, GIB, 0]):
        disk.clock, disk.room = float(second), room
        guard.ok()
    assert told == [1.0, 4.0]


def test_the_real_file_system_is_asked(tmp_path):
    room, inodes = free(tmp_path)
    assert room > 0
    assert inodes is None or inodes > 0


def test_the_ballast_is_let_go_once_and_made_again_when_there_is_room(tmp_path):
    disk = Disk()
    guard = disk.guard(tmp_path, ballast=1 << 20)
    assert not guard.relieve()
    guard.tend()
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= 1 << 20
    assert guard.relieve()
    assert not guard.relieve()
    disk.room = GIB
    guard.tend()
    assert not (tmp_path / "ballast").exists()
    disk.room = GIB + (2 << 20)
    guard.tend()
    assert (tmp_path / "ballast").exists()
