"""The web app: looking at what versions draw. Pages have no logic; it is in `pipeline`.

`medloom app` serves `app/asgi.py`; nothing imports this package.
"""
