"""The orders by which one container takes the place of another, as Docker takes them. Nothing here knows their order.

Paths used, for a socket proxy's allow-list: GET /containers/NAME/json, /images/NAME/json; POST /containers/create,
/containers/NAME/(update|stop|start|rename), /networks/NAME/connect, /images/NAME/tag; DELETE /containers/NAME.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from nemo_watchdog.containers.connection import MOST_TOLD, Connection
from nemo_watchdog.durations import duration
from nemo_watchdog.errors import ContainersUnreachable, OrderFailed, OrderUncertain, QuestionRefused, in_one_line
from nemo_watchdog.recreation import KEPT

ORDER_WITHIN = 30.0
"""Seconds that one order may take, beside the time that a stop gives the container: a disk under load is slow."""

LONGEST_ANSWER = 1 << 22
"""Bytes of one inspect."""

_MOST_WORDS = 200
"""Characters of what Docker says about an error."""

SO_ALREADY = 304
"""Of a start of what runs, and of a stop of what has ended."""


class DockerRecreation:
    """Satisfies `recreation.Recreation`. `host` is like DOCKER_HOST; `timeout` in seconds bounds one question."""

    def __init__(self, host: str | None, timeout: float = 5.0, *, order_within: float = ORDER_WITHIN) -> None:
        self._connection = Connection(host, timeout)
        self._order_within = order_within

    async def show(self, container: str) -> Mapping[str, Any] | None:
        """See `Recreation.show`. A prefix of an id is no name."""
        shown = await self._question(f"/containers/{quote(container, safe='')}/json", "a container's configuration")
        if shown is None or (shown.get("Name") != f"/{container}" and shown.get("Id") != container):
            return None
        return shown

    async def image(self, image: str) -> Mapping[str, Any] | None:
        """See `Recreation.image`."""
        return await self._question(f"/images/{quote(image, safe='/:@')}/json", "what the name of an image means")

    async def keep(self, image: str, container: str) -> None:
        """See `Recreation.keep`."""
        params = {"repo": KEPT, "tag": container}
        await self._order("POST", f"/images/{quote(image, safe=':')}/tag", "tag the image", params=params)

    async def create(self, name: str, body: Mapping[str, Any]) -> str:
        """See `Recreation.create`."""
        what = f"create the container {name}"
        told = await self._order("POST", "/containers/create", what, body=body, params={"name": name})
        try:
            return str(json.loads(told)["Id"])
        except (ValueError, LookupError, TypeError) as error:
            raise OrderUncertain(f"Docker gave no usable answer to the order to {what}") from error

    async def connect(self, network: str, container: str, endpoint: Mapping[str, Any]) -> None:
        """See `Recreation.connect`."""
        path, body = (
            f"/networks/{quote(network, safe='')}/connect",
            {"Container": container, "EndpointConfig": endpoint},
        )
        await self._order("POST", path, f"put the container on the network {in_one_line(network)}", body=body)

    async def set_restart_policy(self, container: str, policy: Mapping[str, Any]) -> None:
        """See `Recreation.set_restart_policy`."""
        await self._of(container, "update", "change the container's restart policy", body={"RestartPolicy": policy})

    async def stop(self, container: str, stop_timeout: float) -> None:
        """See `Recreation.stop`. Docker counts whole seconds: never fewer than asked for."""
        seconds = math.ceil(stop_timeout)
        await self._of(container, "stop", "stop the container", longer=seconds, params={"t": str(seconds)})

    async def start(self, container: str) -> None:
        """See `Recreation.start`."""
        await self._of(container, "start", "start the container")

    async def rename(self, container: str, name: str) -> None:
        """See `Recreation.rename`."""
        await self._of(container, "rename", f"rename the container to {name}", params={"name": name})

    async def remove(self, container: str) -> None:
        """See `Recreation.remove`."""
        params = {"v": "false", "force": "false", "link": "false"}
        await self._order("DELETE", f"/containers/{quote(container, safe='')}", "remove the container", params=params)

    async def close(self) -> None:
        await self._connection.close()

    async def _question(self, path: str, what: str) -> Mapping[str, Any] | None:
        """None for a 404."""
        try:
            shown = json.loads(await self._connection.ask(path, what, LONGEST_ANSWER))
        except QuestionRefused as error:
            if error.status == 404:
                return None
            raise
        except ValueError as error:
            raise ContainersUnreachable(f"Docker's answer does not say {what}") from error
        if not isinstance(shown, Mapping):
            raise ContainersUnreachable(f"Docker's answer does not say {what}")
        return shown

    async def _of(
        self,
        container: str,
        part: str,
        what: str,
        *,
        longer: float = 0.0,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        path = f"/containers/{quote(container, safe='')}/{part}"
        await self._order("POST", path, what, longer=longer, body=body, params=params)

    async def _order(
        self,
        method: str,
        path: str,
        what: str,
        *,
        longer: float = 0.0,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> bytes:
        """The body of the answer. `what` follows "could not"."""
        client, within = self._connection.client(), self._order_within + longer
        unlimited = aiohttp.ClientTimeout(total=None, sock_read=None)
        try:
            async with (
                asyncio.timeout(within),
                client.session.request(
                    method, f"{client.docker_host}{path}", params=params, json=body, timeout=unlimited
                ) as response,
            ):
                told = await response.content.read(MOST_TOLD)
                if response.status >= 300 and response.status != SO_ALREADY:
                    raise OrderFailed(f"Docker could not {what}: {_words(told)}")
                return told
        except TimeoutError as error:
            raise OrderUncertain(f"Docker did not {what} within {duration(within)}; it may still do so") from error
        except aiohttp.ClientConnectorError as error:
            raise ContainersUnreachable(f"Docker does not answer: {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            lost = f"the connection to Docker was lost on the order to {what}: {type(error).__name__}"
            raise OrderUncertain(lost) from error


def _words(told: bytes) -> str:
    """Of an error of Docker (Docker Engine API, ErrorResponse), or of a proxy before it."""
    try:
        said = str(json.loads(told)["message"])
    except (ValueError, LookupError, TypeError, RecursionError):
        said = told.decode("utf-8", "replace")
    return in_one_line(" ".join(said.split()))[:_MOST_WORDS] or "nothing more"
