"""The one loader of YAML configs: strict, with dotted overrides, and errors that name the key and the fix."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from partystance.errors import InputError, PartystanceError, did_you_mean

M = TypeVar("M", bound=BaseModel)


class StrictModel(BaseModel):
    """Base of every config: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _ConfigYaml(yaml.SafeLoader):
    """YAML in which `1e-4` is a number and a repeated key is an error.

    PyYAML reads `1e-4` as a string (YAML 1.1 wants `1.0e-4`) and silently keeps the last of two equal keys.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                problem = f"key '{key.value}' is given twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


_ConfigYaml.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def load_config(model: type[M], path: Path | str, overrides: Sequence[str] = ()) -> M:
    """Read a YAML config, apply `key=value` overrides in order, and check the result.

    Args:
        model: what the config must be; give it `extra="forbid"` (see `StrictModel`).
        path: the YAML file.
        overrides: `training.learning_rate=1e-4`: a dotted key and a value parsed as YAML. A number after a
            dot picks an item of a list (`articles.0.path=x.jsonl`).

    Raises:
        PartystanceError: a missing or broken file, an unknown key, a bad value; names file, key, value, fix.
    """
    values = _read(Path(path))
    for override in overrides:
        _apply(values, override)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = [_explain(model, values, problem) for problem in error.errors()]
        raise InputError(path, "\n  ".join(problems)) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_ConfigYaml)
    except OSError as error:
        raise InputError(path, f"cannot read the config: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(path, f"the config is not UTF-8 (byte {error.start})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or error
        raise InputError(path, f"not valid YAML: {reason}", mark.line + 1 if mark else None) from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(path, f"a config is a mapping of keys to values, not {type(values).__name__}")
    return values


def _apply(values: dict[str, Any], override: str) -> None:
    """Set one `dotted.key=value` in place."""
    key, sign, text = override.partition("=")
    if not sign or not key.strip():
        raise PartystanceError(
            f"override {override!r}: write it as key=value, e.g. training.learning_rate=1e-4"
        )
    *parents, last = key.strip().split(".")
    place: Any = values
    for i, name in enumerate(parents):
        place = _descend(place, name, f"override {override!r}: '{'.'.join(parents[: i + 1])}'")
    if isinstance(place, list):
        place[_index(place, last, f"override {override!r}")] = _value(text, override)
    else:
        place[last] = _value(text, override)


def _descend(place: Any, name: str, where: str) -> Any:
    if isinstance(place, list):
        inner = place[_index(place, name, where)]
    else:
        if place.get(name) is None:
            place[name] = {}
        inner = place[name]
    if not isinstance(inner, (dict, list)):
        raise PartystanceError(f"{where} is {inner!r}, a single value: it has no keys below it")
    return inner


def _index(items: list[Any], name: str, where: str) -> int:
    if not name.isdigit() or int(name) >= len(items):
        raise PartystanceError(f"{where}: '{name}' is not an item of a list of {len(items)} (count from 0)")
    return int(name)


def _value(text: str, override: str) -> Any:
    try:
        return yaml.load(text, Loader=_ConfigYaml)
    except yaml.YAMLError as error:
        raise PartystanceError(f"override {override!r}: not valid YAML: {error}") from None


def _explain(model: type[BaseModel], values: dict[str, Any], problem: Any) -> str:
    location = problem["loc"]
    key = ".".join(str(part) for part in location)
    if problem["type"] == "extra_forbidden":
        known = _known_keys(model, location[:-1])
        return f"unknown key '{key}' = {problem['input']!r}{did_you_mean(str(location[-1]), known)}"
    if problem["type"] == "missing":
        given = _at(values, location[:-1])
        return f"key '{key}' is missing" + (f" (given: {', '.join(map(str, given))})" if given else "")
    if problem["type"] in ("literal_error", "enum"):
        choices = [part.strip("' ") for part in problem["ctx"]["expected"].replace(" or ", ", ").split(",")]
        hint = did_you_mean(str(problem["input"]), choices)
        return f"key '{key}' = {problem['input']!r} is not a choice{hint}"
    message = problem["msg"].removeprefix("Value error, ")
    return f"key '{key}' = {problem['input']!r}: {message}" if key else message


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the valid keys at a place inside the config."""
    models: list[type[BaseModel]] = [model]
    for part in location:
        fields = [m.model_fields[part] for m in models if isinstance(part, str) and part in m.model_fields]
        if fields:
            models = [found for field in fields for found in _models_in(field.annotation)]
    return sorted({name for m in models for name in m.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return every pydantic model inside `list[X]`, `dict[str, X]`, `X | None`, ..."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models_in(inner)]


def _at(values: Any, location: tuple[int | str, ...]) -> Any:
    for part in location:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return None
    return values if isinstance(values, dict) else None
