"""Turns a PyTorch checkpoint of plain tensors into a safetensors file, with the standard library only.

Reads the format of PyTorch before 1.6: five pickles, then the storages. A pickle can call anything, so only what a
dictionary of tensors needs is let through; everything else is refused before it runs.
"""

import array
import collections
import io
import json
import pickle
import struct

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
# Storage class, safetensors' name of the type, bytes of a value.
TYPES = {"FloatStorage": ("F32", 4), "LongStorage": ("I64", 8)}


class Refused(Exception):
    """The file holds something other than tensors."""


class Tensor:
    def __init__(self, storage: tuple, offset: int, shape: tuple, stride: tuple) -> None:
        self.storage, self.offset, self.shape, self.stride = storage, offset, tuple(shape), tuple(stride)


def rebuild(storage, offset, shape, stride, *_ignored) -> Tensor:
    return Tensor(storage, offset, shape, stride)


class TensorUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return rebuild
        if module == "torch" and name in TYPES:
            return name
        raise Refused(f"the file asks for {module}.{name}")

    def persistent_load(self, pid):
        kind, storage_type, key, _device, count, *_view = pid
        if kind != "storage" or storage_type not in TYPES:
            raise Refused(f"the file asks for {pid!r}")
        return (storage_type, key, count)


def read(data: bytes) -> dict[str, tuple[str, tuple, bytes]]:
    """Name to type, shape and little-endian bytes, for each tensor of the checkpoint."""
    stream = io.BytesIO(data)
    if TensorUnpickler(stream).load() != MAGIC or TensorUnpickler(stream).load() != PROTOCOL:
        raise Refused("not a checkpoint of this format")
    system = TensorUnpickler(stream).load()
    if not system.get("little_endian"):
        raise Refused("a big-endian checkpoint")
    tensors = TensorUnpickler(stream).load()
    keys = TensorUnpickler(stream).load()
    sizes = {tensor.storage[1]: TYPES[tensor.storage[0]][1] for tensor in tensors.values()}
    storages = {}
    for key in keys:
        (count,) = struct.unpack("<q", stream.read(8))
        storages[key] = stream.read(count * sizes[key])
    found = {}
    for name, tensor in tensors.items():
        kind, size = TYPES[tensor.storage[0]]
        values = storages[tensor.storage[1]]
        reach = tensor.offset + sum((side - 1) * step for side, step in zip(tensor.shape, tensor.stride)) + 1
        if min(tensor.shape, default=1) < 1 or min(tensor.stride, default=0) < 0 or reach * size > len(values):
            raise Refused(f"{name} goes past its storage")
        places = [tensor.offset]
        for side, step in zip(tensor.shape, tensor.stride):
            places = [place + step * index for place in places for index in range(side)]
        words = array.array("I" if size == 4 else "Q", values)
        found[name] = (kind, tensor.shape, array.array(words.typecode, map(words.__getitem__, places)).tobytes())
    return found


def safetensors(tensors: dict[str, tuple[str, tuple, bytes]]) -> bytes:
    """A safetensors file of these tensors, in their order."""
    header, at = {}, 0
    for name, (kind, shape, values) in tensors.items():
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [at, at + len(values)]}
        at += len(values)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(values for _, _, values in tensors.values())


def convert(data: bytes) -> bytes:
    """The checkpoint's f32 tensors as a safetensors file; counters of training steps are left out."""
    return safetensors({name: tensor for name, tensor in read(data).items() if tensor[0] == "F32"})
