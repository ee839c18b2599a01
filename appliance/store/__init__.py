"""The only rooms that know the database. Rows leave as frozen records, never as models.

One writer thread commits whatever waits in one transaction (`engine`), readers see snapshots, and a
topic is published after each commit (`feed`): the journal is the truth, the notification a hint.
"""
