"""One party of OpenMined PSI: a process of its own, run by the interpreter of its own environment.

    python openmined_party.py SPEC.json NAME RESULT.json

Both work at once where they can: the server prepares its set while the client makes its request.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

import private_set_intersection.python as openmined

from bench.meter import Meter

FALSE_POSITIVES = 2.0**-40
"""Its encrypted set is sent as it is (``RAW``), which has none; it asks for the number all the same."""
MESSAGES = {"request": openmined.Request, "setup": openmined.ServerSetup, "response": openmined.Response}


def connected(spec: dict[str, Any], is_client: bool) -> socket.socket:
    """A plain TCP connection to the other party."""
    if not is_client:
        with socket.create_server(("127.0.0.1", spec["listen"])) as listener:
            return listener.accept()[0]
    while True:
        try:
            return socket.create_connection(("127.0.0.1", spec["dial"]))
        except ConnectionRefusedError:
            time.sleep(0.01)


def send(link: socket.socket, message: Any) -> None:
    content = message.SerializeToString()
    link.sendall(len(content).to_bytes(8, "little"))
    link.sendall(content)


def receive(link: socket.socket, kind: str) -> Any:
    message = MESSAGES[kind]()
    message.ParseFromString(read(link, int.from_bytes(read(link, 8), "little")))
    return message


def read(link: socket.socket, size: int) -> bytes:
    content = bytearray(size)
    room = memoryview(content)
    while room:
        count = link.recv_into(room)
        if not count:
            raise ConnectionError("the other party is gone")
        room = room[count:]
    return bytes(content)


def client(link: socket.socket, ids: list[str], spec: dict[str, Any], meter: Meter) -> None:
    """Ask for all own ids, write the common ones."""
    asking = openmined.client.CreateWithNewKey(True)
    send(link, asking.CreateRequest(ids))
    meter.part("request")
    setup, response = receive(link, "setup"), receive(link, "response")
    meter.part("waiting")
    common = sorted(ids[place] for place in asking.GetIntersection(setup, response))
    meter.part("intersecting")
    Path(spec["output"]).write_text("\n".join([spec["column"], *common, ""]), encoding="utf-8")
    meter.part("writing")


def server(link: socket.socket, ids: list[str], spec: dict[str, Any], meter: Meter) -> None:
    """Send the own set, encrypted, and answer."""
    answering = openmined.server.CreateWithNewKey(True)
    asked = spec["rows"][spec["client"]]
    setup = answering.CreateSetupMessage(FALSE_POSITIVES, asked, ids, openmined.DataStructure.RAW)
    meter.part("setup")
    request = receive(link, "request")
    meter.part("waiting")
    send(link, setup)
    send(link, answering.ProcessRequest(request))
    meter.part("answering")


def main(spec_path: str, name: str, result_path: str) -> None:
    """Intersect, write what it took."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    is_client = name == spec["client"]
    link = connected(spec, is_client)
    link.sendall(b"a")
    read(link, 1)
    meter = Meter()
    _, *ids = Path(spec["inputs"][name]).read_text(encoding="utf-8").split()
    meter.part("reading")
    (client if is_client else server)(link, ids, spec, meter)
    result = meter.end()
    link.sendall(b"z")
    read(link, 1)
    Path(result_path).write_text(json.dumps(result | {"sent": meter.sent()}), encoding="utf-8")
    link.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
