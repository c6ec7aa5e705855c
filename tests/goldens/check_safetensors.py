"""Loads a file that safetensors_test wrote, with the format's own library and with torch, and checks every value.

usage: python check_safetensors.py FILE       exit 0: all equal; 77: safetensors, numpy or torch is not installed
"""
import sys

try:
    import numpy
    import torch
    from safetensors import safe_open
    from safetensors.numpy import load_file as load_numpy
    from safetensors.torch import load_file as load_torch
except ImportError as error:
    print(error)
    sys.exit(77)

path = sys.argv[1]
arrays = load_numpy(path)
expected = {
    "bytes": numpy.arange(5, dtype=numpy.uint8),
    "encoder.0.weight": (numpy.arange(6, dtype=numpy.float32) / 7).reshape(2, 3),
    "moments": numpy.arange(4, dtype=numpy.float64) / 3,
    "step": numpy.array(1234567890123, dtype=numpy.int64),
    "seed": numpy.array([2**64 - 1], dtype=numpy.uint64),
    "none": numpy.zeros((0, 3), dtype=numpy.float32),
}
assert sorted(arrays) == sorted(expected), sorted(arrays)
for name, value in expected.items():
    assert arrays[name].dtype == value.dtype and arrays[name].shape == value.shape, name
    assert numpy.array_equal(arrays[name], value), name
with safe_open(path, framework="pt") as file:
    assert file.metadata() == {"format": "pt", "quote\"d": "line\nbreak, °"}, file.metadata()
    assert file.get_tensor("encoder.0.weight").shape == (2, 3)

linear = torch.nn.Linear(3, 2, bias=False)
linear.load_state_dict({"weight": load_torch(path)["encoder.0.weight"]})
assert torch.equal(linear.weight, torch.arange(6, dtype=torch.float32).reshape(2, 3) / 7)
