"""Whether a server answers at all, known within a time that was set before."""

import socket
import threading
import time
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass


class Attempt:
    """A connection that is tried in the background, and given up at a set moment.

    Looking up a name can take far longer than any time a socket is given, so it happens in a
    thread that nobody waits for.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        """Begin to connect.

        Args:
            url: The address; a proxy that the environment names for it is tried in its place.
            timeout_s: Seconds from now until the connection must stand.
        """
        self._timeout_s = timeout_s
        self._until = time.monotonic() + timeout_s
        self._is_over = threading.Event()
        self._failure: str | None = None
        try:
            self._server, self._who = _first_stop(url)
        except ValueError:  # a bracket that is not closed, say
            self._failure = "the address of the proxy cannot be read"
            self._is_over.set()
            return
        threading.Thread(target=self._connect, daemon=True).start()

    def failure(self) -> str | None:
        """Give what is in the way, in a few words, or None once the connection stood."""
        if not self._is_over.wait(max(0.0, self._until - time.monotonic())):
            return f"{self._who} gives no connection within {self._timeout_s:g} s"
        return self._failure

    def _connect(self) -> None:
        try:
            socket.create_connection(self._server, timeout=self._timeout_s).close()
        except OSError as error:
            self._failure = refusal(error, self._who, self._timeout_s)
        except ValueError:  # of its letters no name of a server can be made
            self._failure = f"{self._who} is no name of a server"
        finally:
            self._is_over.set()


def refusal(error: OSError, who: str, timeout_s: float) -> str:
    """Say in a few words why a connection does not stand.

    Args:
        error: What the socket raised.
        who: Name of the server.
        timeout_s: Seconds that it was given.
    """
    if isinstance(error, socket.gaierror):
        return f"the name {who} is not known here"
    if isinstance(error, ConnectionRefusedError):
        return f"{who} refuses the connection"
    if isinstance(error, TimeoutError):
        return f"{who} gives no connection within {timeout_s:g} s"
    return f"{who} cannot be reached ({error.strerror or error})"


def proxy_of(url: str) -> SplitResult | None:
    """Give the proxy that the environment names for an address, or None."""
    address = urlsplit(url)
    named = getproxies().get(address.scheme)
    if not named or proxy_bypass(address.hostname or ""):
        return None
    return urlsplit(named if "//" in named else f"//{named}")


def _first_stop(url: str) -> tuple[tuple[str, int], str]:
    """Give host and port of the server that is connected to first, and what to call it."""
    proxy = proxy_of(url)
    stop = urlsplit(url) if proxy is None else proxy
    host, port = stop.hostname or "", _port_of(stop)
    return (host, port), host if proxy is None else f"the proxy {host}:{port}"


def _port_of(address: SplitResult) -> int:
    usual = 443 if address.scheme == "https" else 80
    try:
        return address.port or usual
    except ValueError:  # a proxy may be named in any way
        return usual
