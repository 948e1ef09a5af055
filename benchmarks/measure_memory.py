"""Print the peak memory one variant adds, in MB: `measure_memory.py TITLE published`."""

import json
import sys

import torch
from comparisons import COMPARISONS
from memory import peak_added_mb

if __name__ == "__main__":
    title, variant = sys.argv[1:]
    torch.set_num_threads(1)
    (wanted,) = (entry for entry in COMPARISONS if entry.title == title)
    made = wanted.make()
    with torch.inference_mode():
        print(json.dumps(peak_added_mb(made.calls[variant], made.one_prompt[variant])))
