"""The web page: a server on this machine, and the page it serves."""
