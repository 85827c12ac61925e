"""Kernel modules: all that are needed, in an order that works, and none else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from coterie.errors import CoterieError
from coterie.tee.image.modules import modules_of
from tests.tee.image.kernel import kernel, module


def test_each_comes_behind_what_it_needs(tmp_path: Path) -> None:
    found = modules_of(kernel(tmp_path))
    names = [name for name, _ in found]
    assert names == [
        *("virtio_blk", "dm_mod", "reed_solomon", "dm_verity", "crc32c_x", "erofs"),
        *("configfs", "tsm", "sev_guest"),
    ]
    assert dict(found)["dm_verity"].endswith(b"name=dm_verity\0")


def test_an_older_kernel_without_evidence_will_do(tmp_path: Path) -> None:
    folder = kernel(tmp_path)
    for name in ("tsm", "sev-guest"):
        (folder / f"kernel/drivers/virt/{name}.ko").unlink()
    assert [name for name, _ in modules_of(folder)][-1] == "configfs"


def _cut(folder: Path) -> None:
    path = folder / "kernel/drivers/md/dm-verity.ko.xz"
    path.write_bytes(path.read_bytes()[:40])


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "modules.builtin").unlink(),
        lambda folder: (folder / "kernel/drivers/block/virtio_blk.ko").unlink(),
        lambda folder: (folder / "kernel/lib/reed_solomon.ko").unlink(),
        lambda folder: (folder / "kernel/fs/erofs/erofs.ko").write_bytes(b"no module"),
        lambda folder: (folder / "kernel/fs/configfs.ko.gz").write_bytes(b"not packed"),
        _cut,
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, change: Callable[[Path], object]) -> None:
    folder = kernel(tmp_path)
    change(folder)
    with pytest.raises(CoterieError) as caught:
        modules_of(folder)
    assert caught.value.code == "CT-2302"


def test_modules_that_need_each_other_do_not_hang(tmp_path: Path) -> None:
    folder = kernel(tmp_path)
    (folder / "kernel/lib/reed_solomon.ko").write_bytes(module("depends=dm-verity"))
    with pytest.raises(CoterieError) as caught:
        modules_of(folder)
    assert caught.value.code == "CT-2302"


def test_a_module_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coterie.tee.image.modules._LARGEST", 20)
    with pytest.raises(CoterieError) as caught:
        modules_of(kernel(tmp_path))
    assert caught.value.code == "CT-2302"
    assert "larger" in caught.value.detail
