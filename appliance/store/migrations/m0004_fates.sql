-- The overview counts transactions by fate and hour, and lists the latest of each fate: ranges of this index, which
-- ends with the row's id. A new row goes to the end of its fate's range.
CREATE INDEX smtp_transaction_outcome ON smtp_transaction (outcome);

-- Invites that wait for their owner, by when they end: as many as there are unclaimed mailboxes.
CREATE INDEX credential_open_invite ON credential (expires_at)
WHERE kind = 'invite' AND used_at IS NULL AND revoked_at IS NULL;

-- When and from where an owner's mail programs signed in, the newest first.
CREATE INDEX imap_session_account ON imap_session (account) WHERE account IS NOT NULL;
