"""An archive of tensors that cannot be read is refused with one message, and is not left open."""

import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from runner.case.tensors import headers, load
from runner.errors import UserError
from tests.conftest import Run

NUMBERS = np.arange(64, dtype=np.float32)
WRITTEN_BY = "what np.savez or np.savez_compressed writes is read"
NOT_WHOLE = "is not a whole .npz file: "


def array(numbers: Any = NUMBERS) -> bytes:
    content = io.BytesIO()
    np.save(content, numbers)
    return content.getvalue()


def archive(entry: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as written:
        written.writestr("x.npy", entry)
    return content.getvalue()


def marked(offset: int, value: int) -> bytes:
    """Change a field of the entry, in both of the places where an archive keeps it."""
    content = bytearray(archive(array()))
    for place in (offset, content.index(b"PK\x01\x02") + offset + 2):
        struct.pack_into("<H", content, place, value)
    return bytes(content)


def changed(content: bytes) -> bytes:
    """Change one byte in the middle, which lies among the numbers."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


DAMAGED = {
    "checksum": (changed(archive(array())), f"{NOT_WHOLE}BadZipFile: Bad CRC-32 for file 'x.npy'"),
    "deflated": (changed(archive(array(), zipfile.ZIP_DEFLATED)), NOT_WHOLE),
    "bzip2": (changed(archive(array(), zipfile.ZIP_BZIP2)), "Invalid data stream"),
    "lzma": (changed(archive(array(), zipfile.ZIP_LZMA)), NOT_WHOLE),
    "short": (archive(array()[:-8]), f"{NOT_WHOLE}ValueError: has 248 bytes of numbers for a float32 array"),
    "text": (archive(b"7\n8\n"), f"{NOT_WHOLE}ValueError: EOF: reading magic string"),
    "encrypted": (marked(6, 1), f"File 'x.npy' is encrypted, password required for extraction; {WRITTEN_BY}"),
    "method": (marked(8, 99), f"That compression method is not supported; {WRITTEN_BY}"),
    "central": (archive(array())[:-30], f"{NOT_WHOLE}BadZipFile: File is not a zip file"),
}


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize("mode", ["", "-m ", "-m hydra/sweeper=basic "], ids=["run", "grid", "basic"])
def test_one_message(run: Run, tmp_path: Path, kind: str, mode: str) -> None:
    content, message = DAMAGED[kind]
    (tmp_path / "dump.npz").write_bytes(content)
    outcome = run(*mode.split(), "experiment=mse", "timing=off", "inputs.file=dump.npz")
    assert outcome.status == 2
    if "basic" in mode:
        assert f"inputs.file=dump.npz: {message}" in outcome.rows[0]["error"]
        return
    assert outcome.err.startswith(f"error: inputs.file=dump.npz: {message}")
    assert (outcome.err.count("\n"), outcome.folders) == (1 + bool(mode), [])


@pytest.mark.parametrize("read", [headers, load], ids=["headers", "load"])
@pytest.mark.parametrize("kind", DAMAGED)
def test_not_left_open(tmp_path: Path, read: Callable[[str], Any], kind: str) -> None:
    path = tmp_path / "dump.npz"
    path.write_bytes(DAMAGED[kind][0])
    with pytest.raises(UserError):
        read(str(path))
    assert str(path) not in [file.path for file in psutil.Process().open_files()]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_python_can_decompress_is_read(tmp_path: Path, method: int) -> None:
    path = tmp_path / "dump.npz"
    path.write_bytes(archive(array(), method))
    assert headers(str(path))["x"].shape == (64,)
    assert load(str(path))["x"].tolist() == NUMBERS.tolist()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_pipe_is_not_waited_for(run: Run, tmp_path: Path, suffix: str) -> None:
    os.mkfifo(tmp_path / f"dump{suffix}")
    outcome = run("experiment=mse", "timing=off", f"inputs.file=dump{suffix}")
    assert (outcome.status, outcome.err) == (2, f"error: inputs.file=dump{suffix}: is no regular file\n")
