"""A domain whose MX still points elsewhere: mail from outside is taken, what our users send to it is not kept here."""

import asyncio
import smtplib
import ssl

from appliance import provision
from tests.house import ACTOR, PASSWORD, House

TEXT = b"From: ann@one.test\r\nSubject: hi\r\n\r\nhello\r\n"
ELSEWHERE = b"5.7.1 <%s>: sending to other servers is not set up here yet"


def submit(house: House, *to: str) -> dict[str, tuple[int, bytes]]:
    """The recipients that were refused, each with its reply."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", house.submission, "laptop.test", timeout=20) as client:
        client.starttls(context=context)
        client.login("ann@one.test", PASSWORD)
        try:
            return client.sendmail("ann@one.test", to, TEXT)
        except smtplib.SMTPRecipientsRefused as refused:
            return refused.recipients


def held(house: House, address: str) -> int:
    account = house.store.directory.account(address)
    assert account is not None
    inbox = house.store.mailboxes.get(account.id, "INBOX")
    assert inbox is not None
    return inbox.exists


async def test_from_outside_at_once_and_from_inside_once_it_is_live(house: House) -> None:
    await house.add_domain("one.test")
    await house.add_domain("new.test", state="arriving")
    await provision.add_domain_alias(house.store, ACTOR, "new.test", "other.test")
    await house.add_mailbox("ann@one.test")
    await house.add_mailbox("eve@new.test")
    await house.send(TEXT, "eve@new.test")
    assert held(house, "eve@new.test") == 1
    refused = await asyncio.to_thread(submit, house, "eve@new.test", "eve@other.test", "nobody@new.test")
    assert refused == {
        address: (550, ELSEWHERE % address.encode())
        for address in ("eve@new.test", "eve@other.test", "nobody@new.test")
    }
    assert held(house, "eve@new.test") == 1
    await provision.set_domain(house.store, ACTOR, "new.test", state="live")
    assert await asyncio.to_thread(submit, house, "eve@new.test") == {}
    assert held(house, "eve@new.test") == 2
