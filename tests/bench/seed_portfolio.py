#!/usr/bin/env python3
"""Fill a data directory as a hosting company's would be: 500 domains, 20 000 mailboxes, their aliases and sign-ins.

usage: python -m tests.bench.seed_portfolio DIR [--domains 500] [--mailboxes 20000]

DIR is a [server] data_dir that no daemon uses; what is made is the same every time but for its ids. One domain in ten
is large and has half of all mailboxes. Four of five mailboxes are claimed, some suspended, some with a quota, with
invites that are open, expired or revoked. An administrator root@admin.example (ADMINISTRATOR) can sign in with
tests.process.PASSWORD. Sizes are put into the counters; there are no messages, so `appliance check` would find them
wrong: the directory is for looking and measuring only.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from appliance.identity.invite import LIFETIME_US, token_hash
from appliance.identity.operators import make_operator
from appliance.identity.password import Parameters, Passwords
from appliance.ids import IdMaker
from appliance.mail.address import parse_address
from appliance.process import microseconds
from appliance.records import Account
from appliance.store import account_acts, credential_acts, directory_acts
from appliance.store.engine import Tx
from appliance.store.lock import DataLock
from appliance.store.session_acts import open_session
from appliance.store.store import open_store
from tests.process import PASSWORD

ADMINISTRATOR = "root@admin.example"
FIRST = ("ada", "ben", "cleo", "dan", "eva", "finn", "gina", "hugo", "iris", "jon", "kim", "lea", "max", "nora", "otto")
LAST = ("adler", "berg", "chen", "diaz", "fox", "garcia", "haddad", "ito", "khan", "lopez", "meyer", "nagy", "okoro")
TRADES = ("bakery", "clinic", "dental", "energy", "florist", "garden", "hotel", "joinery", "kiosk", "law", "motors")
DAY = 86_400 * 1_000_000
CHEAP = Parameters(memory_kib=8, passes=1, lanes=1)


class Portfolio(msgspec.Struct, frozen=True):
    """What was asked for."""

    domains: int = 500
    mailboxes: int = 20_000

    def names(self) -> list[str]:
        """The domains; the first is the largest."""
        places = range(self.domains)
        return [f"{LAST[n % len(LAST)]}-{TRADES[n // len(LAST) % len(TRADES)]}-{n:03}.example" for n in places]

    def homes(self) -> Iterator[tuple[str, int]]:
        """Each domain with the number of its mailboxes: a tenth of the domains share a half, the largest a tenth."""
        names = self.names()
        large = max(1, len(names) // 10)
        first = self.mailboxes // 10
        rest = self.mailboxes - first
        for number, name in enumerate(names):
            if number == 0:
                yield name, first
                continue
            kind, among = (rest // 2, large - 1) if number < large else (rest - rest // 2, len(names) - large)
            place = number - 1 if number < large else number - large
            yield name, (place + 1) * kind // max(1, among) - place * kind // max(1, among)


async def seed(directory: Path, portfolio: Portfolio) -> None:
    """Make all of it in an empty data directory."""
    store = open_store(directory, now=microseconds, ids=IdMaker(microseconds))
    passwords = Passwords(CHEAP)
    try:
        dice = random.Random(20_000)
        hashed = await passwords.hash(PASSWORD)
        for name, mailboxes in portfolio.homes():
            await store.engine.write(lambda tx, home=name, n=mailboxes: _domain(tx, dice, home, n, hashed))
        await make_operator(store, passwords, ADMINISTRATOR, PASSWORD, source="seed")
    finally:
        passwords.close()
        store.close()


def _domain(tx: Tx, dice: random.Random, name: str, mailboxes: int, hashed: bytes) -> None:
    """A domain with its mailboxes, aliases and refusing addresses."""
    quota = dice.choice([None, None, 100 << 30])
    domain = directory_acts.add_domain(tx, name, quota_bytes=quota, state="arriving" if dice.random() < 0.1 else "live")
    accounts = [_mailbox(tx, dice, domain.id, name, number, hashed) for number in range(mailboxes)]
    if dice.random() < 0.2 and accounts:
        directory_acts.set_domain(tx, domain.id, unknown="catch_all", catch_all_account=accounts[0].id)
    for number in range(len(accounts) // 4):
        targets = [one.id for one in dice.sample(accounts, min(len(accounts), dice.randint(1, 4)))]
        directory_acts.add_alias(tx, domain.id, f"team{number}", targets)
    for number in range(dice.randint(0, 5)):
        directory_acts.add_reject(tx, domain.id, f"gone{number}")
    if dice.random() < 0.1:
        directory_acts.add_domain_alias(tx, domain.id, f"www.{name}")
    if dice.random() < 0.03:
        directory_acts.suspend_domain(tx, domain.id)
    tx.execute(
        "UPDATE domain SET created_at = created_at - ?, used_bytes = "
        "(SELECT coalesce(sum(used_bytes), 0) FROM account WHERE domain = domain.id) WHERE id = ?",
        (dice.randrange(900 * DAY), domain.id),
    )


def _mailbox(tx: Tx, dice: random.Random, domain: int, home: str, number: int, hashed: bytes) -> Account:
    """A mailbox in some state, with what its owner would have done by now."""
    address = parse_address(f"{dice.choice(FIRST)}.{dice.choice(LAST)}{number}@{home}")
    quota = dice.choice([None, 5 << 30, 10 << 30])
    account = account_acts.add_account(tx, domain, address, quota)
    token = token_hash(account.address)
    credential_acts.add_invite(tx, account.id, token, created_by=ADMINISTRATOR, expires_at=tx.now + LIFETIME_US)
    if dice.random() < 0.8:
        _claimed(tx, dice, account, token, hashed)
    elif dice.random() < 0.5:
        tx.execute("UPDATE credential SET expires_at = ? WHERE secret_hash = ?", (tx.now - DAY, token))
    if dice.random() < 0.02:
        account_acts.suspend_account(tx, account.id)
    return account


def _claimed(tx: Tx, dice: random.Random, account: Account, token: bytes, hashed: bytes) -> None:
    """Its owner has a password, signs in and has mail."""
    credential_acts.claim(tx, token, hashed, "192.0.2.7")
    opener = tx.execute("SELECT max(id) FROM credential WHERE owner = ?", (account.id,)).fetchone()[0]
    used = tx.now - dice.randrange(60 * DAY)
    credential_acts.touch_used(tx, opener, used, f"198.51.100.{dice.randrange(256)}")
    if dice.random() < 0.3:
        secret, agent = token_hash(f"session {account.address}"), "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
        open_session(
            tx, "account", account.id, secret, opener=opener, name=agent, source="192.0.2.7", expires_at=tx.now + DAY
        )
    size = int(dice.lognormvariate(18, 2))
    parts = {"INBOX": 6, "Archive": 3, "Sent": 1}
    for folder, tenths in parts.items():
        share = size * tenths // 10
        tx.execute(
            'UPDATE mailbox SET bytes = ?, "exists" = ?, unseen = ? WHERE account = ? AND name = ?',
            (share, share // 40_000, share // 400_000, account.id, folder),
        )
    tx.execute("UPDATE account SET used_bytes = ? WHERE id = ?", (size, account.id))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--domains", type=int, default=Portfolio().domains)
    parser.add_argument("--mailboxes", type=int, default=Portfolio().mailboxes)
    args = parser.parse_args()
    args.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    began = time.monotonic()
    with DataLock(args.directory):
        asyncio.run(seed(args.directory, Portfolio(args.domains, args.mailboxes)))
    print(f"{args.domains} domains, {args.mailboxes} mailboxes in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
