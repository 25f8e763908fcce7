"""Reports: one HTML page about a run, evaluations or a training. It opens from disk and asks nobody for anything."""
