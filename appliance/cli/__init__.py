"""The command line: noun, verb. It talks to the running daemon, or to the database when none runs."""
