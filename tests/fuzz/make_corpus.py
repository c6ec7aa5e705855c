#!/usr/bin/env python3
"""Writes corpus/ beside this script: small files that the readers read, and files that one of them once failed on (each
has its test in tests/host/). What PIL and NumPy have made is copied from ../goldens/own_images."""
import gzip
import json
import pathlib
import struct
import zlib

CORPUS = pathlib.Path(__file__).parent / "corpus"
OWN_IMAGES = pathlib.Path(__file__).parent.parent / "goldens" / "own_images"


def write(name, data):
    path = CORPUS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def idx(*shape):
    count = 1
    for extent in shape:
        count *= extent
    return struct.pack(f">{len(shape) + 1}I", 0x800 + len(shape), *shape) + bytes(i * 37 % 256 for i in range(count))


def packed(data):
    return gzip.compress(data, mtime=0)


def npy(kind, values, shape):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + values


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, *more, interlace=0, filters=(0,), rows=None):
    """Of some pattern, unless `rows` says which; `more` is the chunks before the pixels. Only one pixel interlaces."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = bytes(x % 5 for x in range((width * channels * depth + 7) // 8))
    rows = rows or b"".join(bytes([filters[y % len(filters)]]) + row for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", width, height, depth, colour, 0, 0, interlace)) +
            b"".join(more) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def palette(colours):
    return chunk(b"PLTE", bytes(range(3 * colours)))


def element(kind, data):
    return struct.pack("<2I", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(name, kind, shape, number, data):
    """A variable of a MATLAB file: flags, shape, name, values."""
    return element(14, element(6, struct.pack("<2I", kind, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape)) +
                   element(1, name) + element(number, data))


def matlab(*variables, compress=False):
    if compress:
        variables = [struct.pack("<2I", 15, len(z)) + z for z in map(zlib.compress, variables)]
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x100) + b"IM" + b"".join(variables)


def safetensors(header, data):
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


write("idx/images", idx(3, 4, 5))
write("idx/colour", idx(2, 4, 4, 3))
write("idx/labels", idx(7))
write("idx/images.gz", packed(idx(3, 4, 5)))

write("gzip/empty.gz", packed(b""))
write("gzip/one.gz", packed(b"warp " * 60))
write("gzip/two.gz", packed(b"one ") + packed(b"two"))
write("gzip/padded.gz", packed(b"one ") + bytes(20))

write("amat/two", b"0 0.5 1 0.25 1e-1 0 7\n1 1 1 1 1 1 0\n")
write("amat/blanks", b"\n 0\t0 0 0 0 0   3 \r\n\n")

X, y = matrix(b"X", 9, (2, 3, 1, 2), 2, bytes(range(12))), matrix(b"y", 6, (2, 1), 9, struct.pack("<2d", 1, 10))
write("matlab/plain.mat", matlab(X, y))
write("matlab/compressed.mat", matlab(X, y, compress=True))
write("matlab/other.mat", matlab(matrix(b"z", 7, (1, 2), 7, struct.pack("<2f", 1, 2)), X))
long_name = X.replace(element(1, b"X"), struct.pack("<2I", 1, 0x20202001))
write("matlab/long_name.mat", matlab(long_name))
write("matlab/long_name_compressed.mat", matlab(long_name, compress=True))

for name, array in {
    "float": npy("<f4", struct.pack("<6f", *range(6)), "(2, 3)"), "double": npy("<f8", struct.pack("<2d", 1, 2), "(2,)"),
    "bytes": npy("|u1", b"", "(0, 4)"), "scalar": npy("<f4", struct.pack("<f", 1), "()"),
    "overflow": npy("|u1", b"x", "(18446744073709551617,)"),
}.items():
    write(f"npy/{name}.npy", array)
    write(f"npy_images/{name}.npy", array)
write("npy_images/one_extent.npy", npy("|u1", b"xy", "(2,)"))

for name, picture in {
    "grey1": png(9, 3, 1, 0), "grey8": png(5, 4, 8, 0, filters=(0, 1, 2, 3, 4)), "grey16": png(3, 3, 16, 0),
    "rgb8": png(4, 3, 8, 2, chunk(b"tRNS", bytes(6)), filters=(4, 3)), "rgb16": png(2, 2, 16, 2),
    "palette4": png(6, 2, 4, 3, palette(16)), "palette8": png(4, 4, 8, 3, palette(5), chunk(b"tRNS", b"\0\x80")),
    "grey_alpha": png(3, 3, 8, 4), "rgba": png(3, 5, 8, 6, filters=(1, 4)), "rgba16": png(2, 2, 16, 6),
    "interlaced": png(1, 1, 8, 2, interlace=1), "no_such_colour": png(5, 4, 8, 3, palette(4)),
    "unknown_chunk": png(2, 2, 8, 0, chunk(b"A\nBC", b"")), "depth": png(2, 2, 159, 3, palette(1)),
    "hardly_any_data": png(8000, 8000, 8, 6, rows=b"\0"),
}.items():
    write(f"png/{name}.png", picture)
    if name in ("grey8", "rgba"):
        write(f"user_images/{name}.png", picture)
for name in ("grey.pgm", "grey.jpg", "progressive.jpg", "turned6.jpg", "cmyk.jpg", "palette.png", "interlaced.png"):
    write(f"picture/{name}", (OWN_IMAGES / name).read_bytes())
for name in ("stored.npz", "packed.npz", "other.npz", "pickled.npz", "bomb.npz"):
    write(f"npz/{name}", (OWN_IMAGES / name).read_bytes())
write("csv/header.csv", b'label,a,b,c,d,e,f\nx,0,1,2,3,4,5\n"y, z",255,1,2,3,4,5\n')
write("csv/fractions.csv", b"0,0.5,1,0,0,1\n")

write("user_images/idx", idx(2, 5, 3))
write("user_images/colour", idx(2, 5, 3, 3))
write("user_images/idx.gz", packed(idx(2, 28, 28)))
write("user_images/many.gz", packed(idx(100000, 1, 1)))

tensor = {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]}
write("safetensors/two", safetensors({"__metadata__": {"step": "3"}, "a.weight": tensor,
                                      "b": {"dtype": "U8", "shape": [], "data_offsets": [8, 9]}}, bytes(9)))
write("safetensors/empty", safetensors({}, b""))
deep = json.dumps({"a": {**tensor, "dtype": None}}).replace("null", 4000 * "[" + 4000 * "]").encode()
write("safetensors/deep", struct.pack("<Q", len(deep)) + deep + bytes(8))
write("safetensors/all_types", safetensors({kind: {"dtype": kind, "shape": [1], "data_offsets": [8 * i, 8 * i + 8]}
                                            for i, kind in enumerate(("F64", "I64", "U64"))}, bytes(24)))

write("metrics/run", b'{"epoch":1,"replica":"a","loss":0.5}\n{"epoch":4,"replica":"b","loss":null}\n{"epoch":5}\n')
write("metrics/deep", b'{"a":' + 4000 * b"[" + 4000 * b"]" + b',"epoch":1}\n')
write("metrics/torn", b'{"epoch":1,"replica":"a"}\n{"epoch":2,"rep')

write("config/run", b'''# Every setting of this run: --config FILE runs it again.
dataset = "mnist"
data = "/a folder/with 'quotes', \\"quotes\\", #, \\t and \\u00e9"
latents = [10, 20]
learning-rate = 1e-3
quick = true
alphas = [-inf, nan, 0x1f, 1_000]

[provenance]
commit = 'abc'
''')
write("config/mark", b"\xef\xbb\xbfepochs = 3\r\n")
write("config/dates", b"day = 2026-11-26\ntime = 07:32:00Z\n[[list]]\na.b.c = {d = [[1], [2]]}\n")
