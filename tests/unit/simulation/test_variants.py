"""Test variants of homes: the days of their home, in words of their own that prompts, files and yaml share."""

import draw_home
import pytest
from hearth.common.cli import UserError
from hearth.data.sources.registry import SOURCES
from hearth.homes.home import load_home
from hearth.simulation.formats import FORMATS
from hearth.simulation.variants import draw_variant, missing_sensors
from repository import HOMES
from simulated_homes import files_below

SOURCES_AND_SEEDS = [(source, seed) for source in sorted(FORMATS) for seed in (12, 13, 14, 15)]


def base(source):
    return load_home(HOMES / f"{source}.yaml")


def events_of(source, home, seed, root, missing=0):
    FORMATS[source](root, seed, 3, home, missing)
    return SOURCES[source].read(root, home)


@pytest.mark.parametrize(("source", "seed"), SOURCES_AND_SEEDS)
def test_a_variant_has_the_events_of_its_home_in_other_words(source, seed, tmp_path):
    home, variant = base(source), draw_variant(base(source), source, seed)
    events, report = events_of(source, home, seed, tmp_path / "home")
    varied, varied_report = events_of(source, variant, seed, tmp_path / "variant")
    own = dict(zip(home.labels, variant.labels, strict=True))
    assert varied["activity"].tolist() == [own[label] for label in events["activity"]]
    assert varied[["time", "sensor", "residents"]].equals(events[["time", "sensor", "residents"]])
    assert (varied_report.rows, varied_report.warnings) == (report.rows, report.warnings)


def test_variants_of_one_home_differ_in_labels_and_sensors():
    for source in FORMATS:
        variants = [draw_variant(base(source), source, seed) for seed in range(40)]
        assert len({variant.labels for variant in variants}) == 3
        assert len({tuple(sensor.words for sensor in variant.sensors.values()) for variant in variants}) == 2
        assert {missing_sensors(seed) for seed in range(40)} == set(range(6))


@pytest.mark.parametrize(("source", "seed"), SOURCES_AND_SEEDS)
def test_the_yaml_of_a_variant_is_the_variant_and_says_that_it_is_simulated(source, seed, tmp_path):
    out = tmp_path / "home.yaml"
    options = ["--variant-of", str(HOMES / f"{source}.yaml"), "--source", source]
    draw_home.main(["--seed", str(seed), *options, "--out", str(out)])
    assert load_home(out) == draw_variant(base(source), source, seed)
    assert out.read_text().startswith("# SIMULATED")


@pytest.mark.parametrize("source", sorted(FORMATS))
def test_every_label_of_a_variant_keeps_its_common_label(source):
    home, variant = base(source), draw_variant(base(source), source, 14)
    assert list(variant.common_labels) == list(variant.labels)
    assert list(variant.common_labels.values()) == list(home.common_labels.values())


def test_the_program_wants_the_format_of_the_varied_home(tmp_path):
    with pytest.raises(UserError, match="use both for a variant"):
        draw_home.main(
            ["--seed", "1", "--variant-of", str(HOMES / "marble.yaml"), "--out", str(tmp_path / "home.yaml")]
        )
    assert not files_below(tmp_path)
