"""Where a message goes: pure decisions from facts (`routing`), and what is to be stored (`planning`)."""
