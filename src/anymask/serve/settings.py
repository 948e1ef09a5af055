"""What the server of the page is told as it starts."""

from dataclasses import dataclass

from anymask.errors import ConfigError
from anymask.image.options import MAX_PIXELS


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """Where the page is served, to whom, and how much one picture may take.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; the real one, as the names by which we are called are checked.
        token: What every request must carry, or None where nothing is asked for.
        allowed_hosts: Further names by which the page may be called: "name" with any port, or
            "name:port".
        upload_bytes: Largest file that is taken.
        json_bytes: Largest other body that is taken.
        max_pixels: Largest width × height that is decoded; None for the library's limit.
        memory_bytes: What kept pictures may take together.
        is_insecure: Whether it was wished that others reach the page without a token.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    upload_bytes: int = 64 << 20
    json_bytes: int = 32 << 20
    max_pixels: int | None = None
    memory_bytes: int = 1 << 30
    is_insecure: bool = False

    def __post_init__(self) -> None:
        for name in ("upload_bytes", "json_bytes", "memory_bytes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}", hint="use 1 or more")
        if not 0 <= self.port <= 65_535:
            raise ConfigError(f"port is {self.port}", hint="use 1 to 65535, or 0 for any")
        if self.token is not None and not self.token:
            raise ConfigError("the token is empty", hint="leave it out or give one of 16 letters")

    @property
    def pixels(self) -> int:
        """Largest width × height that is decoded."""
        return self.max_pixels or MAX_PIXELS
