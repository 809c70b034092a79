"""What a page would fetch from elsewhere when it is opened."""

from html.parser import HTMLParser
from pathlib import Path

__all__ = ["fetched_from_elsewhere"]

_FETCHED = {"audio": "src", "iframe": "src", "img": "src", "script": "src", "source": "src", "video": "src"}
_FETCHED_RELATIONS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "manifest"}


class _Fetches(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        address = values.get(_FETCHED.get(tag, ""), "")
        if tag == "link" and _FETCHED_RELATIONS & set(values.get("rel", "").split()):
            address = values.get("href", "")
        if address.startswith(("http:", "https:", "//")):
            self.addresses.append(address)


def fetched_from_elsewhere(site: Path) -> list[str]:
    """List what the pages of a built site fetch from other servers, as ``page: address``."""
    found = []
    for page in sorted(site.rglob("*.html")):
        fetches = _Fetches()
        fetches.feed(page.read_text("utf-8"))
        found += [f"{page.relative_to(site)}: {address}" for address in fetches.addresses]
    return found
