"""The start page: what needs a look first, then mail of the last day, who is connected, what is stored."""

import re

import pytest

from appliance import provision
from appliance.store.overview import FATES
from tests.house import ACTOR, House
from tests.store_house import START
from tests.web_house import ADMINISTRATOR, OWNER, people, signed_in

HOUR = 3600 * 1_000_000
TEXT = b"From: joe@far.test\r\nSubject: x\r\n\r\nhello\r\n"


@pytest.fixture
async def town(house: House) -> House:
    await people(house)
    return house


async def overview(house: House, path: str = "/") -> str:
    async with signed_in(house, ADMINISTRATOR) as visitor:
        answer = await visitor.get(path)
        assert answer.status_code == 200
        return answer.text


def words(text: str) -> str:
    """The page as it is read."""
    return " ".join(re.sub("<[^>]*>", " ", text).split())


async def test_a_server_without_domains_says_the_next_step(tmp_path) -> None:
    from appliance.identity.operators import make_operator
    from tests.house import PASSWORD
    from tests.web_house import visiting

    async with House(tmp_path) as house:
        await make_operator(house.store, house.appliance.passwords, ADMINISTRATOR, PASSWORD, source="test")
        async with visiting(house) as visitor:
            await visitor.sign_in(ADMINISTRATOR)
            text = (await visitor.get("/")).text
    assert 'href="/domains/add"' in text
    assert "No domain yet" in text
    assert "No mail yet" in text


async def test_what_needs_attention(town: House) -> None:
    await town.add_domain("asleep.test")
    await provision.suspend_domain(town.store, ACTOR, "asleep.test")
    await provision.add_mailbox(town.store, ACTOR, "new@one.test")
    await town.add_mailbox("full@one.test", "1000")
    account = town.store.directory.account("full@one.test")
    sql = "UPDATE account SET used_bytes = 1000 WHERE id = ?"
    await town.store.engine.write(lambda tx: tx.execute(sql, (account.id,)).close())
    text = words(await overview(town))
    assert "asleep.test is suspended: its mail waits with the senders." in text
    assert "full@one.test has reached its quota: mail for it is refused." in text
    assert "The certificate is self-signed" in text
    assert "1 invite" not in text  # it ends in 72 hours


async def test_invites_about_to_end_and_ended(tmp_path) -> None:
    class Clock:
        time = START

        def __call__(self) -> int:
            return self.time

    clock = Clock()
    async with House(tmp_path, now=clock) as house:
        await people(house)
        await provision.add_mailbox(house.store, ACTOR, "new@one.test")
        clock.time += 50 * HOUR
        text = words(await overview(house))
        assert "1 invite ends unclaimed within 24 hours." in text
        assert "The server did not run for" in text
        clock.time += 30 * HOUR
        assert "1 mailbox is unclaimed, and the link to claim it has ended: make a new one." in words(
            await overview(house)
        )


@pytest.mark.parametrize(
    ("reserve", "words"),
    [(1 << 55, "are free: no mail is taken below"), (0, None)],
)
async def test_a_disk_that_is_low(tmp_path, reserve: int, words: str | None) -> None:
    async with House(tmp_path, server={"hostname": "mail.test", "disk_reserve": reserve}) as house:
        await people(house)
        text = await overview(house)
    assert (words in text) if words else ("Disk</strong>" not in text)
    first = text.index("<li><div>")
    assert not words or "Broken" in text[first : first + 300]


async def test_mail_of_the_day_as_picture_and_table(town: House) -> None:
    import smtplib

    await town.send(TEXT, OWNER)
    with pytest.raises(smtplib.SMTPException):
        await town.send(TEXT, "nobody@one.test")
    with pytest.raises(smtplib.SMTPException):
        await town.send(TEXT + b"x" * 100, "other@nowhere.test")
    await town.store.record.flush()
    text = await overview(town)
    assert "1 accepted" in words(text)
    assert text.count('<rect class="bar') >= 2
    assert '<svg class="chart"' in text
    assert "1 accepted, 0 put off" in text
    rows = re.findall(r'<th scope="row" class="nowrap">(\d\d:00–\d\d:00)</th><td class="number">(\d+)</td>', text)
    assert len(rows) == 24
    assert rows[0][1] == "1"


async def test_the_latest_messages_lead_to_their_records_and_filter_by_fate(town: House) -> None:
    await town.send(TEXT, OWNER)
    await town.store.record.flush()
    async with signed_in(town, ADMINISTRATOR) as visitor:
        text = (await visitor.get("/")).text
        (link,) = set(re.findall(r'href="(/records/[0-9a-z]{13})"', text))
        assert (await visitor.get(link)).status_code == 200
        assert link in (await visitor.get("/?fate=accepted")).text
        for fate in set(FATES) - {"accepted"}:
            other = (await visitor.get(f"/?fate={fate}")).text
            assert link not in other
            assert "None on record" in other
        assert link in (await visitor.get("/?fate=%3Cscript%3E")).text


async def test_who_is_connected(town: House) -> None:
    reader, writer = await town.connect(town.imap)
    await reader.readline()
    text = words(await overview(town))
    assert "Mail programs, reading (STARTTLS) 1" in text
    assert "Other mail servers 0" in text
    writer.close()
