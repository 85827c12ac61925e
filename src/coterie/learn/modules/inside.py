"""Inside of the sandbox: build a user's network, and train it on the rows that come in.

The user's code runs in this very process, so nothing that this one says is believed outside: not even that
it is this code which says it. What holds are the walls, and what the host asks for and checks.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import random
import sys
import types
from collections.abc import Iterable
from typing import Any

import numpy as np

from coterie.learn.modules import frames
from coterie.learn.modules.frames import Array, Settings

_SOCKET = 0
_WORDS = 400


class Network:
    """The user's network, and what it was built of."""

    def __init__(self, source: bytes, settings: Settings) -> None:
        self._module = types.ModuleType("module")
        sys.modules["module"] = self._module
        # From text: of bytes a line could say (PEP 263) that they are other letters than people have read.
        text = source.decode("utf-8")
        exec(compile(text, "module.py", "exec"), self._module.__dict__)  # noqa: S102 - what the walls are for
        self._build, self._settings = self._module.build, settings
        self._network = self._built(0)
        self._fixed = {name: one.clone() for name, one in self._network.named_buffers()}

    def _built(self, seed: int) -> Any:
        import torch

        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002 - the user's code may draw from it
        torch.set_num_threads(self._settings["threads"])
        network = self._build(self._settings["inputs"], self._settings["outputs"], self._settings["settings"])
        if not isinstance(network, torch.nn.Module):
            raise TypeError(f"build gives {type(network).__name__}, and no torch.nn.Module")
        return network

    @property
    def tensors(self) -> list[tuple[str, Any, str]]:
        """Parameters and buffers of float32, by name, in the network's order. Other buffers are nobody's
        business: they begin each training as they were built."""
        import torch

        found = [(name, one, "parameter") for name, one in self._network.named_parameters()]
        odd = [name for name, one, _ in found if one.dtype != torch.float32]
        if odd:
            raise TypeError(f"parameter {odd[0]} is not of float32")
        buffers = self._network.named_buffers()
        return found + [(name, one, "buffer") for name, one in buffers if one.dtype == torch.float32]

    def layout(self) -> bytes:
        """Name, shape, and whether it is a parameter or a buffer."""
        return json.dumps([[name, list(one.shape), kind] for name, one, kind in self.tensors]).encode()

    def initial(self, seed: bytes) -> bytes:
        """Of a network that is built anew."""
        self._network = self._built(int.from_bytes(seed[:6], "little"))
        return self._weights()

    def train(self, settings: Settings, seed: bytes, arrays: list[Array]) -> bytes:
        """Train on own rows."""
        features, label, *rest = arrays
        count = len(self.tensors)
        self._set(rest[:count])
        correction = None
        if len(rest) > count:
            trained = [kind == "parameter" and one.requires_grad for _, one, kind in self.tensors]
            correction = [one for one, wanted in zip(rest[count:], trained, strict=True) if wanted]
        loop, trainer = _loop()
        rows, local = trainer.Rows(features, label), trainer.Local(**settings)
        loss, steps = loop.train_network(self._network, rows, local, seed, correction)
        return self._weights() + np.array([loss, steps], "<f8").tobytes()

    def losses(self, settings: Settings, arrays: list[Array]) -> bytes:
        """The sum over rows."""
        features, label, *weights = arrays
        self._set(weights)
        loop, trainer = _loop()
        found = loop.losses_network(self._network, trainer.Rows(features, label), trainer.Local(**settings))
        return np.array([found], "<f8").tobytes()

    def outputs(self, arrays: list[Array]) -> bytes:
        """(rows, outputs)"""
        features, *weights = arrays
        self._set(weights)
        return np.ascontiguousarray(_loop()[0].outputs_network(self._network, features), "<f8").tobytes()

    def _set(self, weights: Iterable[Array]) -> None:
        import torch

        with torch.no_grad():
            for name, one in self._network.named_buffers():
                one.copy_(self._fixed[name])
            for (_, one, _), given in zip(self.tensors, weights, strict=True):
                one.copy_(torch.from_numpy(given))

    def _weights(self) -> bytes:
        return b"".join(one.detach().contiguous().numpy().tobytes() for _, one, _ in self.tensors)


def _loop() -> tuple[Any, Any]:
    """The house's own training. Doors are empty here, so the files are asked for by name."""
    room = "coterie.learn.neural.fl"
    return importlib.import_module(f"{room}.torch_loop"), importlib.import_module(f"{room}.trainer")


def _read(size: int) -> bytes:
    parts = io.BytesIO()
    while parts.tell() < size:
        part = os.read(_SOCKET, min(size - parts.tell(), 1 << 20))
        if not part:
            os._exit(0)  # the host is gone, or has enough
        parts.write(part)
    return parts.getvalue()


def _write(operation: int, status: int, body: bytes) -> None:
    data = memoryview(frames.ANSWER.pack(operation, status, len(body)) + body)
    while data:
        data = data[os.write(_SOCKET, data) :]


def _words(error: BaseException) -> bytes:
    """What went wrong, and where in the user's file."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "module.py":
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError):
        line = error.lineno
    where = "" if line is None else f", line {line}"
    return f"{type(error).__name__}{where}: {error}"[:_WORDS].encode(errors="replace")


def _done(
    operation: int, network: Network | None, settings: Settings, arrays: list[Array]
) -> tuple[Any, bytes]:
    if operation == frames.BUILD:
        network = Network(arrays[0].tobytes(), settings)
        return network, network.layout()
    assert network is not None
    seed = bytes.fromhex(settings.get("seed", ""))
    if operation == frames.INITIAL:
        return network, network.initial(seed)
    if operation == frames.TRAIN:
        return network, network.train(settings["local"], seed, arrays)
    if operation == frames.LOSSES:
        return network, network.losses(settings["local"], arrays)
    return network, network.outputs(arrays)


def main() -> None:
    """Answer questions until the socket ends."""
    network: Network | None = None
    while True:
        operation, length, count = frames.ASK.unpack(_read(frames.ASK.size))
        settings = json.loads(_read(length))
        arrays = frames.read_arrays(count, _read)
        try:
            network, body = _done(operation, network, settings, arrays)
        except MemoryError:
            _write(operation, frames.MEMORY, b"")
        except BaseException as error:  # noqa: BLE001 - the user's code may raise anything
            out = "allocate memory" in str(error)  # torch's own word for it
            _write(operation, frames.MEMORY if out else frames.FAILED, _words(error))
        else:
            _write(operation, frames.OK, body)
