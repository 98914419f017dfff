"""The prefix of a home's prompts never changes: a recogniser that has read it computes a window's own tokens only."""

import datetime
from types import SimpleNamespace

import pytest
from chat_families import TEMPLATES, make_family
from hearth.engines.protocol import Decoding
from hearth.homes.home import load_home
from hearth.models import light_tokenizer
from hearth.models.light_tokenizer import LightTokenizer
from hearth.prompting.prompts import render_prompt
from hearth.recognition.requests import make_requests
from repository import REPOSITORY

HOME = load_home(REPOSITORY / "config" / "homes" / "marble.yaml")
TEMPLATE = REPOSITORY / "config" / "prompts" / "brief.j2"


def window(number, time):
    return {"window_id": f"h/{number}", "events": [{"id": 1, "time": time, "description": f"stove {number} ON"}]}


def requests_of(folder, day, monkeypatch, *windows):
    """Return the prefix and the requests as a program makes them that is started on `day`."""

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(*day, tzinfo=tz)

    monkeypatch.setattr(light_tokenizer, "datetime", SimpleNamespace(datetime=Clock))
    engine = SimpleNamespace(tokenizer=LightTokenizer(folder))
    prompt = render_prompt(HOME, TEMPLATE, "none")
    return make_requests(prompt, windows, (), engine, Decoding.greedy(9))


@pytest.mark.parametrize("family", sorted(TEMPLATES))
def test_windows_and_days_share_the_prefix(family, tmp_path, monkeypatch):
    folder = make_family(tmp_path, family)
    first, second = window(1, "07:15:09"), window(2, "23:59:59")
    prefix, (one, other) = requests_of(folder, (2031, 1, 2), monkeypatch, first, second)
    later, (same,) = requests_of(folder, (2032, 5, 6), monkeypatch, first)
    assert later == prefix
    assert same.suffix == one.suffix
    assert "stove 1 ON" in one.suffix
    assert "stove 2 ON" in other.suffix
    assert HOME.labels[0] in prefix
    assert len(prefix) > 3 * len(one.suffix)
    for text in ("2031", "2032", "07:15:09", "23:59:59", "stove 1"):
        assert text not in prefix


def test_a_template_that_asks_for_the_day_is_given_always_the_same(tmp_path, monkeypatch):
    folder = make_family(tmp_path, "llama3")
    template = "{{ strftime_now('%Y-%m-%d') }} {% for m in messages %}{{ m.content }} {% endfor %}"
    (folder / "chat_template.jinja").write_text(template)
    prefixes = {requests_of(folder, (2031, day, 2), monkeypatch, window(1, "07:15:09"))[0] for day in (1, 2, 3)}
    assert len(prefixes) == 1
    assert "2031" not in prefixes.pop()
