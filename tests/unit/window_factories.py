"""Make windows for tests, without pandas, which the vLLM environment does not have."""


def complete_window(window):
    """Return a window of windows.jsonl made from `window`, its id, split and events; all its gold labels are "A"."""
    dataset, session, index = window["window_id"].split("/")
    count = len(window["events"])
    return {
        "dataset": dataset,
        "session": session,
        "index": int(index),
        "gold": ["A"] * count,
        "residents": [[]] * count,
        **window,
    }
