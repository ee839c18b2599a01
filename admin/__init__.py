"""The web: pages for administrators and owners, served from the daemon's loop.

Pages are written on the server (Jinja2) and complete without JavaScript; htmx only spares a reload. A request goes
`server` (connections, time-outs) -> `entrance` (method, host, who is asking, headers of the answer) -> Litestar's
routes, made in `app` from the tables in `pages`. Nobody gets past a route that does not name who may (`access`).
What pages do are the acts of `appliance.provision` and `appliance.identity`; no SQL and no rule lives here.
"""
