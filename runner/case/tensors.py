"""Reads named tensors from a file that was dumped elsewhere: `.safetensors` or `.npz`, never a pickle."""

import hashlib
import math
import stat
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial, wraps
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from runner.errors import UserError, reason

MOST_FILES = 1024
BLOCK = 2**20
T = TypeVar("T")


@dataclass(frozen=True)
class Header:
    """What a file says about a tensor: its size, and its dtype as it is typed in a configuration."""

    shape: tuple[int, ...]
    dtype: str


def state(file: str) -> tuple[int, ...]:
    """Return what changes with a file's content: its place on the disk, size and times.

    Raises UserError for what is no file, a pipe among them, which would be waited for.
    """
    try:
        found = Path(file).stat()
    except OSError as error:
        raise UserError(f"inputs.file={file}: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"inputs.file={file}: is no regular file")
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _once(read: Callable[[str], T]) -> Callable[[str], T]:
    """Keep what was read from a file for as long as the file stays as it is: a sweep asks at every point."""
    kept = lru_cache(MOST_FILES)(lambda file, _: read(file))
    return wraps(read)(lambda file: kept(file, state(file)))


@_once
def headers(file: str) -> Mapping[str, Header]:
    """Return what tensors a file has, by name, without keeping their numbers.

    Raises UserError for a file that is missing, damaged, or not of the format that its name says.
    """
    with _readable(file) as read:
        return read.headers(file)


def load(file: str) -> dict[str, Tensor]:
    """Return the tensors of a file, by name, on the CPU. Raises UserError as `headers` does."""
    state(file)
    with _readable(file) as read:
        return read.load(file)


@_once
def digest(file: str) -> str:
    """Return a short hash of a file's content."""
    with Path(file).open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]


@dataclass(frozen=True)
class Format:
    """How a kind of file is read."""

    headers: Callable[[str], dict[str, Header]]
    load: Callable[[str], dict[str, Tensor]]


@contextmanager
def _readable(file: str) -> Iterator[Format]:
    """Choose the format by the file's name; word what goes wrong while it is read."""
    suffix = Path(file).suffix
    if suffix not in FORMATS:
        raise UserError(
            f"inputs.file={file}: must end in {' or '.join(FORMATS)}; other formats, pickles among them, "
            "are not read"
        )
    try:
        yield FORMATS[suffix]
    except OSError as error:
        raise UserError(f"inputs.file={file}: {error.strerror or error}") from error
    except UserError:
        raise
    except Exception as error:  # a damaged file may make its reader raise anything
        raise UserError(f"inputs.file={file}: is not a whole {suffix} file: {reason(error)}") from error


SAFETENSORS_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip


def _safetensors_headers(file: str) -> dict[str, Header]:
    with _opened(file) as content:
        return {name: _header(content.get_slice(name)) for name in content.keys()}  # noqa: SIM118


def _header(tensor: Any) -> Header:
    dtype = tensor.get_dtype()
    return Header(tuple(tensor.get_shape()), SAFETENSORS_DTYPES.get(dtype, dtype))


def _safetensors_load(file: str) -> dict[str, Tensor]:
    with _opened(file) as content:
        return {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118


@contextmanager
def _opened(file: str) -> Iterator[Any]:
    Path(file).open("rb").close()  # an OSError with its reason, where safetensors has words of its own
    with safe_open(file, framework="pt") as content:
        yield content


def _npz_headers(file: str) -> dict[str, Header]:
    return _each(file, _npy_header)


def _npz_load(file: str) -> dict[str, Tensor]:
    return _each(file, _npy_tensor)


def _each(file: str, read: Callable[[IO[bytes]], T]) -> dict[str, T]:
    """Read every array of an archive, and leave nothing open, whatever is raised on the way."""
    found = {}
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            with _entry(archive, name, file) as content:
                found[name.removesuffix(".npy")] = read(content)
    return found


def _entry(archive: zipfile.ZipFile, name: str, file: str) -> IO[bytes]:
    try:
        return archive.open(name)
    except RuntimeError as error:  # NotImplementedError is one
        raise UserError(
            f"inputs.file={file}: {error}; what np.savez or np.savez_compressed writes is read"
        ) from error


def _npy_header(content: IO[bytes]) -> Header:
    version = np.lib.format.read_magic(content)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(content)
    if dtype.hasobject:
        raise ValueError("holds Python objects, which are pickled")
    bytes_there = sum(map(len, iter(partial(content.read, BLOCK), b"")))  # the checksum is tried at the end
    if bytes_there != dtype.itemsize * math.prod(shape):
        raise ValueError(f"has {bytes_there} bytes of numbers for a {dtype} array of shape {shape}")
    return Header(shape, str(dtype))


def _npy_tensor(content: IO[bytes]) -> Tensor:
    return torch.from_numpy(np.lib.format.read_array(content, allow_pickle=False)).contiguous()


FORMATS = {
    ".safetensors": Format(_safetensors_headers, _safetensors_load),
    ".npz": Format(_npz_headers, _npz_load),
}
