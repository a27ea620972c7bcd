"""Makes odd image files and, beside each, Pillow's pixels: `python3 test/golden/pictures/make.py`, with Pillow 9.4 or later.

NAME.rgb holds Image.open(NAME).convert("RGB"), row by row, three bytes a pixel. The files that come out depend on Pillow's
version; the pixels of a given file should not.
"""

import io
import pathlib
import struct
import zlib

from PIL import Image

folder = pathlib.Path(__file__).parent


def pattern(mode, width, height):
    """Soft waves with a hard edge and some noise, the same for each run."""
    bands = len(mode) if mode != "P" else 1
    state = 12345
    data = bytearray()
    for y in range(height):
        for x in range(width):
            for c in range(bands):
                state = (state * 1103515245 + 12345) & 0x7FFFFFFF
                wave = 128 + 90 * ((x * (c + 1) // 3 + y * (3 - c)) % 40 - 20) // 20
                edge = 60 if x > width // 2 and y < height // 3 else 0
                data.append(max(0, min(255, wave - edge + (state >> 16) % 17)))
    return Image.frombytes(mode, (width, height), bytes(data))


def keep(name, data):
    (folder / name).write_bytes(data)
    image = Image.open(io.BytesIO(data))
    pixels = image.convert("RGB").tobytes()
    (folder / (name + ".rgb")).write_bytes(struct.pack("<II", *image.size) + pixels)


def saved(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def adobe(data, transform):
    """With another number of the colour transform in the Adobe segment."""
    at = data.index(b"Adobe")
    return data[: at + 11] + bytes([transform]) + data[at + 12 :]


def without_adobe(data):
    at = data.index(b"\xff\xee")
    length = struct.unpack(">H", data[at + 2 : at + 4])[0]
    return data[:at] + data[at + 2 + length :]


def restarts(across, down):
    """Images of 8 × 8 as the MCUs of one, with a restart marker between any two: Pillow 9.4 writes no such files."""
    large = pattern("CMYK", 8 * across, 8 * down)
    parts = []
    for y in range(down):
        for x in range(across):
            tile = saved(large.crop((8 * x, 8 * y, 8 * x + 8, 8 * y + 8)), "JPEG", quality=90, subsampling=0)
            start = tile.index(b"\xff\xda")
            start += 2 + struct.unpack(">H", tile[start + 2 : start + 4])[0]
            head, data = tile[:start], tile[start:-2]
            parts.append(data)
    frame = head.index(b"\xff\xc0")
    size = struct.pack(">HH", 8 * down, 8 * across)
    head = head[: frame + 5] + size + head[frame + 9 :]
    scan = head.index(b"\xff\xda")
    head = head[:scan] + b"\xff\xdd\x00\x04\x00\x01" + head[scan:]
    data = parts[0]
    for i, part in enumerate(parts[1:]):
        data += bytes([0xFF, 0xD0 + i % 8]) + part
    return head + data + b"\xff\xd9"


def jpegs():
    cmyk = pattern("CMYK", 43, 29)
    rgb = pattern("RGB", 43, 29)
    keep("cmyk.jpg", saved(cmyk, "JPEG", quality=90))
    keep("cmyk-plain.jpg", without_adobe(saved(cmyk, "JPEG", quality=90)))
    keep("cmyk-progressive.jpg", saved(cmyk, "JPEG", quality=85, progressive=True))
    keep("cmyk-halves.jpg", saved(cmyk, "JPEG", quality=90, subsampling=1))
    keep("cmyk-quarters.jpg", saved(cmyk, "JPEG", quality=70, subsampling=2, progressive=True))
    keep("cmyk-narrow.jpg", saved(pattern("CMYK", 4, 7), "JPEG", quality=90, subsampling=2))
    keep("cmyk-five.jpg", saved(pattern("CMYK", 5, 7), "JPEG", quality=90, subsampling=1))
    keep("cmyk-restarts.jpg", restarts(5, 4))
    keep("ycck.jpg", adobe(saved(cmyk, "JPEG", quality=90), 2))
    keep("ycck-quarters.jpg", adobe(saved(cmyk, "JPEG", quality=60, subsampling=2), 2))
    keep("rgb.jpg", saved(rgb, "JPEG", quality=90, subsampling=0))
    keep("rgb-halves.jpg", saved(rgb, "JPEG", quality=90, subsampling=1))
    keep("rgb-quarters.jpg", saved(rgb, "JPEG", quality=90, subsampling=2))
    keep("progressive.jpg", saved(rgb, "JPEG", quality=80, progressive=True))
    keep("grey-progressive.jpg", saved(pattern("L", 21, 35), "JPEG", quality=80, progressive=True))
    keep("one.jpg", saved(pattern("RGB", 1, 1), "JPEG"))
    keep("trailing.jpg", saved(rgb, "JPEG", quality=90) + b"what a camera left behind\xff\xd8\xff")
    exif = Image.Exif()
    exif[0x0112] = 6
    keep("exif.jpg", saved(rgb, "JPEG", quality=90, exif=exif))


def pngs():
    rgb = pattern("RGB", 43, 29)
    keep("named.JPEG", saved(rgb, "PNG"))
    keep("one.png", saved(pattern("RGB", 1, 1), "PNG"))
    keep("alpha.png", saved(pattern("RGBA", 13, 9), "PNG"))
    keep("grey-alpha.png", saved(pattern("LA", 13, 9), "PNG"))
    keep("bits.png", saved(pattern("L", 43, 29).convert("1"), "PNG"))
    palette = rgb.quantize(11)
    keep("palette.png", saved(palette, "PNG"))
    keep("palette-transparent.png", saved(palette, "PNG", transparency=3))
    keep("palette-alphas.png", saved(palette, "PNG", transparency=bytes([0, 128, 255, 7])))
    keep("sixteen-grey.png", saved(Image.frombytes("I;16", (9, 7), bytes(range(126))), "PNG"))
    keep("sixteen-rgb.png", sixteen_rgb(9, 7))
    keep("profile.png", saved(rgb, "PNG", icc_profile=b"no profile at all" * 9))
    keep("trailing.png", saved(rgb, "PNG") + b"\0\0\0\0")


def sixteen_rgb(width, height):
    """Pillow writes none."""
    rows = b"".join(
        b"\0" + b"".join(struct.pack(">H", (x * 9001 + y * 777 + c * 31 + 130) % 65536) for x in range(width) for c in range(3))
        for y in range(height)
    )

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def others():
    rgb = pattern("RGB", 43, 29)
    keep("lossy.webp", saved(rgb, "WEBP", quality=80))
    keep("lossless.webp", saved(rgb, "WEBP", lossless=True))
    keep("alpha.webp", saved(pattern("RGBA", 43, 29), "WEBP", quality=80, exact=True))
    keep("rgb.tif", saved(rgb, "TIFF"))
    keep("lzw.tif", saved(rgb, "TIFF", compression="tiff_lzw"))
    keep("deflate.tif", saved(pattern("L", 43, 29), "TIFF", compression="tiff_adobe_deflate"))
    keep("palette.tif", saved(rgb.quantize(11), "TIFF"))


jpegs()
pngs()
others()
