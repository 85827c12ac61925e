"""Compile sources to bytecode that is the same for the same sources, whoever compiles them, and when.

Run as a program of its own, by the interpreter that will run the result, without site and environment:
lines of ``source NUL name inside NUL target`` come by the standard input.

Two things make the usual files differ: the time of the source, and references that ``marshal`` shares
according to how often an object happens to be in use. So the files are of the kind that is bound to its
source by a hash and not checked again (PEP 552), and are written in version 2 of marshal, which shares none.
"""

import importlib.util
import marshal
import os
import sys

UNCHECKED = (1).to_bytes(4, "little")
MARSHAL = 2


def bytecode(source: bytes, name: str) -> bytes:
    """The ``.pyc`` file of this source. Raises SyntaxError and ValueError for what is no Python."""
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    head = importlib.util.MAGIC_NUMBER + UNCHECKED + importlib.util.source_hash(source)
    return head + marshal.dumps(code, MARSHAL)


def main() -> None:
    """Compile what is listed. What is no Python (templates, code for other versions) is left out."""
    for line in sys.stdin.buffer:
        source, name, target = os.fsdecode(line.rstrip(b"\n")).split("\0")
        with open(source, "rb") as file:  # noqa: PTH123 - quick to start: nothing more is imported
            text = file.read()
        try:
            made = bytecode(text, name)
        except (SyntaxError, ValueError):
            continue
        with open(target, "wb") as file:  # noqa: PTH123
            file.write(made)


if __name__ == "__main__":
    main()
