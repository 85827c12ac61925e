"""The first code of the sandbox: it confines its process, and only then imports what is to run.

It lies in the image as a file of its own, ``/coterie/start.pyc``, and is run with ``-I -S``: no site, no
``.pth`` files, nothing of the environment. Arguments: the module whose ``main`` is called, bytes of memory,
seconds of processor time, bytes of a file, and folders of packages where they are not the image's.

Modules are also started with the house's own file, shown in its place: see :mod:`coterie.learn.modules`.
"""

import gc
import importlib
import importlib.machinery
import os
import sys

PACKAGES = f"/coterie/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
REFUSED = 70
"""Exit status where the process is not confined: EX_SOFTWARE of sysexits.h."""


class Bare:
    """Finds the packages of the house as empty ones: without what their doors import."""

    def __init__(self, folder: str) -> None:
        """:param folder: that the package ``coterie`` is in."""
        self._folder = folder

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:  # noqa: ARG002
        """A package without code, where a folder of the house has that name."""
        place = f"{self._folder}/{name.replace('.', '/')}"
        if name.partition(".")[0] != "coterie" or not os.path.isdir(place):  # noqa: PTH112 - quick to start
            return None
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [place]
        return spec


def confine(limits: list[int]) -> None:
    """Confine this process before the doors of the house are opened: behind them are libraries that start
    threads, and Landlock does not bind a thread that is there before it.
    """
    try:
        importlib.import_module("coterie.tee.sandbox.confine").confine(*limits)
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "coterie"]:
            del sys.modules[name]


def start(module: str, limits: list[str], packages: list[str]) -> None:
    """Confine, import, run. The process ends with status 70 where it could not be confined.

    :param packages: folders of packages; the package ``coterie`` is in the first. Where there are any, it
        stays without what its doors import.
    """
    folders = packages or [PACKAGES]
    sys.path.extend(folders)
    bare = Bare(folders[0])
    sys.meta_path.insert(0, bare)  # type: ignore[arg-type]
    try:
        confine([int(limit) for limit in limits])
    except Exception as error:  # noqa: BLE001 - whatever it is: nothing may run
        os.write(2, f"{error}\n".encode(errors="replace")[:1000])
        os._exit(REFUSED)
    if not packages:
        sys.meta_path.remove(bare)  # type: ignore[arg-type]
    gc.disable()  # nothing of what is imported goes again
    imported = importlib.import_module(module)
    gc.freeze()
    gc.enable()
    imported.main()


if __name__ == "__main__":
    start(sys.argv[1], sys.argv[2:5], sys.argv[5:])
