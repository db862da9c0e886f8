"""What `torch_file` lets through: `python3 -m unittest discover tools`."""

import collections
import io
import json
import pickle
import struct
import unittest

import torch_file


class Storage:
    def __init__(self, key: str, count: int) -> None:
        self.key, self.count = key, count


class Call:
    """Pickles as a call of a global by name."""

    def __init__(self, module: str, name: str, arguments: tuple) -> None:
        self.module, self.name, self.arguments = module, name, arguments


class Writer(pickle._Pickler):  # the Python one: its `save_global` can be told what to write
    dispatch = pickle._Pickler.dispatch.copy()

    def persistent_id(self, value):
        if isinstance(value, Storage):
            return ("storage", Global("torch", "FloatStorage"), value.key, "cpu", value.count, None)
        return None

    def save_call(self, call):
        self.save(Global(call.module, call.name))
        self.save(call.arguments)
        self.write(pickle.REDUCE)

    def save_named(self, value):
        self.write(pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode())

    dispatch[Call] = save_call


class Global:
    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


Writer.dispatch[Global] = Writer.save_named


def dumped(value) -> bytes:
    stream = io.BytesIO()
    Writer(stream, 2).dump(value)
    return stream.getvalue()


def checkpoint(state) -> bytes:
    head = [torch_file.MAGIC, torch_file.PROTOCOL, {"little_endian": True}]
    storage = struct.pack("<q", 6) + struct.pack("<6f", *range(6))
    return b"".join(map(dumped, [*head, state, ["a"]])) + storage


class TorchFile(unittest.TestCase):
    def test_a_tensor_keeps_its_name_shape_and_values(self):
        tensor = Call("torch._utils", "_rebuild_tensor_v2", (Storage("a", 6), 2, (2, 2), (2, 1), False, {}))
        data = torch_file.convert(checkpoint({"w": tensor}))
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + length])
        self.assertEqual(header["w"]["shape"], [2, 2])
        self.assertEqual(header["w"]["dtype"], "F32")
        self.assertEqual(struct.unpack("<4f", data[8 + length :]), (2.0, 3.0, 4.0, 5.0))

    def test_a_transposed_tensor_is_written_row_by_row(self):
        tensor = Call("torch._utils", "_rebuild_tensor_v2", (Storage("a", 6), 0, (3, 2), (1, 3), False, {}))
        data = torch_file.convert(checkpoint({"w": tensor}))
        self.assertEqual(struct.unpack("<6f", data[-24:]), (0.0, 3.0, 1.0, 4.0, 2.0, 5.0))

    def test_a_call_of_anything_else_is_refused(self):
        for module, name in [("os", "system"), ("builtins", "eval"), ("torch", "load")]:
            with self.assertRaises(torch_file.Refused):
                torch_file.read(checkpoint({"w": Call(module, name, ("true",))}))

    def test_another_file_is_refused(self):
        with self.assertRaises((torch_file.Refused, pickle.UnpicklingError, EOFError)):
            torch_file.read(pickle.dumps(collections.OrderedDict()) * 5)

    def test_a_tensor_past_its_storage_is_refused(self):
        tensor = Call("torch._utils", "_rebuild_tensor_v2", (Storage("a", 6), 4, (2, 2), (2, 1), False, {}))
        with self.assertRaises(torch_file.Refused):
            torch_file.read(checkpoint({"w": tensor}))


if __name__ == "__main__":
    unittest.main()
