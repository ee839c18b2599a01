"""A self-hosted mail server: one daemon that receives, keeps and serves mail for any number of domains.

The fronts are the packages beside this one (`smtp`, `imap`); they never import each other. What two
fronts need lives here; `appliance.store` alone speaks to the database; `appliance.mail` is the
vocabulary of mail, pure values without clock or I/O.
"""

__version__ = "0.1.0"
