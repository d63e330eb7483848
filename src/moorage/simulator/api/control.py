"""Orders to the simulator itself over HTTP, for tests and demos that live in other processes: `/simulator/…`.

They are no part of the Kubernetes API, need no token, are never hit by faults, and the server listens on loopback only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from moorage.errors import MoorageError

if TYPE_CHECKING:
    from moorage.simulator.api.faults import Faults
    from moorage.simulator.store.storage import Storage


def add_routes(app: web.Application, *, prefix: str, faults: Faults, storage: Storage) -> None:
    async def add_fault(request: web.Request) -> web.Response:
        try:
            how = msgspec.json.decode(await request.read(), type=dict)
            fault = faults.add(str(how.pop("kind", "")), **how)
        except (MoorageError, msgspec.DecodeError) as error:
            return web.json_response({"error": {"code": "bad_fault", "message": str(error)}}, status=400)
        return web.json_response(fault.describe(), status=201)

    async def list_faults(_: web.Request) -> web.Response:
        return web.json_response([fault.describe() for fault in faults])

    async def clear_faults(_: web.Request) -> web.Response:
        faults.clear()
        return web.json_response({})

    async def remove_fault(request: web.Request) -> web.Response:
        faults.remove(int(request.match_info["number"]))
        return web.json_response({})

    async def compact(_: web.Request) -> web.Response:
        return web.json_response({"revision": storage.compact()})

    app.router.add_post(prefix + "/simulator/faults", add_fault)
    app.router.add_get(prefix + "/simulator/faults", list_faults)
    app.router.add_delete(prefix + "/simulator/faults", clear_faults)
    app.router.add_delete(prefix + r"/simulator/faults/{number:\d+}", remove_fault)
    app.router.add_post(prefix + "/simulator/compact", compact)
