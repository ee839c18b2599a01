"""The door for the command line: verbs, run by the daemon or, when none runs, on the database under its lock.

One table (`table.VERBS`) names every verb with its arguments and its function. `server` runs them for whoever
connects to `control.sock` in the data directory, `offline` runs them in the caller's own process; `client`
chooses. A verb says what it did as plain values that become JSON, or raises an error that carries an exit code.

Invariants: only root and the owner of the daemon get in (the kernel names the peer, nobody claims to be one);
every act is one transaction with its audit row; a request is one line and bounded.
"""
