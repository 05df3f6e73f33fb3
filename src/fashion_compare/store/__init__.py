"""Files that survive a crash: atomic writes, arrays without pickle, run directories."""

from fashion_compare.store.arrays import load_arrays, load_npz, save_arrays
from fashion_compare.store.files import (
    DiskError,
    check_file,
    make_directory,
    read_bytes,
    read_json,
    to_json,
    write_atomically,
    write_bytes,
    write_json,
    write_text,
)
from fashion_compare.store.path_safety import refuse_links_out
from fashion_compare.store.run_directory import RunDirectory, identity_hash

__all__ = [
    "DiskError",
    "RunDirectory",
    "check_file",
    "identity_hash",
    "load_arrays",
    "load_npz",
    "make_directory",
    "read_bytes",
    "read_json",
    "refuse_links_out",
    "save_arrays",
    "to_json",
    "write_atomically",
    "write_bytes",
    "write_json",
    "write_text",
]
