"""Recognise activities: make raw predictions for the windows of a shard, or of a stream of events.

The package imports from `prompting`, `engines` and the packages below them. Start with `shards`. A killed shard resumes
from its `journal`, and `baselines` has the recognisers without a language model.
"""
