"""What the DNS says, as facts: names in, typed answers out, and never an exception for what a zone or a server does.

Three things can come back, and mail depends on telling them apart: records (`Found`), the certainty that there are
none (`NotFound`: final), and not knowing (`Failed`: try later). SERVFAIL, REFUSED and silence are the last, always:
a server that took them for the second would bounce mail because a cable was out.

Rules that hold for all of it: a name is asked as it stands, with the root's dot and no search list; every answer is
bounded before it is parsed; only what belongs to the question is believed; only a validating resolver on this very
machine may say that an answer is authentic. dnspython is known here and nowhere else.
"""
