"""Recognition: the windows of a shard, or of a stream of events, to raw predictions.

The package imports from `prompting`, `engines` and the packages below them. Start with `shards`; `journal` makes a
killed shard resume, and `baselines` are the recognisers without a language model.
"""
