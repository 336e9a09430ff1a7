"""Writing files so that a reader never meets half of one, and the manifest beside what a stage wrote."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


@contextmanager
def staged(path: Path | str) -> Iterator[Path]:
    """Yield a sibling path to write to; move it to `path` when the block ends well, else delete it.

    An interrupt, a full disk or an error leaves `path` as it was before.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8 with `\\n` line ends, atomically."""
    with staged(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def sha256_file(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes, as hex."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def package_versions(*names: str) -> dict[str, str]:
    """Return the installed version of each named distribution, leaving out those that are absent."""
    found: dict[str, str] = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_commit() -> str:
    """Return the commit (`+changes` appended when tracked files differ), or '' outside a checkout."""
    try:
        head = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "-uno")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{head}+changes" if changed else head


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()


def write_manifest(
    directory: Path, inputs: Mapping[str, Path], config: Mapping[str, Any], **facts: Any
) -> None:
    """Write `manifest.json`: input hashes, resolved config, and the stage's own facts (counts, versions)."""
    hashes = {name: sha256_file(path) for name, path in sorted(inputs.items())}
    write_json(directory / "manifest.json", {"inputs": hashes, "config": dict(config), **facts})
