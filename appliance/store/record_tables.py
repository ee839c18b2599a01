"""The tables of the record as Peewee models (see `tables`): sessions, what they tried, what was decided."""

from peewee import BigIntegerField, Check, CompositeKey, IntegerField, TextField

from appliance.store.tables import Table, default_is


class SmtpSession(Table):
    """One SMTP session; `folded` counts the sessions of a flood that it stands for."""

    id = BigIntegerField(primary_key=True)
    direction = TextField()
    listener = TextField()
    peer = TextField()
    peer_port = IntegerField()
    rdns = TextField()
    helo = TextField()
    tls_version = TextField()
    tls_cipher = TextField()
    tls_failure = TextField()
    account = BigIntegerField(null=True)
    credential = BigIntegerField(null=True)
    domain = BigIntegerField(null=True)
    started = BigIntegerField()
    ended = BigIntegerField(null=True)
    outcome = TextField()
    folded = BigIntegerField(constraints=default_is("1"))
    transcript = TextField()

    class Meta:
        constraints = (Check("direction IN ('in', 'out')"),)


class SmtpTransaction(Table):
    """One mail transaction, from MAIL on; its id is the trace id."""

    id = BigIntegerField(primary_key=True)
    session = BigIntegerField()
    number = IntegerField()
    account = BigIntegerField(null=True)
    domain = BigIntegerField(null=True)
    mail_from = TextField()
    message_id = TextField()
    header_from = TextField()
    subject = TextField()
    size = BigIntegerField()
    verdict = TextField()
    code = IntegerField()
    reply = TextField()
    outcome = TextField()
    at = BigIntegerField()
    transcript = TextField()

    class Meta:
        indexes = ((("session",), False), (("outcome",), False))


class SmtpRecipient(Table):
    """One attempted recipient; `account` only where it counts against a limit."""

    transaction_id = BigIntegerField()
    number = IntegerField()
    address = TextField()
    domain = TextField()
    code = IntegerField()
    reply = TextField()
    outcome = TextField()
    account = BigIntegerField(null=True)
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("transaction_id", "number")
        without_rowid = True


SmtpRecipient.add_index(
    SmtpRecipient.index(SmtpRecipient.account, SmtpRecipient.at, where=SmtpRecipient.account.is_null(False))
)


class ImapSession(Table):
    """One IMAP session in which somebody logged in."""

    id = BigIntegerField(primary_key=True)
    account = BigIntegerField(null=True)
    credential = BigIntegerField(null=True)
    domain = BigIntegerField(null=True)
    peer = TextField()
    client_id = TextField()
    tls_version = TextField()
    tls_cipher = TextField()
    started = BigIntegerField()
    ended = BigIntegerField(null=True)
    outcome = TextField()
    received = BigIntegerField()
    sent = BigIntegerField()


ImapSession.add_index(ImapSession.index(ImapSession.account, where=ImapSession.account.is_null(False)))


class Event(Table):
    """One decision on the way of a message or a session; `facts` is JSON."""

    id = BigIntegerField(primary_key=True)
    trace = BigIntegerField()
    at = BigIntegerField()
    stage = TextField()
    rule = TextField()
    code = IntegerField()
    reply = TextField()
    facts = TextField()
    imap_session = BigIntegerField(null=True)

    class Meta:
        indexes = ((("trace",), False),)


class Uptime(Table):
    """One stretch in which the server ran and kept its record."""

    id = BigIntegerField(primary_key=True)
    started = BigIntegerField()
    alive = BigIntegerField()
    stopped = BigIntegerField(null=True)
