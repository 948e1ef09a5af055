"""Where the page listens: a socket that is ours before anything slow begins."""

import contextlib
import errno
import ipaddress
import os
import socket
from typing import Final

from anymask.errors import ConfigError

USUAL_PORT: Final = 8765
LOCAL_NAME: Final = "localhost"
_MOST_WAITING: Final = 128
# An address nobody has (RFC 5737): a datagram socket pointed at it sends nothing, and knows from
# which of our own addresses it would.
_NOWHERE: Final = ("192.0.2.1", 9)


def is_local(host: str) -> bool:
    """Say whether only this computer reaches what listens there.

    Args:
        host: A name or an address; names are believed only if they mean this computer everywhere.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == LOCAL_NAME


def listen(host: str, port: int | None) -> socket.socket:
    """Open the socket on which the page is served.

    Args:
        host: Name or address of one of this computer's networks.
        port: Which port, 0 for any that is free; None for the usual one, or a free one where the
            usual one is taken.

    Returns:
        The socket, listening: who comes before the model is loaded waits.

    Raises:
        ConfigError: If the host is none of ours, or the port is taken or may not be used.
    """
    if port is not None and not 0 <= port <= 65535:
        raise ConfigError(
            f"--port {port}: ports go from 0 to 65535", hint="give --port 0 for a free one"
        )
    family, address = _resolve(host)
    try:
        return _open(family, (address, USUAL_PORT if port is None else port))
    except OSError as error:
        if port is None and error.errno == errno.EADDRINUSE:
            return _open(family, (address, 0))
        raise _refusal(host, USUAL_PORT if port is None else port, error) from None


def names_here(host: str) -> tuple[str, ...]:
    """Give the names by which browsers may call what listens on a host.

    Args:
        host: As it was given to `listen`.

    Returns:
        The host itself; where it stands for all networks, this computer's address and name.
    """
    if not _is_any(host):
        return (host,)
    names = []
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect(_NOWHERE)
        names.append(str(asking.getsockname()[0]))
    return (*names, socket.gethostname())


def url_of(host: str, port: int) -> str:
    """Give the address of the page, as one types it into a browser."""
    name = names_here(host)[0]
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/"


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _resolve(host: str) -> tuple[socket.AddressFamily, str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _no_host(host) from None
    family, _, _, _, address = found[0]
    return family, str(address[0])


def _open(family: socket.AddressFamily, address: tuple[str, int]) -> socket.socket:
    # Only of a socket that names its protocol does asyncio send small parts at once; of others the
    # body of every answer waits 40 ms for the browser to confirm the head.
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # A server that has just ended leaves its port waiting for stragglers. On Windows the same
        # option would take the port away from a server that runs.
        if os.name != "nt":
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(_MOST_WAITING)
    except OSError:
        opened.close()
        raise
    return opened


def _refusal(host: str, port: int, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            f"port {port} is taken by another program", hint="give --port 0 for a free one"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return ConfigError(
            f"port {port} needs rights that this user has not", hint="give --port 0 for a free one"
        )
    return _no_host(host)


def _no_host(host: str) -> ConfigError:
    return ConfigError(
        f"--host {host!r}: this computer has no such address",
        hint="give 127.0.0.1 for this computer alone, or 0.0.0.0 for all its networks",
    )
