from typing import Literal

import pytest
from pydantic import Field

from partystance.configs import StrictModel, load_config
from partystance.errors import PartystanceError


class Training(StrictModel):
    learning_rate: float = Field(default=1e-4, gt=0)
    epochs: int = 3
    schedule: Literal["linear", "cosine"] = "linear"


class Source(StrictModel):
    path: str
    licence: str = ""


class Config(StrictModel):
    name: str
    training: Training = Training()
    sources: list[Source] = Field(default=[])
    splits: dict[str, Source] = Field(default={})
    best: Source | None = None


@pytest.fixture
def load(tmp_path):
    def write_and_load(text, *overrides):
        path = tmp_path / "run.yaml"
        path.write_text(text, encoding="utf-8")
        return load_config(Config, path, overrides)

    return write_and_load


def failure(load, text, *overrides):
    with pytest.raises(PartystanceError) as caught:
        load(text, *overrides)
    return str(caught.value)


def test_values_and_defaults(load):
    config = load("name: a\ntraining: {learning_rate: 3e-5}\n")
    assert config.training == Training(learning_rate=3e-5, epochs=3)


@pytest.mark.parametrize("number", ["1e-4", "1E-4", "1.e-4", ".1e-3", "+1e-4", "1.0e-4", "0.0001"])
def test_every_way_to_write_a_small_number(load, number):
    assert load("name: a", f"training.learning_rate={number}").training.learning_rate == 1e-4


def test_a_word_that_begins_like_a_number_stays_a_word(load):
    assert load("name: 1e-4b").name == "1e-4b"


def test_overrides_are_typed_dotted_and_applied_in_order(load):
    config = load(
        "name: a\nsources: [{path: x}, {path: y}]",
        "training.epochs=5", "training.epochs=7", "sources.1.path=z=w", "splits={dev: {path: d}}",
        "best.path=b",
    )  # fmt: skip
    assert config.training.epochs == 7
    assert [source.path for source in config.sources] == ["x", "z=w"]
    assert config.splits["dev"].path == "d"
    assert config.best == Source(path="b")


@pytest.mark.parametrize(
    ("text", "key", "value", "nearest"),
    [
        ("name: a\ntraning: {}", "'traning'", "{}", "'training'"),
        ("name: a\ntraining: {learning_rat: 2}", "'training.learning_rat'", "2", "'learning_rate'"),
        ("name: a\nsources: [{path: x}, {pth: y, path: z}]", "'sources.1.pth'", "'y'", "'path'"),
        ("name: a\nsplits: {dev: {path: x, license: y}}", "'splits.dev.license'", "'y'", "'licence'"),
        ("name: a\nbest: {path: x, licens: y}", "'best.licens'", "'y'", "'licence'"),
        ("name: a\ntraining: {schedule: cosin}", "'training.schedule'", "'cosin'", "'cosine'"),
    ],
)
def test_a_mistyped_key_names_file_key_value_and_the_nearest_valid_one(load, text, key, value, nearest):
    message = failure(load, text)
    assert "run.yaml" in message
    assert f"{key} = {value}" in message
    assert f"did you mean {nearest}?" in message


@pytest.mark.parametrize(
    ("text", "overrides", "expected"),
    [
        ("name: a", ["training.epochs=many"], ["'training.epochs' = 'many'", "integer"]),
        ("name: a", ["training.learning_rate=-1"], ["'training.learning_rate' = -1", "greater than 0"]),
        ("training: {epochs: 2}", [], ["'name' is missing"]),
        ("name: a\nname: b", [], ["run.yaml:2:", "'name' is given twice"]),
        ("name: [a", [], ["run.yaml:", "not valid YAML"]),
        ("- a\n- b", [], ["mapping", "list"]),
        ("name: a", ["training.epochs"], ["'training.epochs'", "key=value"]),
        ("name: a", ["name.inner=2"], ["'name' is 'a', a single value"]),
        ("name: a\nsources: [{path: x}]", ["sources.3.path=y"], ["'3' is not an item of a list of 1"]),
        ("name: a", ["training={"], ["'training={'", "not valid YAML"]),
    ],
)
def test_what_is_wrong_is_named(load, text, overrides, expected):
    message = failure(load, text, *overrides)
    for part in expected:
        assert part in message


def test_every_problem_is_reported_at_once(load):
    message = failure(load, "nam: a\ntraining: {epochs: x}")
    assert "'nam'" in message
    assert "'training.epochs'" in message


def test_unreadable_files(tmp_path):
    with pytest.raises(PartystanceError, match=r"absent\.yaml: cannot read the config: No such file"):
        load_config(Config, tmp_path / "absent.yaml")
    (tmp_path / "latin.yaml").write_bytes("name: café".encode("latin-1"))
    with pytest.raises(PartystanceError, match=r"latin\.yaml: the config is not UTF-8 \(byte 9\)"):
        load_config(Config, tmp_path / "latin.yaml")
