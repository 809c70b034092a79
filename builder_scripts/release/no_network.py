"""Refuse every connection but to this machine, in every process of an environment.

:mod:`check_distributions` copies this file into its environment as ``sitecustomize.py``, which Python imports at start.
"""

import ipaddress
import sys
from typing import Any


def refuse(event: str, arguments: "tuple[Any, ...]") -> None:
    """Raise for a look-up or a connection that would leave this machine."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return
    try:
        if ipaddress.ip_address(name).is_loopback or ipaddress.ip_address(name).is_unspecified:
            return
    except ValueError:
        pass
    raise OSError(f"this must work offline, but connects to {name}")


sys.addaudithook(refuse)
