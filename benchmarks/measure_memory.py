"""Print the peak memory one variant adds, in MB: `measure_memory.py "TITLE|published"`."""

import json
import sys

import torch
from memory import peak_added_mb
from speed import VARIANTS

if __name__ == "__main__":
    title, name = sys.argv[1].split("|")
    torch.set_num_threads(1)
    call = dict(VARIANTS)[title]()[name]
    with torch.inference_mode():
        print(json.dumps(peak_added_mb(call)))
