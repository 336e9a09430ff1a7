"""The page of stances: what it says is right, nothing from outside runs in it, and it works in a browser."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html

from partystance.parties import Registry
from partystance.report.stances import StancePage
from partystance.schema import LABELS, Article, Mention, Prediction
from partystance.sentences import sentence_spans

TEXT = (
    "Ferry talks in Ostrava end early\n\n"
    "Norway accused Iran of stalling the ferry talks. Nobody answered.\n"
    "A photograph shows the empty hall.\n\n"
    "Iran thanked Norway for the coffee. "
    "“We will be back,” said Norway's envoy, Odd Berg, to Norwegians at home.\n"
)
REGISTRY_YAML = """\
parties:
  - {id: norway, name: Kingdom of Norway, kind: country, aliases: [Norway], demonyms: [Norwegians]}
  - {id: iran, name: Iran, kind: country}
"""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = "</script><!--<img src=x onerror=alert(1)>'\"`{{ 7*7 }}&lt;\u2028\u202e--><b>Z"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    path = tmp_path_factory.mktemp("registry") / "two.yaml"
    path.write_text(REGISTRY_YAML, encoding="utf-8")
    return Registry.load(path)


@pytest.fixture
def article() -> Article:
    title = TEXT.splitlines()[0]
    return Article("ferry", TEXT, title, "Coast Gazette", "2031-05-16", "https://example.org/ferry?a=1&b=2")


def predict(article: Article, words: str, party: str, label: str, model_id: str = "demo@1") -> Prediction:
    """What a model might say of the sentence that begins with `words`."""
    start = article.text.index(words)
    (span,) = [span for span in sentence_spans(article.text) if span[0] == start]
    text = article.text[slice(*span)]
    surface = {"norway": "Norway", "iran": "Iran"}.get(party, text.split()[0])
    found = re.finditer(re.escape(surface), text)
    mentions = tuple(Mention(match.start(), match.end(), surface) for match in found)
    top = LABELS.index(label)
    probabilities = (0.7, 0.2, 0.1) if top == 0 else (0.2, 0.7, 0.1) if top == 1 else (0.1234, 0.1, 0.7766)
    rest = {"sentence_index": 0, "sentence_start": span[0], "sentence_end": span[1]}
    return Prediction(
        id=f"{article.doc_id}:{start}:{party}",
        doc_id=article.doc_id,
        text=text,
        mentions=mentions,
        party=party,
        label=label,
        probabilities=probabilities,
        model_id=model_id,
        holder={"criticize": "norway", "support": "author"}.get(label, ""),
        **rest,
    )


@pytest.fixture
def predictions(article: Article) -> list[Prediction]:
    return [
        predict(article, "Norway accused", "norway", "neutral"),
        predict(article, "Norway accused", "iran", "criticize"),
        predict(article, "Iran thanked", "iran", "neutral"),
        predict(article, "Iran thanked", "norway", "support"),
        predict(article, "“We will", "norway", "neutral"),
    ]


def draw(
    path: Path, registry: Registry, articles: list[Article], predictions: list[Prediction], **options: int
) -> html.HtmlElement:
    with StancePage(path, registry, **options) as page:
        for article in articles:
            page.see(article)
        for prediction in predictions:
            page.write(prediction)
    return html.document_fromstring(path.read_text(encoding="utf-8"))


def text_of(article: html.HtmlElement) -> str:
    parts = article.xpath(".//*[contains(concat(' ', @class, ' '), ' text ')]")
    return " ".join(part.text_content() for part in parts)


def words_of(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def data_of(page: html.HtmlElement) -> dict:
    return json.loads(page.get_element_by_id("data").text_content())


def test_exactly_the_sentences_of_the_first_party_are_shaded(
    tmp_path: Path, registry: Registry, article: Article, predictions: list[Prediction]
) -> None:
    page = draw(tmp_path / "p.html", registry, [article], predictions)
    found = [(span.get("class"), span.text_content()) for span in page.find_class("s")]
    norway = [predictions[i] for i in (0, 3, 4)]
    assert found == [(f"s first {p.label}", p.text) for p in norway]
    assert [m.text_content() for m in page.find_class("on")] == ["Norway"] * 3
    assert [m.text_content() for m in page.find_class("m") if m not in page.find_class("on")] == ["Iran"] * 2
    assert all(mark.get("aria-label") for mark in page.find_class("mark") if mark.get("hidden") is None)


def test_the_whole_text_is_there_in_its_paragraphs(
    tmp_path: Path, registry: Registry, article: Article, predictions: list[Prediction]
) -> None:
    page = draw(tmp_path / "p.html", registry, [article], predictions)
    assert text_of(page.get_element_by_id("a0")).split() == TEXT.split()
    assert [words_of(p) for p in page.xpath("//div[@class='text']/p")] == [
        " ".join(paragraph.split()) for paragraph in TEXT.strip().split("\n\n")[1:]
    ]
    assert [words_of(title) for title in page.find_class("title")] == [article.title]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_text_and_any_sentences_give_the_text_again(
    data: st.DataObject, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = data.draw(st.text(st.sampled_from("ab <&>.\"'\n\r\u2028é😀אم"), min_size=1, max_size=80))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    article = Article("d", text)
    predictions = []
    for start, end in pairwise(cuts):
        at = data.draw(st.integers(0, end - start - 1))
        mention = Mention(at, end - start, text[start + at : end])
        party = data.draw(st.sampled_from(["norway", "iran"]))
        rest = (party, "support", (1.0, 0.0, 0.0), "m")
        predictions.append(Prediction("i", "d", 0, start, end, text[start:end], (mention,), *rest))
    path = tmp_path_factory.mktemp("any") / "p.html"
    page = draw(path, registry, [article], predictions)
    # Paragraphs may end inside a word here, so that the text is compared without any whitespace.
    assert "".join(text_of(page.get_element_by_id("a0")).split()) == "".join(text.split()) or not text.strip()
    pieces = Counter()
    for span in page.find_class("s"):
        pieces[int(span.get("data-s"))] += 1
    shown = {
        n: "".join(s.text_content() for s in page.find_class("s") if s.get("data-s") == str(n))
        for n in pieces
    }
    visible = [p.text for p in predictions if p.text.strip()]
    assert ["".join(t.split()) for t in shown.values() if t.strip()] == ["".join(t.split()) for t in visible]
    assert all(len(page.xpath(f"//span[@data-s='{n}']/button")) <= 1 for n in pieces)


def test_totals_are_the_counts_of_all_articles(
    tmp_path: Path, registry: Registry, article: Article, predictions: list[Prediction]
) -> None:
    unseen = predict(Article("late", TEXT), "Norway accused", "norway", "criticize")
    page = draw(
        tmp_path / "p.html",
        registry,
        [article, Article("late", TEXT)],
        [*predictions, unseen],
        max_articles=1,
    )
    rows = {
        words_of(button.find_class("name")[0]): words_of(button.find_class("counts")[0])
        for button in page.find_class("party")
    }
    assert list(rows.items()) == [
        ("Kingdom of Norway", "▲support 1 ●neutral 2 ▼criticize 1"),
        ("Iran", "▲support 0 ●neutral 1 ▼criticize 1"),
    ]
    bars = [[float(part.get("width")[:-1]) for part in b.xpath("./svg")] for b in page.find_class("bar")]
    assert bars == [[25, 50, 25], [25, 25]]
    assert len(page.xpath("//article")) == 1
    assert "1 article shown of 2; the totals count all of them" in words_of(page.xpath("//footer")[0])
    assert words_of(page.find_class("tally")[0]) == "Kingdom of Norway▲ 1 support● 2 neutral▼ 0 criticize"


def test_sentences_that_name_no_party_are_counted(
    tmp_path: Path, registry: Registry, article: Article, predictions: list[Prediction]
) -> None:
    page = draw(tmp_path / "p.html", registry, [article], predictions)
    assert len(sentence_spans(TEXT)) == 6
    assert "3 of the 6 sentences shown name no party" in words_of(page.xpath("//footer")[0])


def test_the_data_hold_every_stance_in_thousandths(
    tmp_path: Path, registry: Registry, article: Article, predictions: list[Prediction]
) -> None:
    data = data_of(draw(tmp_path / "p.html", registry, [article], predictions))
    assert data["parties"] == ["Kingdom of Norway", "Iran"]
    assert data["labels"] == list(LABELS)
    assert data["articles"][0][0] == [[0, 1, 200, 700, 100, 0, ""], [1, 2, 123, 100, 777, 0, 0]]
    assert [row[-1] for row in data["articles"][0][1]] == ["", "the author"]
    assert len(data["articles"][0]) == 3


def test_a_party_the_registry_does_not_know_goes_by_its_id(
    tmp_path: Path, registry: Registry, article: Article
) -> None:
    page = draw(tmp_path / "p.html", registry, [article], [predict(article, "Nobody", "the-crew", "neutral")])
    assert [words_of(name) for name in page.find_class("name")] == ["the-crew"]


def test_a_stance_that_is_not_where_it_says_is_counted_not_drawn(
    tmp_path: Path, registry: Registry, article: Article, predictions: list[Prediction]
) -> None:
    moved = Article("ferry", "Erratum. " + TEXT)
    page = draw(tmp_path / "p.html", registry, [moved], predictions)
    assert not page.find_class("s")
    assert "5 stances not shown" in words_of(page.xpath("//footer")[0])
    assert len(page.find_class("party")) == 2


def test_the_51st_article_is_only_counted(tmp_path: Path, registry: Registry) -> None:
    articles = [Article(f"d{n}", TEXT, f"Day {n}") for n in range(51)]
    predictions = [predict(article, "Norway accused", "norway", "neutral") for article in articles]
    page = draw(tmp_path / "p.html", registry, articles, predictions)
    assert [words_of(title) for title in page.find_class("title")] == [f"Day {n}" for n in range(50)]
    assert len(page.xpath("//select[@id='article']/option")) == len(data_of(page)["articles"]) == 50
    assert "50 articles shown of 51" in words_of(page.xpath("//footer")[0])
    assert words_of(page.find_class("counts")[0]) == "▲support 0 ●neutral 51 ▼criticize 0"


def test_the_page_opens_at_an_article_of_the_first_party(
    tmp_path: Path, registry: Registry, article: Article, predictions: list[Prediction]
) -> None:
    other = Article("other", "Iran left early.", "Other")
    page = draw(
        tmp_path / "p.html",
        registry,
        [other, article],
        [predict(other, "Iran", "iran", "neutral"), *predictions],
    )
    data = data_of(page)
    assert (data["parties"][data["chosen"]], data["opened"]) == ("Iran", 0)
    page = draw(tmp_path / "p.html", registry, [other, article], predictions)
    assert data_of(page)["opened"] == 1
    assert "No sentence here names Kingdom of Norway." in words_of(page.get_element_by_id("a0"))


@pytest.mark.parametrize(
    ("articles", "said"),
    [
        ([], "No article was read."),
        ([Article("empty", "")], "The article has no text."),
        ([Article("dry", "Rain fell.", "Rain")], "1 article, and no sentence of it names a party"),
    ],
)
def test_pages_with_nothing_to_show_say_so(
    tmp_path: Path, registry: Registry, articles: list[Article], said: str
) -> None:
    page = draw(tmp_path / "p.html", registry, articles, [])
    assert said in words_of(page)
    assert not page.find_class("party")
    assert len(page.xpath("//article")) == len(articles)


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("https://example.org/a?b=1&c=2", True),
        ("http://example.org", True),
        ("javascript:alert(1)", False),
        (" java\nscript:alert(1)", False),
        ("data:text/html,<script>alert(1)</script>", False),
        ("//example.org", False),
        ("https:alert(1)", False),
        ("http://[broken", False),
        ("", False),
    ],
)
def test_only_web_addresses_become_links(tmp_path: Path, registry: Registry, url: str, linked: bool) -> None:
    page = draw(tmp_path / "p.html", registry, [Article("d", "Rain fell.", url=url)], [])
    assert [a.get("href") for a in page.xpath("//a")] == ([url] if linked else [])


def test_nothing_that_comes_from_outside_becomes_markup(tmp_path: Path) -> None:
    yaml = tmp_path / "hostile.yaml"
    yaml.write_text(json.dumps({"parties": [{"id": "norway", "name": HOSTILE, "kind": "country"}]}))
    text = f"{HOSTILE} one.\n\nNorway {HOSTILE} two."
    hostile = Article(HOSTILE, text, HOSTILE, HOSTILE, HOSTILE, f"https://example.org/{HOSTILE}")
    tame = Article(
        "tame", "Calm one.\n\nNorway calm two.", "Calm", "Calm", "Calm", "https://example.org/calm"
    )

    def page_of(article: Article, name: str, party: str, model_id: str) -> html.HtmlElement:
        text, start = article.text, article.text.index("Norway")
        mentions = (Mention(0, 6, "Norway"),)
        rest = ("neutral", (0.1, 0.8, 0.1), model_id)
        rows = [
            Prediction("i", article.doc_id, 1, start, len(text), text[start:], mentions, "norway", *rest),
            Prediction("i", article.doc_id, 1, start, len(text), text[start:], mentions, party, *rest),
        ]
        return draw(tmp_path / name, Registry.load(yaml), [article, article], rows)

    attacked = page_of(hostile, "a.html", HOSTILE, HOSTILE)
    plain = page_of(tame, "b.html", "calm", "calm")

    def shape(page: html.HtmlElement) -> Counter:
        return Counter((e.tag, *sorted(e.keys())) for e in page.iter() if isinstance(e.tag, str))

    assert shape(attacked) == shape(plain)
    assert not [e for e in attacked.iter() if not isinstance(e.tag, str)], "no comment"
    assert not [
        name for e in attacked.iter() for name in e.attrib if name.startswith("on") or name == "style"
    ]
    assert data_of(attacked)["parties"] == [HOSTILE, HOSTILE]
    assert attacked.xpath("//option/text()")[0] == HOSTILE
    assert text_of(attacked.get_element_by_id("a0")).split() == text.split()
    (block,) = re.findall(
        r'id="data">(.*?)</script>', (tmp_path / "a.html").read_text(encoding="utf-8"), re.S
    )
    assert not set(block) & set("<>&'\u2028\u2029")


def test_half_a_surrogate_pair_and_nul_do_not_stop_the_page(tmp_path: Path, registry: Registry) -> None:
    article = Article("d", "Norway \ud83d sent \x00 boats.")
    page = draw(tmp_path / "p.html", registry, [article], [predict(article, "Norway", "norway", "neutral")])
    assert [s.text_content() for s in page.find_class("s")] == ["Norway \ufffd sent \ufffd boats."]


def test_the_security_policy_names_the_script_and_the_style(
    tmp_path: Path, registry: Registry, article: Article, predictions: list[Prediction]
) -> None:
    draw(tmp_path / "p.html", registry, [article], predictions)
    source = (tmp_path / "p.html").read_text(encoding="utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', source)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.replace("&#39;", "'").split(";"))
    assert rules["default-src"] == "'none'"
    for tag, rule in {"style": "style-src", "script": "script-src"}.items():
        (inline,) = re.findall(rf"<{tag}>(.*?)</{tag}>", source, re.S)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    page = html.document_fromstring(source)
    assert not page.xpath("//*[@src] | //link | //img | //iframe | //*[@style]")


def test_the_same_input_gives_the_same_bytes(
    tmp_path: Path, registry: Registry, article: Article, predictions: list[Prediction]
) -> None:
    for name in ("a.html", "b.html"):
        draw(tmp_path / name, registry, [article], predictions)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_an_exception_leaves_the_old_page(tmp_path: Path, registry: Registry, article: Article) -> None:
    path = tmp_path / "p.html"
    path.write_text("old")

    def fail() -> None:
        with StancePage(path, registry) as page:
            page.see(article)
            raise KeyError("x")

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_long_page_stays_small(tmp_path: Path, registry: Registry, article: Article) -> None:
    sentence = "Norway accused Iran of stalling the ferry talks in Ostrava, for the {}th time this year.\n"
    articles = [Article(f"d{n}", "".join(map(sentence.format, range(200)))) for n in range(50)]
    path = tmp_path / "p.html"
    with StancePage(path, registry) as page:
        for each in articles:
            page.see(each)
            for start, end in sentence_spans(each.text):
                text = each.text[start:end]
                for party, at, surface in (("norway", 0, "Norway"), ("iran", 15, "Iran")):
                    mentions = (Mention(at, at + len(surface), surface),)
                    rest = (party, "neutral", (0.1, 0.8, 0.1), "m")
                    page.write(Prediction("i", each.doc_id, 0, start, end, text, mentions, *rest))
    characters = sum(len(each.text) for each in articles)
    assert path.stat().st_size < 6 * characters


def _palettes() -> dict[str, dict[str, str]]:
    """The colours of the light, dark and printed page, by name."""
    source = (Path(__file__).parents[1] / "src/partystance/report/stances.html").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", source, re.S)
    assert len(blocks) == 3
    return {
        name: {key: full.lower() for key, full in re.findall(r"--([\w-]+): (#\w+);", block)}
        for name, block in zip(("light", "dark", "print"), blocks, strict=True)
    }


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of `#rgb` or `#rrggbb`."""
    digits = "".join(c * 2 for c in colour[1:]) if len(colour) == 4 else colour[1:]
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["light", "dark", "print"])
def test_colours_have_contrast(name: str) -> None:
    assert contrast("#000", "#fff") == pytest.approx(21)
    colours = _palettes()[name]
    texts = ["ink", "faint", *LABELS]
    pairs = [(text, ground) for text in texts for ground in ("page", "card")]
    pairs += [("ink", f"{label}-tint") for label in LABELS] + [(label, f"{label}-tint") for label in LABELS]
    assert {
        pair: contrast(*(colours[c] for c in pair))
        for pair in pairs
        if contrast(*(colours[c] for c in pair)) < 4.5
    } == {}


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: the script is not run")
def test_the_script_runs_in_a_browser(
    tmp_path: Path, registry: Registry, article: Article, predictions: list[Prediction]
) -> None:
    other = Article("other", "Iran left early.", "Other")
    draw(tmp_path / "p.html", registry, [article, other], predictions)
    page = _browse(tmp_path / "p.html", tmp_path)
    assert page.get_element_by_id("controls").get("hidden") is None
    assert [a.get("hidden") is None for a in page.xpath("//article")] == [True, False]
    assert not [button for button in page.find_class("party") if button.get("disabled") is not None]
    assert page.xpath("//select[@id='article']/option/text()") == [f"{article.title} (3)", "Other (0)"]

    # Under its policy the page runs no other script, so the driven copy goes without.
    drive = """
      document.querySelectorAll(".party")[1].click();
      document.querySelector("article:not([hidden]) .mark:not([hidden])").focus();
    """
    source = (tmp_path / "p.html").read_text(encoding="utf-8")
    unguarded = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", source)
    driven = tmp_path / "driven.html"
    driven.write_text(unguarded.replace("</body>", f"<script>{drive}</script></body>"), encoding="utf-8")
    page = _browse(driven, tmp_path)
    shaded = [s for s in page.get_element_by_id("a0").find_class("s") if s.get("class").split()[2:]]
    assert [(s.get("class"), s.text_content()) for s in shaded] == [
        ("s first criticize open", predictions[1].text),
        ("s first neutral", predictions[2].text),
    ]
    assert [m.text_content() for m in page.get_element_by_id("a0").find_class("on")] == ["Iran", "Iran"]
    panel = page.get_element_by_id("panel")
    assert panel.get("hidden") is None
    assert words_of(panel).startswith(
        "▼ criticize toward Iran, by Kingdom of Norway▲ support12 %● neutral10 %▼ criticize78 %"
    )
    assert "Kingdom of Norway" in words_of(panel.find_class("also")[0])
    assert [b.get("aria-pressed") for b in page.find_class("party")] == ["false", "true"]


