"""The downloader, against a server on loopback that lies, breaks off or is not there; and its list."""

import importlib.util
import io
import re
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import SHARED

from partystance.configs import load_config
from partystance.errors import InputError
from partystance.labels.corpora import Format

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "data/download.py"

spec = importlib.util.spec_from_file_location("download", RECIPE)
assert spec
assert spec.loader
recipe = importlib.util.module_from_spec(spec)
sys.modules["download"] = recipe  # pydantic looks its types up there
spec.loader.exec_module(recipe)

TRAIN = b"[Norland] thanked [Sudland].\tNorland\tSudland\t1\n" * 20_000
VALID = "Озёрный край".encode()


@dataclass
class Server:
    """What it serves by path; of a path in `cut` only half arrives, once."""

    url: str = ""
    bodies: dict[str, bytes] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    asked: Counter[str] = field(default_factory=Counter)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    state = Server(bodies={"/train.txt": TRAIN, "/valid.txt": VALID})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked[self.path] += 1
            body = state.bodies.get(self.path)
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.path in state.cut:
                state.cut.remove(self.path)
                body = body[: len(body) // 2]
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        state.url = f"http://127.0.0.1:{http.server_address[1]}"
        yield state
        http.shutdown()
        thread.join()


def sources(folder: Path, url: str, **changes: Any) -> Path:
    """A list with one invented corpus of two files, the second without a known checksum."""
    corpus: dict[str, Any] = {
        "title": "Ferries",
        "format": "dse",
        "homepage": "https://ferries.example",
        "licence": "CC0",
        "citation": "Harrow (2031)",
        "task": "who thanks whom",
        "download": "allowed",
        "files": [
            {"path": "deep/train.txt", "url": f"{url}/train.txt", "sha256": sha256(TRAIN).hexdigest()},
            {"path": "valid.txt", "url": f"{url}/valid.txt"},
        ],
    }
    path = folder / "sources.yaml"
    path.write_text(yaml.safe_dump({"corpora": {"ferries": corpus | changes}}), encoding="utf-8")
    return path


def download(listed: Path, name: str = "ferries") -> Path:
    recipe.main(name, listed.parent / "corpora", listed)
    return listed.parent / "corpora" / name


def failure(capsys: pytest.CaptureFixture[str], listed: Path, name: str = "ferries", code: int = 1) -> str:
    with pytest.raises(SystemExit) as stopped:
        download(listed, name)
    assert stopped.value.code == code
    return capsys.readouterr().err


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden and temporary ones included."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_files_arrive_checked_and_only_once(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = download(sources(tmp_path, server.url))
    assert files(folder) == {"deep/train.txt": TRAIN, "valid.txt": VALID}
    out = capsys.readouterr().out.splitlines()
    assert out == [
        f"{folder}/deep/train.txt: sha256 as published",
        f"{folder}/valid.txt: not verified, for no checksum of it is known; "
        f"what came has sha256 {sha256(VALID).hexdigest()}",
        "licence: CC0",
        "cite: Harrow (2031)",
    ]
    download(tmp_path / "sources.yaml")
    assert server.asked == {"/train.txt": 1, "/valid.txt": 1}
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"{folder}/deep/train.txt: already there, as published",
        f"{folder}/valid.txt: already there, not verified",
    ]


