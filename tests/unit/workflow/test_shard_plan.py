"""Test that the plan of a split keeps the shards that have predictions or a journal, and cuts only what they leave."""

from hearth.workflow.shard_plan import plan_shards


def names(windows, folder, size):
    return [shard.name for shard in plan_shards(windows, folder / "results", folder / "work", lambda: size)]


def finish(folder, *shards):
    (folder / "results").mkdir(exist_ok=True)
    for shard in shards:
        (folder / f"results/{shard}.jsonl").touch()
        (folder / f"results/{shard}.stats.json").touch()


def begin(folder, *shards):
    for shard in shards:
        (folder / "work" / shard).mkdir(parents=True)


def test_a_new_split_is_cut_by_size(tmp_path):
    assert names(25, tmp_path, 10) == ["00000-00007", "00008-00015", "00016-00024"]


def test_another_size_changes_only_what_no_job_has_begun(tmp_path):
    finish(tmp_path, "00000-00009")
    begin(tmp_path, "00000-00009", "00020-00029")
    expected = ["00000-00009", "00010-00014", "00015-00019", "00020-00029", "00030-00034", "00035-00039"]
    assert names(40, tmp_path, 5) == expected


def test_files_that_are_no_shards_are_ignored(tmp_path):
    finish(tmp_path, "all", "parsed", "00000-00009.part")
    begin(tmp_path, "old")
    assert names(5, tmp_path, 10) == ["00000-00004"]


def test_the_size_is_not_needed_when_every_window_has_a_shard(tmp_path):
    finish(tmp_path, "00000-00009", "00010-00019")

    def no_size():
        raise AssertionError

    assert len(plan_shards(20, tmp_path / "results", tmp_path / "work", no_size)) == 2


def test_a_split_of_more_than_100000_windows(tmp_path):
    shards = names(101_000, tmp_path, 1000)
    assert shards[-2:] == ["99000-99999", "100000-100999"]
    finish(tmp_path, *shards)
    assert names(101_000, tmp_path, 7) == shards
