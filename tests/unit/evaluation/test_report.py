"""Test that the report is a self-contained page, equal for equal scores, in which no name is read as HTML."""

import html
import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hearth.common.files import write_json, write_text
from hearth.evaluation import report as reports
from hearth.evaluation.audit_tables import count_failures
from hearth.evaluation.claims import table as claims
from hearth.evaluation.figures.names import SCORE_FIGURES
from hearth.evaluation.figures.registry import CAPTIONS, render
from held_out_factories import HOMES, make_scores
from score_factories import make_full_run_scores, make_run_scores

import report

TEMPLATE = Path(reports.__file__).with_name("report.html.j2")
HOSTILE = "<script>alert('x')</script>&\"{{ 7*7 }}"
VOID = {"meta", "br", "hr", "img", "link"}


def page(scores, commit="abc", specs=None, drawings=None, audits=()):
    every = [(score["recogniser"], score["dataset"]) for score in scores]
    specs = specs or {"all_scores": {"title": "All scores", "caption": "Every one.", "columns": [], "pairs": every}}
    drawings = drawings or {name: drawing(name) for name in SCORE_FIGURES}
    return reports.render_report(scores, list(audits), specs, drawings, commit, TEMPLATE.read_text(encoding="utf-8"))


def drawing(name):
    prolog = '<?xml version="1.0"?>\n<!DOCTYPE svg>\n'
    return f'{prolog}<svg><g id="a"/><use href="#a" clip-path="url(#a)"/><!-- {name} --></svg>\n'


