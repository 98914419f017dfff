from hearth.evaluation.parity import ParsedAnswer, compare_formats, sample_evenly


def test_windows_are_sampled_from_the_whole_split():
    windows = [{"window_id": n} for n in range(10)]
    assert [window["window_id"] for window in sample_evenly(windows, 4)] == [0, 2, 5, 7]
    assert sample_evenly(windows, 20) == windows


def test_agreement_counts_events_and_no_label_equals_no_label():
    adapter = [ParsedAnswer("a", ["x", None], "unknown_label"), ParsedAnswer("c", ["x", "z"], "ok")]
    merged = [adapter[0], ParsedAnswer("b", ["x", "y"], "ok")]
    parities = compare_formats({"adapter": adapter, "merged": merged})
    assert parities["adapter"] == {"status": {"unknown_label": 1, "ok": 1}}
    assert parities["merged"] == {"status": {"unknown_label": 1, "ok": 1}, "agreement": 0.75, "same_text": 1}
