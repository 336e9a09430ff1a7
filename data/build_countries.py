"""Build `configs/parties/countries.yaml`: every UN member with its names, demonyms and capital.

    python data/build_countries.py          # needs npm and the network; a few seconds

Names and capitals come from the npm packages `countries-list` and `i18n-iso-countries`, demonyms from
`i18n-nationality` (all MIT, versions below). What they get wrong or cannot know (words with two meanings,
phrases to leave alone, nicknames of governments) is kept by hand in `data/countries_overrides.yaml`, which
wins.
"""

import json
import re
import subprocess
import tarfile
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

import yaml

from partystance.files import write_text
from partystance.parties import Registry

PACKAGES = {"countries-list": "3.4.1", "i18n-iso-countries": "7.14.0", "i18n-nationality": "1.4.0"}
HERE = Path(__file__).parent
OVERRIDES = HERE / "countries_overrides.yaml"
OUTPUT = HERE.parent / "configs" / "parties" / "countries.yaml"
HEADER = """\
# Every UN member state, and Taiwan, Palestine, Kosovo and the Holy See: names, demonyms, capitals.
# Written by data/build_countries.py; edit data/countries_overrides.yaml, not this file.
# Sources (all MIT): {sources}.
"""
INVARIABLE = re.compile(r"(ese|ish|nch|tch|lic|gasy|yz|s|que|batu)$")
"""Demonyms that are their own plural, or adjectives that name no person."""


def main() -> None:
    """Fetch the packages, merge, write, and load the result once to be sure that it is a registry."""
    with tempfile.TemporaryDirectory() as folder:
        names, capitals, demonyms = fetch(Path(folder))
    overrides = yaml.safe_load(OVERRIDES.read_text(encoding="utf-8"))
    codes = overrides["members"].split() + overrides["others"]
    parties = [
        country(
            code,
            overrides["countries"].get(code, {}),
            names.get(code, []),
            capitals.get(code),
            demonyms.get(code),
        )
        for code in codes
    ]
    parties.sort(key=lambda party: party["id"])
    header = HEADER.format(sources=", ".join(f"{name} {version}" for name, version in PACKAGES.items()))
    body = yaml.safe_dump({"parties": parties}, allow_unicode=True, sort_keys=False, width=110)
    write_text(OUTPUT, header + body)
    print(f"{OUTPUT}: {len(Registry.load(OUTPUT).parties)} parties")


def fetch(folder: Path) -> tuple[dict[str, list[str]], dict[str, str], dict[str, str]]:
    """Return names, capital and demonym by ISO code, downloaded with `npm pack`."""
    for name, version in PACKAGES.items():
        subprocess.run(
            ["npm", "pack", "--silent", f"{name}@{version}"], cwd=folder, check=True, capture_output=True
        )
        with tarfile.open(folder / f"{name}-{version}.tgz") as archive:
            archive.extractall(folder / name, filter="data")
    facts = read(folder / "countries-list/package/countries.min.json")
    iso = read(folder / "i18n-iso-countries/package/langs/en.json")["countries"]
    names = {code: [fact["name"], *as_list(iso.get(code))] for code, fact in facts.items()}
    capitals = {code: fact["capital"] for code, fact in facts.items() if fact.get("capital")}
    return names, capitals, read(folder / "i18n-nationality/package/langs/en.json")["nationalities"]


def read(path: Path) -> Any:
    """Return the content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def as_list(value: str | list[str] | None) -> list[str]:
    """Return a list of none, one or several."""
    return [] if value is None else [value] if isinstance(value, str) else value


def country(
    code: str, own: dict[str, Any], names: list[str], capital: str | None, demonym: str | None
) -> dict[str, Any]:
    """Return one party as it goes into the YAML: the packages' facts, overruled by the overrides."""
    name = own.get("name", names[0] if names else code)
    usual = [n for n in names if not re.search(r"[,(]|^The ", n) and n not in own.get("drop", ())]
    aliases = unique([*usual, *own.get("aliases", ())], without=[name])
    people = own.get("demonyms", with_plural(demonym, names)) + own.get("people", [])
    strict = set(own.get("case_sensitive", ()))
    if name in strict:
        aliases.append(name)
    party = {
        "id": own.get("id", slug(name)),
        "name": name,
        "kind": own.get("kind", "country"),
        "aliases": [sensitive(alias, strict) for alias in aliases],
        "demonyms": [sensitive(word, strict) for word in unique(people)],
        "capitals": own.get("capitals", [capital] if capital else []),
        "exclusions": own.get("exclusions", []),
        "ambiguities": own.get("ambiguities", []),
    }
    return {key: value for key, value in party.items() if value != []}


def with_plural(demonym: str | None, names: list[str]) -> list[str]:
    """Return a demonym and its plural; nothing where the package gives a country's name or a list."""
    if demonym is None or demonym in names or re.search(r"[(]| - | and | or ", demonym):
        return []
    return [demonym] if INVARIABLE.search(demonym) else [demonym, f"{demonym}s"]


def sensitive(text: str, strict: set[str]) -> str | dict[str, Any]:
    """Return an alias as YAML wants it."""
    return {"text": text, "case_sensitive": True} if text in strict else text


def unique(items: list[str], without: list[str] | None = None) -> list[str]:
    """Return the items once each, in order."""
    return [item for item in dict.fromkeys(items) if item not in (without or ())]


def slug(name: str) -> str:
    """Return the id of a name: `Côte d'Ivoire` -> `cote-divoire`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower().replace("'", "")
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


if __name__ == "__main__":
    main()
