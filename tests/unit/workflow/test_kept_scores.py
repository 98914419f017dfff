from hearth.workflow.kept_scores import kept_scores


def test_scores_whose_predictions_were_deleted_are_said(tmp_path):
    for pair in ("kept/home", "lost/home"):
        score = tmp_path / "results" / "scores" / f"{pair}.json"
        score.parent.mkdir(parents=True)
        score.write_text("{}")
    (tmp_path / "results" / "predictions" / "kept" / "home" / "test1").mkdir(parents=True)
    (tmp_path / "results" / "predictions" / "lost" / "other").mkdir(parents=True)
    (line,) = kept_scores([("kept", "home"), ("lost", "home"), ("new", "home")], tmp_path)
    assert line.startswith("results/scores/lost/home.json is kept, although")
    assert line.endswith("results/predictions/lost/home are gone; to recognise anew, delete it too")