class Elements(HTMLParser):
    """Parse a page: collect its tags, ids, links and text, and in `open` the elements that are not closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.links, self.text = [], set(), [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.open += [tag] if tag not in VOID else []
        values = dict(attributes)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [value for key, value in attributes if key in ("href", "src", "xlink:href")]

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_is_well_formed_and_its_ids_are_unique():
    scores = make_full_run_scores()
    elements = Elements(page(scores, drawings={name: render(name, scores)["svg"].decode() for name in SCORE_FIGURES}))
    assert not elements.open
    assert len(elements.ids) == len(set(elements.ids))
    assert {link[1:] for link in elements.links if link.startswith("#")} <= set(elements.ids)


def test_the_page_has_the_audit_of_the_traces_that_students_learned_from():
    trace = {
        "window_id": "w",
        "group": "s",
        "gold": ["A"] * 4,
        "labels": ["A"] * 3 + [None],
        "flags": {"repetitive": ["the end repeats itself"]},
    }
    prompt = {"version": "v", "reasoning": "think"}
    audit = count_failures({"recogniser": "model-9m", "dataset": "made-up", "labels": ["A"], "prompt": prompt}, [trace])
    scores = [
        score | {"provenance": score["provenance"] | {"teacher_stand_in": "tiny" if score["teacher"] else ""}}
        for score in make_run_scores(simulated=["made-up"])
    ]
    elements = Elements(page(scores, audits=[audit]))
    assert "table-audit" in elements.ids
    text = " ".join(elements.text.split())
    assert "Audit of the traces that students learn from" in text
    assert "model-9m (tiny)" in text
    assert "table-audit" not in Elements(page(scores)).ids


def test_the_page_loads_nothing_and_runs_nothing():
    elements = Elements(page(make_run_scores()))
    assert not elements.tags & {"script", "link", "iframe", "img", "object"}
    assert all(re.fullmatch(r"(#|[a-z_]+[./])[\w.~/-]*", link) for link in elements.links), elements.links
    assert "@import" not in elements.text
    assert "url(http" not in elements.text


def test_the_page_forbids_scripts_and_the_network():
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy"\s+content="([^"]*)"', page(make_run_scores()))
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("style-src") == "'unsafe-inline'"
    assert set(rules) >= {"default-src", "base-uri", "form-action"}
    assert set(rules.values()) == {"'none'"}


def test_a_figure_has_its_caption_and_the_size_of_its_test_sets():
    text = " ".join(Elements(page(make_run_scores(simulated=["second"], stand_in="tiny"))).text.split())
    for name in SCORE_FIGURES:
        assert text.index(CAPTIONS[name].shows) < text.index(CAPTIONS[name].reading)
    sizes = "made-up: 3 test windows of 2 sessions; second (simulated): 3 test windows of 2 sessions."
    assert text.count(f"Computed from {sizes} Simulated homes, not recorded ones: second. Tiny models") == len(
        SCORE_FIGURES
    )


def test_links_lead_to_files_of_the_run():
    links = Elements(page(make_run_scores())).links
    assert {"datasets/made-up/dataset_card.md", "datasets/second/dataset_card.md", "tables/cost.md"} <= set(links)
    assert {"students/model-1m_reasoning_made-up/fold1/model_card.md", "figures/failures.png"} <= set(links)
    assert {f"tables/{table}.{form}" for table in ("claims", "all_scores") for form in ("md", "csv", "tex")} <= set(
        links
    )


def test_the_same_scores_give_the_same_page():
    assert page(make_run_scores(seeds=(0, 1))) == page(make_run_scores(seeds=(0, 1)))


def test_every_claim_has_its_verdicts_and_the_deciding_numbers():
    scores = make_run_scores()
    text = Elements(page(scores)).text
    for record in claims.build_claims_table(scores, "abc").records:
        assert record["claim"] in text
        assert record["verdict"] in text
        assert record["because"] in text
    assert text.index(claims.CLAIMS[0].name) < text.index(CAPTIONS["f1_by_size"].title) < text.index("All scores")


def test_hostile_names_are_text():
    scores = make_run_scores(homes=("made-up", HOSTILE), stand_in=HOSTILE, simulated=[HOSTILE])
    for score in scores:
        for key in ("recogniser", "base", "teacher"):
            score[key] = score[key].replace("model-1m", HOSTILE)
    specs = {
        "t": {"title": HOSTILE, "caption": HOSTILE, "columns": [], "pairs": [(HOSTILE, "made-up"), (HOSTILE, HOSTILE)]}
    }
    text = page(scores, commit=HOSTILE, specs=specs)
    elements = Elements(text)
    assert "script" not in elements.tags
    assert "<script>" not in text
    assert HOSTILE in elements.text
    assert "49" not in html.unescape(text).split("</style>")[1]


def test_doubtful_answers_are_said_above_everything():
    scores = make_run_scores()
    assert "Doubtful answers" not in page(scores)
    scores[0] = {**scores[0], "oddities": {"answer_in_reasoning": 2}}
    text = page(scores)
    assert text.index("2 of") < text.index("<nav")
    assert "answers were in the server" in text[: text.index("<nav")]


def test_warnings_about_stand_ins_come_first():
    scores = make_run_scores(stand_in="tiny model", simulated=["made-up", "second"])
    text = Elements(page(scores)).text
    assert text.index("Simulated homes, not recorded ones: made-up, second") < text.index("The paper's claims")
    assert text.index("Tiny models, not real ones: model-1m, model-3m, model-9m") < text.index("The paper's claims")
    assert "This run uses stand-ins" not in page(make_run_scores())


def test_notes_on_all_scores_are_shown_once_and_notes_on_a_table_below_it():
    scores = make_run_scores()
    text = Elements(page(scores)).text
    assert text.count("git commit abc") == 1
    assert text.count("gain: weighted F1 of the student minus that of its base") == 1
    page_notes = text.rindex("Notes on all numbers")
    assert text.index("gain: weighted F1") < page_notes < text.index("git commit abc")


def test_a_verdict_has_its_effect_and_what_the_paper_says():
    scores = make_run_scores()
    text = Elements(page(scores)).text
    table = claims.build_claims_table(scores, "abc")
    effects = [dict(zip(claims.COLUMNS, cells, strict=True))["effect"] for cells in table.cells]
    assert any(effects)
    assert all(effect in text for effect in effects)
    told = {record["claim"] for record in claims.build_claims_table(scores, "abc").records}
    assert all(f"The paper: {claim.paper}." in text for claim in claims.CLAIMS if claim.name in told)


def test_paired_comparisons_stand_below_their_table():
    every = [(score["recogniser"], score["dataset"]) for score in make_run_scores()]
    spec = {"title": "T", "caption": "", "compare": [["model-1m", HOSTILE]], "seeds": "mean", "pairs": every}
    with pytest.raises(ValueError, match="has no row in this table"):
        page(make_run_scores(), specs={"t": spec})
    elements = Elements(page(make_run_scores(), specs={"t": spec | {"compare": [["model-1m", "model-9m"]]}}))
    assert not elements.open
    assert "below-t" in elements.ids
    assert "Paired comparisons" in elements.text


def test_a_table_of_a_missing_score_is_an_error():
    specs = {"mine": {"title": "Mine", "caption": "", "columns": [], "pairs": [["nobody", "made-up"]]}}
    with pytest.raises(ValueError, match="table mine: --scores has no score of nobody on made-up"):
        page(make_run_scores(), specs=specs)


def test_drawings_keep_their_ids_apart():
    assert reports.inline_svg(drawing("f"), "f") == (
        '<svg><g id="f-a"/><use href="#f-a" clip-path="url(#f-a)"/><!-- f --></svg>\n'
    )


def test_the_program_writes_the_page(tmp_path):
    scores, paths = make_run_scores(), []
    for number, score in enumerate(scores):
        paths.append(tmp_path / f"{number}.json")
        write_json(paths[-1], score)
    drawn = [tmp_path / f"{name}.svg" for name in SCORE_FIGURES]
    for path in drawn:
        write_text(path, drawing(path.stem))
    specs = {"one": {"title": "One", "caption": "", "columns": [], "pairs": [["model-1m", "second"]]}}
    report.main(
        [
            *("--scores", *map(str, paths), "--tables", json.dumps(specs), "--figures", *map(str, drawn)),
            *("--template", str(TEMPLATE), "--out", str(tmp_path / "report.html")),
        ]
    )
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<h3 id="table-one">One</h3>' in text
    assert str(tmp_path) not in text


def test_the_summary_has_every_verdict_and_effect_before_the_reasons():
    scores = make_run_scores()
    text = page(scores)
    summary = text[text.index('<section id="summary">') : text.index('<section id="claims">')]
    table = claims.build_claims_table(scores, "abc")
    assert summary.count('<span class="verdict') == len(table.records)
    for cells in table.cells:
        row = dict(zip(claims.COLUMNS, cells, strict=True))
        assert html.escape(row["claim"], quote=False).replace("'", "&#39;") in summary
        assert f'">{row["verdict"]}</span>' in summary
        assert f'<span class="interval">{row["effect"]}</span>' in summary
    assert set(re.findall(r'href="#(claim-\d+)"', summary)) <= set(Elements(text).ids)


def test_undecided_verdicts_are_grey_and_named():
    classes = reports._VERDICT_CLASSES
    assert classes == {
        "held": "held",
        "not held": "not-held",
        "undecided": "undecided",
        "not testable here": "not-testable",
    }
    style = TEMPLATE.read_text(encoding="utf-8")
    assert re.search(r"\.undecided \{ color: var\(--soft\)", style)


def test_a_table_in_paper_form_has_a_row_for_each_recogniser():
    scores = make_run_scores()
    every = [(score["recogniser"], score["dataset"]) for score in scores]
    spec = {"title": "T", "caption": "", "layout": "paper", "pairs": every}
    text = page(scores, specs={"t": spec})
    paper = text[text.index('class="paper"') :].split("</table>")[0]
    assert paper.count("<tr>") == 1 + len(dict.fromkeys(recogniser for recogniser, _ in every))
    assert "<strong>" in paper
    assert "tables/t.provenance.md" in text
    assert "bold: best of its column" in Elements(text).text


def test_the_summary_names_every_student_that_is_below_its_base_on_a_home_it_did_not_learn_from():
    text = " ".join(
        Elements(page(make_scores(skills={"none": 0.6, "own": 0.8, "others": 0.2, "all": 0.7}))).text.split()
    )
    summary = text[text.index("Summary Below the untrained base") : text.index("The paper's claims Each claim")]
    for home, other in itertools.permutations(HOMES, 2):
        assert f"little_reasoning_{home} on {other}: weighted F1 0." in summary
    assert summary.count("of little: -0.") == 3 * len(HOMES)
    gains = page(make_scores(skills={"none": 0.1, "own": 0.8, "others": 0.7, "all": 0.7}))
    assert "losses" not in Elements(gains).ids
