"""Being signed in: a row of the ledger and a cookie with its token.

The token is new at each sign-in, whatever cookie came with it, and 256 random bits, of which only the SHA-256 is
kept. A session ends after 30 minutes without a request, after 12 hours in any case, by signing out, and at once when
the password that opened it is revoked or its owner suspended.
"""

import structlog

from admin.cookies import drop_cookie, set_cookie
from admin.house import WebHouse
from admin.visit import Visit
from admin.visitors import Administrator, Owner, Visitor
from appliance.identity.invite import new_token, token_hash
from appliance.identity.login import Login
from appliance.identity.operator_login import OperatorLogin
from appliance.records import Credential
from appliance.store.credential_acts import touch_used
from appliance.store.credentials import ACCOUNT_OWNER, OPERATOR_OWNER
from appliance.store.errors import StoreError
from appliance.store.session_acts import end_session, find_session, open_session
from appliance.store.tx import Tx

log = structlog.get_logger("admin")

COOKIE = "__Host-session"
SECOND = 1_000_000
IDLE_US = 30 * 60 * SECOND
LIFE_US = 12 * 3600 * SECOND
TOUCH_US = 60 * SECOND
"""The last use is written once a minute at most."""
MAX_AGENT = 200
"""Characters kept of what the browser says of itself."""


async def recognise(house: WebHouse, token: str, peer: str) -> Visitor:
    """Who is signed in with a token; None where its session is over or never was."""
    now = house.now()
    session = find_session(house.store.engine, token_hash(token), now) if token else None
    if session is None or now - max(session.last_used_at or 0, session.created_at) >= IDLE_US:
        return None
    visitor = _owner_of(house, session)
    if visitor is not None and now - (session.last_used_at or 0) >= TOUCH_US:
        await _touch(house, session, now, peer)
    return visitor


async def begin(house: WebHouse, visit: Visit, login: OperatorLogin | Login, agent: str) -> None:
    """Signs the visitor in under a new token. A session of before ends: at sign-in, and where rights change."""
    token, old = new_token(), visit.secret
    kind, owner = _owner_row(login)
    name = "".join(c for c in agent[:MAX_AGENT] if c.isprintable())

    def job(tx: Tx) -> None:
        if old:
            end_session(tx, token_hash(old))
        open_session(
            tx, kind, owner, token_hash(token),
            opener=login.credential, name=name, source=visit.peer, expires_at=tx.now + LIFE_US,
        )  # fmt: skip

    await house.store.engine.write(job)
    visit.visitor, visit.secret = await recognise(house, token, visit.peer), token
    # An administrator's cookie does not even come along when a link elsewhere leads here.
    visit.cookies.append(set_cookie(COOKIE, token, same_site="Strict" if kind == OPERATOR_OWNER else "Lax"))
    log.info("signed in", protocol="web", login=visit.visitor.name if visit.visitor else "", peer=visit.peer)


async def end(house: WebHouse, visit: Visit) -> None:
    """Signs the visitor out, here and in the ledger."""
    token = visit.secret
    if visit.visitor is not None:
        await house.store.engine.write(lambda tx: end_session(tx, token_hash(token)))
    visit.visitor, visit.secret = None, ""
    visit.cookies.append(drop_cookie(COOKIE))


def _owner_row(login: OperatorLogin | Login) -> tuple[str, int]:
    if isinstance(login, OperatorLogin):
        return OPERATOR_OWNER, login.operator.id
    return ACCOUNT_OWNER, login.account.id


def _owner_of(house: WebHouse, session: Credential) -> Visitor:
    if session.owner_kind == OPERATOR_OWNER:
        operator = house.store.operators.by_id(session.owner)
        return Administrator(operator, session.id) if operator and operator.suspended_at is None else None
    account = house.store.directory.account_by_id(session.owner)
    return Owner(account, session.id) if account and account.suspended_at is None else None


async def _touch(house: WebHouse, session: Credential, now: int, peer: str) -> None:
    try:
        await house.store.engine.write(lambda tx: touch_used(tx, session.id, now, peer))
    except StoreError as error:
        # Pages are still to be read while the disk is full.
        log.warning("last use of a session not written", error=str(error))
