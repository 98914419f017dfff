"""Kill runs with SIGKILL and recover: every table but `cost` must equal that of the uninterrupted reference run."""

import shutil

from run_killing import count_lines, kill_when

STUDENT = "tiny-s_reasoning_sim-mural"
ADAPTER = f"results/students/{STUDENT}/fold1/adapter/adapter_model.safetensors"


def test_a_run_killed_in_recognition_and_in_training_ends_with_the_same_bytes(finished_run, reference_run):
    """Kill a base model's recognition, then a training, then the student's recognition.

    One run is killed three times, because every complete run takes a minute. It recovers in both documented ways: by
    `--unlock` and the same command, and by resume.py.
    """
    run = finished_run.directory
    predictions = {name: f"predictions/{name}/sim-marble/test1" for name in ("tiny-m", STUDENT)}
    # Delete scores and tables too: while they exist, Snakemake does not make the other files again.
    deleted = ["results/tables", "results/scores", f"results/students/{STUDENT}", f"work/students/{STUDENT}"]
    deleted += [f"{top}/{folder}" for top in ("results", "work") for folder in predictions.values()]
    for folder in deleted:
        shutil.rmtree(run / folder)

    def recognising(name):
        return lambda: count_lines(run / "work" / predictions[name]) >= 2

    def assert_recognition_stopped(name):
        assert not list((run / "results" / predictions[name]).glob("all.jsonl"))

    def assert_recognition_resumed(name):
        logs = (run / "logs/recognise" / name / "sim-marble/test1").rglob("*.log")
        assert any("are done already" in log.read_text() for log in logs)

    teacher_first = (f"results/{predictions['tiny-m']}/all.jsonl",)
    kill_when(finished_run.start(*teacher_first), recognising("tiny-m"))
    assert_recognition_stopped("tiny-m")
    finished_run.run("--unlock")
    finished_run.run(*teacher_first)
    assert_recognition_resumed("tiny-m")

    tables = {f"table_{name.partition('.')[0]}" for name in reference_run.read_tables()}
    kill_when(finished_run.start(*tables), lambda: any((run / f"work/students/{STUDENT}").rglob("checkpoint-4")))
    assert not (run / ADAPTER).exists()

    kill_when(finished_run.start_resume(), recognising(STUDENT))
    assert_recognition_stopped(STUDENT)
    assert (run / ADAPTER).read_bytes() == (reference_run.directory / ADAPTER).read_bytes()
    process = finished_run.start_resume()
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output[-6000:]
    assert_recognition_resumed(STUDENT)
    assert finished_run.read_tables() == reference_run.read_tables()