def test_a_corrupted_download_is_removed_and_both_checksums_named(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.bodies["/train.txt"] = TRAIN + b"!"
    said = failure(capsys, sources(tmp_path, server.url))
    assert said.startswith(f"error: {server.url}/train.txt: not what was published")
    assert f"sha256 {sha256(TRAIN + b'!').hexdigest()}, expected {sha256(TRAIN).hexdigest()}" in said
    assert files(tmp_path / "corpora") == {}


def test_a_file_that_is_wrong_is_replaced_by_the_right_one_only(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = sources(tmp_path, server.url)
    own = tmp_path / "corpora/ferries/deep/train.txt"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"cut sho")
    server.bodies["/train.txt"] = b"worse"
    failure(capsys, listed)
    assert files(tmp_path / "corpora/ferries") == {"deep/train.txt": b"cut sho"}
    server.bodies["/train.txt"] = TRAIN
    assert files(download(listed))["deep/train.txt"] == TRAIN


@pytest.mark.parametrize(("cut", "kept"), [("/train.txt", {}), ("/valid.txt", {"deep/train.txt": TRAIN})])
def test_after_an_interruption_the_same_command_goes_on(
    cut: str, kept: dict[str, bytes], server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.cut.add(cut)
    listed = sources(tmp_path, server.url)
    said = failure(capsys, listed)
    assert re.match(rf"error: {server.url}{cut}: .*nothing was kept of it.*run the same command again", said)
    assert files(tmp_path / "corpora") == {f"ferries/{name}": body for name, body in kept.items()}
    assert files(download(listed)) == {"deep/train.txt": TRAIN, "valid.txt": VALID}
    assert server.asked == Counter({"/train.txt": 1, "/valid.txt": 1}) + Counter([cut])


def test_ctrl_c_leaves_complete_files_alone(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = recipe.chunks

    def stopped(url: str, name: str) -> Iterator[bytes]:
        yield from whole(url, name)
        if name == "valid.txt":
            raise KeyboardInterrupt

    monkeypatch.setattr(recipe, "chunks", stopped)
    said = failure(capsys, sources(tmp_path, server.url), code=130)
    assert "complete files are kept; the same command goes on" in said
    assert files(tmp_path / "corpora") == {"ferries/deep/train.txt": TRAIN}


def test_a_terminal_gets_a_progress_bar(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    download(sources(tmp_path, server.url))
    assert re.search(r"train\.txt: +100%.*940k/940k", terminal.getvalue())


def test_what_is_not_there_is_told(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del server.bodies["/train.txt"]
    said = failure(capsys, sources(tmp_path, server.url))
    assert said == (
        f"error: {server.url}/train.txt: the server says 404 Not Found; is it still published there?\n"
    )


def test_without_a_network_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"  # bound, but nobody listens
        said = failure(capsys, sources(tmp_path, url))
    assert re.fullmatch(rf"error: {url}/train\.txt: .*refused.*Check the network.*\n", said)
    assert files(tmp_path / "corpora") == {}


def test_an_unknown_name_gets_a_hint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = sources(tmp_path, "http://127.0.0.1")
    assert failure(capsys, listed, "ferrys") == ("error: unknown corpus 'ferrys' (did you mean 'ferries'?)\n")


def test_what_is_fetched_by_hand_says_how(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = sources(tmp_path, "", download="by_hand", reason="no licence", files=[{"path": "train.txt"}])
    said = failure(capsys, listed)
    assert "Ferries is to be downloaded by hand: no licence" in said
    assert "https://ferries.example" in said
    assert f"put into {tmp_path}/corpora/ferries: train.txt" in said
    assert not (tmp_path / "corpora").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": [{"path": "train.txt"}]}, "allowed needs the 'url' of every file"),
        ({"download": "by_hand"}, "by_hand needs a 'reason'"),
        (
            {"files": [{"path": "../train.txt", "url": "x"}]},
            "files.0.path' = '../train.txt'",
        ),
        ({"files": [{"path": "/train.txt", "url": "x"}]}, "a path inside the corpus's folder is needed"),
        ({"files": [{"path": "a", "url": "x", "sha256": "12"}]}, "'corpora.ferries.files.0.sha256' = '12'"),
        ({"format": "dsee"}, "'dsee' is not a choice (did you mean 'dse'?)"),
        ({"licens": "x"}, "did you mean 'licence'?"),
    ],
)
def test_a_wrong_list_is_told(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        load_config(recipe.Sources, sources(tmp_path, "http://127.0.0.1", **changes))


def test_help_has_an_example() -> None:
    done = subprocess.run([sys.executable, str(RECIPE), "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "python data/download.py dse --to corpora" in done.stdout
    assert str(ROOT) not in done.stdout


LISTED = load_config(recipe.Sources, ROOT / "data/sources.yaml").corpora


def test_every_format_is_listed_and_every_corpus_has_a_format() -> None:
    published = set(Format) - {Format.ROWS, Format.DSE_SILENCE}  # the last reads the files of DSE
    assert sorted(corpus.format for corpus in LISTED.values()) == sorted(published)
    assert all(name == corpus.format for name, corpus in LISTED.items())


@pytest.mark.parametrize("name", [name for name, corpus in LISTED.items() if corpus.download == "allowed"])
def test_addresses_are_pinned(name: str) -> None:
    for file in LISTED[name].files:
        assert re.match(r"https://raw\.githubusercontent\.com/[\w-]+/[\w-]+/[0-9a-f]{40}/", file.url)
        assert LISTED[name].homepage.removeprefix("https://github.com/") in file.url


def test_downloads_go_where_the_configs_look() -> None:
    known = {f"{name}/{file.path}" for name, corpus in LISTED.items() for file in corpus.files}
    for config, folder in (("news", ""), ("newsmtsc", "newsmtsc/")):
        values = yaml.safe_load((ROOT / f"configs/data/{config}.yaml").read_text(encoding="utf-8"))
        wanted = {folder + source["path"] for source in values["sources"] if not source.get("shipped")}
        assert wanted <= known


@pytest.mark.skipif(not SHARED.is_dir(), reason="the corpora are not here")
@pytest.mark.parametrize("name", ["dse", "newsmtsc"])
def test_the_checksums_are_those_of_the_published_files(name: str) -> None:
    for file in LISTED[name].files:
        assert sha256((SHARED / "data" / name / file.path).read_bytes()).hexdigest() == file.sha256
