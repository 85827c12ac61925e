"""The first code of the sandbox: it confines its process, and only then imports what is to run.

It lies in the image as a file of its own, ``/coterie/start.pyc``, and is run with ``-I -S``: no site, no
``.pth`` files, nothing of the environment. Arguments: the module whose ``main`` is called, bytes of memory,
seconds of processor time, bytes of a file.
"""

import importlib
import importlib.machinery
import os
import sys
import types

PACKAGES = f"/coterie/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
REFUSED = 70
"""Exit status where the process is not confined: EX_SOFTWARE of sysexits.h."""


def confine(limits: list[int]) -> None:
    """Confine this process before the doors of the house are opened: behind them are libraries that start
    threads, and Landlock does not bind a thread that is there before it.

    So empty packages stand in meanwhile for the three around ``confine``, without what their doors import.
    """
    doors = ("coterie", "coterie.tee", "coterie.tee.sandbox")
    for name in doors:
        door = types.ModuleType(name)
        door.__path__ = [f"{PACKAGES}/{name.replace('.', '/')}"]
        door.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
        sys.modules[name] = door
    try:
        importlib.import_module("coterie.tee.sandbox.confine").confine(*limits)
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "coterie"]:
            del sys.modules[name]


def start(module: str, limits: list[str]) -> None:
    """Confine, import, run. The process ends with status 70 where it could not be confined."""
    sys.path.append(PACKAGES)
    try:
        confine([int(limit) for limit in limits])
    except Exception as error:  # noqa: BLE001 - whatever it is: nothing may run
        os.write(2, f"{error}\n".encode(errors="replace")[:1000])
        os._exit(REFUSED)
    importlib.import_module(module).main()


if __name__ == "__main__":
    start(sys.argv[1], sys.argv[2:5])
