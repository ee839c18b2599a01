"""Root becomes the owner of the data directory before it touches anything in it.

Otherwise files made by root would be out of the daemon's reach, and a link planted by the daemon's user would be
followed with root's rights.
"""

import os
import pwd
from pathlib import Path


def drop_to_owner(data_dir: Path) -> None:
    """As root, become the owner of the directory, groups and all; otherwise, or where it does not exist, do nothing."""
    if os.geteuid() != 0:
        return
    try:
        owner = data_dir.stat()
    except FileNotFoundError:
        return
    if owner.st_uid == 0:
        return
    # Groups first: once the user is changed, nothing more can be.
    try:
        os.initgroups(pwd.getpwuid(owner.st_uid).pw_name, owner.st_gid)
    except KeyError:
        os.setgroups([])
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)