def _browse(path: Path, home: Path) -> html.HtmlElement:
    """The document after its script has run, checked for errors in the console."""
    assert CHROMIUM is not None
    flags = ["--headless", "--disable-gpu", "--no-sandbox", "--enable-logging=stderr", "--dump-dom"]
    command = [CHROMIUM, *flags, f"--user-data-dir={home / 'profile'}", path.as_uri()]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=90, check=True, env={**os.environ, "HOME": str(home)}
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    return html.document_fromstring(done.stdout)


def test_a_prediction_survives_its_row(predictions: list[Prediction]) -> None:
    for prediction in predictions:
        row = json.loads(json.dumps(prediction.to_row()))
        assert Prediction.from_row(row) == prediction
        for name in ("truncated", "outlet", "date", "url", "title"):
            del row[name]
        assert Prediction.from_row(row) == prediction


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("label", "support ", "label"),
        ("p_neutral", float("nan"), "p_neutral"),
        ("p_support", 1.2, "p_support"),
        ("p_criticize", "0.1", "p_criticize"),
        ("p_support", None, "'p_support' is missing"),
        ("party", None, "'party' is missing"),
        ("sentence_start", 1.0, "sentence_start"),
        ("sentence_index", True, "sentence_index"),
        ("text", 7, "text"),
        ("mentions", "[]", "mentions"),
        ("mentions", [{"start": 0, "end": 6}], "mentions"),
        ("mentions", [{"start": 0, "end": 6, "surface": "Sweden"}], "Sweden"),
        ("p_suport", 0.1, "unknown field 'p_suport'"),
    ],
)
def test_an_odd_row_is_refused_by_the_name_of_its_field(
    predictions: list[Prediction], field: str, value: object, said: str
) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        Prediction.from_row(predictions[0].to_row() | {field: value})
    assert predictions[0].id in str(caught.value)
