"""Download a public corpus that the importers read, from where its authors publish it, and check it.

    python data/download.py dse                       # writes corpora/dse/train.txt and corpora/dse/valid.txt
    python data/download.py newsmtsc --to elsewhere

`data/sources.yaml` names the corpora, their terms and files. A file appears when it is complete and its
SHA-256 is right, or not at all; files that are there are not fetched again, so after a failure the same
command goes on. Some corpora are to be fetched by hand: it says how. Seconds to a minute. Needs httpx2
(`partystance[llm]`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

import httpx2
import typer
from pydantic import Field, field_validator, model_validator
from tqdm import tqdm

from partystance.configs import StrictModel, load_config
from partystance.console import readable_errors
from partystance.errors import PartystanceError, did_you_mean
from partystance.files import sha256_file, staged
from partystance.labels.corpora import Format

SOURCES = Path(__file__).with_name("sources.yaml")
TIMEOUT = 30
"""Seconds without a sign of life from a server."""


class SourceFile(StrictModel):
    """A file (or folder) of a corpus."""

    path: str = Field(description="in the corpus's folder")
    url: str = Field(default="", description="where it is; empty: fetched by hand")
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$", description="empty: not known")

    @field_validator("path")
    @classmethod
    def _inside(cls, path: str) -> str:
        parts = PurePosixPath(path)
        if parts.is_absolute() or ".." in parts.parts or not parts.parts:
            raise ValueError("a path inside the corpus's folder is needed")
        return path


class SourceCorpus(StrictModel):
    """A corpus of `data/sources.yaml`."""

    title: str
    format: Format
    homepage: str
    licence: str
    citation: str
    task: str
    download: Literal["allowed", "by_hand"]
    reason: str = Field(default="", description="why it is to be fetched by hand")
    files: tuple[SourceFile, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.download == "allowed" and not all(file.url for file in self.files):
            raise ValueError("download: allowed needs the 'url' of every file")
        if self.download == "by_hand" and not self.reason:
            raise ValueError("download: by_hand needs a 'reason'")
        return self


class Sources(StrictModel):
    """The contents of `data/sources.yaml`, by the name that `download.py` takes."""

    corpora: dict[str, SourceCorpus]


def main(
    name: Annotated[str, typer.Argument(help="a corpus of data/sources.yaml, e.g. dse")],
    to: Annotated[Path, typer.Option(help="the folder of corpora; files go into its folder NAME")] = Path(
        "corpora"
    ),
    sources: Annotated[
        Path, typer.Option(help="another list of corpora", show_default="data/sources.yaml")
    ] = SOURCES,
) -> None:
    """Download a corpus and check it against its published SHA-256.

    Example:

        python data/download.py dse --to corpora
    """
    with readable_errors(after_interrupt="complete files are kept; the same command goes on"):
        known = load_config(Sources, sources).corpora
        if name not in known:
            raise PartystanceError(f"unknown corpus {name!r}{did_you_mean(name, list(known))}")
        corpus, folder = known[name], to / name
        if corpus.download == "by_hand":
            raise PartystanceError(by_hand(corpus, folder))
        for file in corpus.files:
            print(obtain(file, folder / file.path))
        print(f"licence: {corpus.licence}\ncite: {corpus.citation}")


def by_hand(corpus: SourceCorpus, folder: Path) -> str:
    """What somebody has to do who wants a corpus that this script does not fetch."""
    files = ", ".join(file.path for file in corpus.files)
    return (
        f"{corpus.title} is to be downloaded by hand: {corpus.reason}\n"
        f"  licence  {corpus.licence}\n"
        f"  get it   {corpus.homepage}\n"
        f"  then     put into {folder}: {files}"
    )


def obtain(file: SourceFile, target: Path) -> str:
    """Download a file unless it is there, and say in a line what is there now.

    Raises:
        PartystanceError: it cannot be fetched, or is not what was published; nothing is kept of it.
    """
    if target.exists() and file.sha256 in ("", sha256_file(target)):
        return f"{target}: already there, {'as published' if file.sha256 else 'not verified'}"
    found = fetch(file, target)
    if file.sha256:
        return f"{target}: sha256 as published"
    return f"{target}: not verified, for no checksum of it is known; what came has sha256 {found}"


def fetch(file: SourceFile, target: Path) -> str:
    """Download a file atomically and return its SHA-256. Raises as `obtain`."""
    digest = sha256()
    with staged(target) as temporary:
        with readable_failure(file.url), temporary.open("wb") as out:
            for chunk in chunks(file.url, target.name):
                digest.update(chunk)
                out.write(chunk)
        if file.sha256 and digest.hexdigest() != file.sha256:
            raise PartystanceError(
                f"{file.url}: not what was published: sha256 {digest.hexdigest()}, expected {file.sha256}; "
                "what came was removed. Try again; if it stays so, the file was changed at its source"
            )
    return digest.hexdigest()


def chunks(url: str, name: str) -> Iterator[bytes]:
    """Yield the body of a response piece by piece, with a progress bar on a terminal."""
    plain = {"Accept-Encoding": "identity"}  # else the bar would count compressed bytes
    with httpx2.stream("GET", url, headers=plain, follow_redirects=True, timeout=TIMEOUT) as response:
        response.raise_for_status()
        total = int(response.headers.get("Content-Length", 0)) or None
        with tqdm(total=total, unit="B", unit_scale=True, desc=name, disable=None) as bar:
            for chunk in response.iter_bytes():
                bar.update(len(chunk))
                yield chunk


@contextmanager
def readable_failure(url: str) -> Iterator[None]:
    """Turn what goes wrong on the way into an error that names the address and says what to do."""
    try:
        yield
    except httpx2.HTTPStatusError as error:
        status = f"{error.response.status_code} {error.response.reason_phrase}"
        raise PartystanceError(f"{url}: the server says {status}; is it still published there?") from None
    except (httpx2.RequestError, httpx2.InvalidURL) as error:
        said = str(error) or type(error).__name__
        raise PartystanceError(
            f"{url}: {said}; nothing was kept of it. Check the network and run the same command again"
        ) from None


if __name__ == "__main__":
    typer.run(main)
