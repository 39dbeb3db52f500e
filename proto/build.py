"""Builds the Python stubs of the contracts into proto/gen, with the descriptor set that `buf` judges.

Nothing third-party is vendored: google/* comes from installed packages, and buf/validate from the descriptor that the
protovalidate package carries.
"""

import hashlib
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.type import money_pb2
from grpc_tools import protoc
from protovalidate._gen.buf.validate import validate_pb

ROOT = Path(__file__).parent
GEN = ROOT / "gen"
STAMP = GEN / ".stamp"
# Every third-party file our contracts import, dependencies first.
IMPORTED = (descriptor_pb2, duration_pb2, timestamp_pb2, field_mask_pb2, any_pb2, empty_pb2, money_pb2, wrappers_pb2)


def main() -> int:
    """Build unless nothing changed since the last build. Returns an exit code."""
    sources = sorted((ROOT / "aisle").rglob("*.proto"))
    fingerprint = _fingerprint(sources)
    if STAMP.exists() and STAMP.read_text() == fingerprint:
        return 0
    shutil.rmtree(GEN, ignore_errors=True)
    GEN.mkdir()
    imports = GEN / "imports.binpb"
    imports.write_bytes(_imported_descriptors())
    if protoc.main(_arguments(imports, sources)) != 0:
        sys.stderr.write("protoc refused the contracts; its reasons stand above.\n")
        return 1
    for folder in {path.parent for path in GEN.rglob("*_pb2.py")} | {GEN / "aisle", GEN / "buf"}:
        for package in (folder, folder.parent):
            if package != GEN:
                (package / "__init__.py").touch()
    STAMP.write_text(fingerprint)
    return 0


def _fingerprint(sources: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in [Path(__file__), *sources]:
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    for package in ("grpcio-tools", "protobuf", "protovalidate", "mypy-protobuf"):
        digest.update(version(package).encode())
    return digest.hexdigest()


def _imported_descriptors() -> bytes:
    """Return everything our contracts import as one serialized FileDescriptorSet."""
    bundle = descriptor_pb2.FileDescriptorSet()
    for module in IMPORTED:
        module.DESCRIPTOR.CopyToProto(bundle.file.add())
    bundle.file.add().ParseFromString(validate_pb.desc().proto.to_binary())
    return bundle.SerializeToString()


def _arguments(imports: Path, sources: list[Path]) -> list[str]:
    plugins = Path(sys.executable).parent
    return [
        "protoc",
        f"--descriptor_set_in={imports}",
        f"--proto_path={ROOT}",
        f"--plugin=protoc-gen-mypy={plugins / 'protoc-gen-mypy'}",
        "--include_imports",
        "--include_source_info",
        f"--descriptor_set_out={GEN / 'contracts.binpb'}",
        f"--python_out={GEN}",
        f"--grpc_python_out={GEN}",
        f"--mypy_out=quiet:{GEN}",
        "buf/validate/validate.proto",
        *[str(path.relative_to(ROOT)) for path in sources],
    ]


if __name__ == "__main__":
    sys.exit(main())
