#!/usr/bin/env python3
"""Writes the pictures and arrays beside this script with PIL and NumPy: a file of every kind that is read, and some that
are refused. Their corners are grey 0, 85, 170 and 255, clockwise from the top left."""
import pathlib
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
grey = np.zeros((16, 24), np.uint8)
grey[:8, 12:], grey[8:, 12:], grey[8:, :12] = 85, 170, 255
picture = Image.fromarray(grey)
colour = Image.fromarray(np.stack([grey, 255 - grey, grey // 2], 2))

picture.save(HERE / "grey.png")
picture.save(HERE / "grey.jpg", quality=95)
picture.save(HERE / "progressive.jpg", quality=95, progressive=True)
picture.save(HERE / "grey.pgm")
picture.convert("RGB").quantize(4).save(HERE / "palette.png")
Image.fromarray(grey.astype(np.uint16) * 257).save(HERE / "sixteen.png")
colour.save(HERE / "colour.jpg", quality=100, subsampling=0)
colour.save(HERE / "colour.ppm")
picture.convert("CMYK").save(HERE / "cmyk.jpg")
picture.save(HERE / "animated.png", save_all=True, append_images=[Image.fromarray(255 - grey)])

# As the camera held it: stored so that orientation k turns it upright.
stored = {1: grey, 2: grey[:, ::-1], 3: grey[::-1, ::-1], 4: grey[::-1], 5: grey.T, 6: np.rot90(grey), 7: grey[::-1, ::-1].T,
          8: np.rot90(grey, -1)}
for orientation, pixels in stored.items():
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(pixels)).save(HERE / f"turned{orientation}.jpg", quality=95, exif=exif)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


# Adam7, which PIL does not write.
rows = b""
for y0, x0, dy, dx in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)):
    rows += b"".join(b"\0" + row.tobytes() for row in grey[y0::dy, x0::dx])
(HERE / "interlaced.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", 24, 16, 8, 0, 0, 0, 1)) +
                                      chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))

images = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 2, 3)
labels = np.array([8, 3, 8, 8])
parts = dict(x_train=images[:3], y_train=labels[:3], x_test=images[3:], y_test=labels[3:])
np.savez(HERE / "stored.npz", **parts)
np.savez_compressed(HERE / "packed.npz", **parts)
np.savez(HERE / "other.npz", mine=images, twice=images)
np.savez(HERE / "pickled.npz", images=np.array([{}, {}], dtype=object))

# Says that a thousand bytes unpack to four gigabytes.
with zipfile.ZipFile(HERE / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("images.npy", bytes(1000))
bomb = (HERE / "bomb.npz").read_bytes()
(HERE / "bomb.npz").write_bytes(bomb.replace(struct.pack("<I", 1000), struct.pack("<I", 0xfffffff0)))
