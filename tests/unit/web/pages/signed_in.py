"""Somebody who is signed in and uses the pages: he follows links, fills in forms and sends them, as a browser would."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser

from aiohttp import ClientResponse

from nemo_watchdog.web.tokens import Right
from tests.unit.web.site import TOKEN, Site

HTML = "text/html"
YOUR_NAME = "ada"


class _Fields(HTMLParser):
    """The fields of a page as they stand there, and all that is said."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.words: list[str] = []
        self.tags: list[str] = []
        self._select = ""
        self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        if tag == "input" and given.get("type") != "checkbox" and "name" in given:
            self.fields[given["name"]] = given.get("value", "")
        elif tag == "select":
            self._select = given["name"]
        elif tag == "textarea":
            self._area = given["name"]
            self.fields[self._area] = ""
        elif tag == "option" and ("selected" in given or self._select not in self.fields):
            self.fields[self._select] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._area:
            self.fields[self._area] += data


@dataclass(frozen=True, slots=True)
class Page:
    status: int
    text: str
    said: str
    """All words, with one space between them."""
    fields: dict[str, str]
    tags: tuple[str, ...]
    headers: dict[str, str]
    address: str

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")


async def page_of(response: ClientResponse) -> Page:
    text = await response.text()
    read = _Fields()
    read.feed(text)
    said = " ".join(" ".join(read.words).split())
    return Page(
        response.status,
        text,
        said,
        read.fields,
        tuple(read.tags),
        {name.title(): value for name, value in response.headers.items()},
        str(response.url),
    )


class Person:
    """Signed in with that token; nobody where it is empty."""

    def __init__(self, site: Site, secret: str = TOKEN) -> None:
        self.site = site
        self.headers = site.cookie(site.session(secret)) if secret else {}

    @classmethod
    async def with_right(cls, site: Site, right: Right, name: str = "a colleague") -> Person:
        return cls(site, await site.token(right, name))

    async def see(self, path: str) -> Page:
        headers = {**self.headers, "Accept": HTML}
        return await page_of(await self.site.client.get(path, headers=headers, allow_redirects=False))

    async def send(self, path: str, fields: dict[str, str], **headers: str) -> Page:
        given = {**self.headers, **headers}
        response = await self.site.client.post(path, data=fields, headers=given, allow_redirects=False)
        return await page_of(response)

    async def order(self, path: str, **filled: str) -> Page:
        """The form at that address, with this filled in, and who he is."""
        asked = await self.see(path)
        assert asked.status == 200, asked.said
        name = {"by": YOUR_NAME} if "by" in asked.fields else {}
        return await self.send(path.partition("?")[0], {**asked.fields, **name, **filled})
