"""Packs a wheel: wheel.py WHEEL CONTENTS PACKAGE LAUNCHER LEVEL. Files are in the order of their names, and of one time."""

import base64
import hashlib
import os
import sys
import time
import zipfile
from pathlib import Path

wheel, contents, package, launcher = (Path(argument) for argument in sys.argv[1:5])
level = int(sys.argv[5])
if level > 9:
    # libdeflate's levels go on where zlib's end. `zipfile` has no public way to use another compressor.
    import deflate

    class Libdeflate:
        def __init__(self, *_: object) -> None:
            self.data = b""

        def compress(self, data: bytes) -> bytes:
            self.data += data
            return b""

        def flush(self) -> bytes:
            return bytes(deflate.deflate_compress(self.data, level))

    zipfile._get_compressor = Libdeflate
name, version, interpreter, abi, platform = wheel.name.removesuffix(".whl").split("-")
moment = time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"]))[:6]
info, scripts = f"{name}-{version}.dist-info", f"{name}-{version}.data/scripts"

METADATA = f"""\
Metadata-Version: 2.4
Name: {name}
Version: {version}
Summary: Dataset pipelines whose steps are WebAssembly components, each in its own sandbox
License-Expression: Apache-2.0
License-File: LICENSE
License-File: LICENCES.txt
Requires-Python: >=3.10
Description-Content-Type: text/markdown

"""
WHEEL = f"""\
Wheel-Version: 1.0
Generator: callboard
Root-Is-Purelib: false
Tag: {interpreter}-{abi}-{platform}
"""

files: dict[str, tuple[bytes, int]] = {}
for path in sorted(package.rglob("*")):
    if path.is_file() and "__pycache__" not in path.parts:
        files[f"{package.name}/{path.relative_to(package).as_posix()}"] = (path.read_bytes(), 0o644)
files[f"{scripts}/callboard"] = (launcher.read_bytes(), 0o755)
files[f"{info}/METADATA"] = (METADATA.encode() + (contents / "README.md").read_bytes(), 0o644)
files[f"{info}/WHEEL"] = (WHEEL.encode(), 0o644)
for text in ["LICENSE", "LICENCES.txt"]:
    files[f"{info}/licenses/{text}"] = ((contents / text).read_bytes(), 0o644)

record = ""
with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=min(level, 9)) as archive:
    for path, (data, mode) in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(data)}\n"
    files[f"{info}/RECORD"] = (f"{record}{info}/RECORD,,\n".encode(), 0o644)
    for path, (data, mode) in files.items():
        entry = zipfile.ZipInfo(path, moment)
        entry.external_attr = (0o100000 | mode) << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, data)
