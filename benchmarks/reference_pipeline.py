"""A case in the order that MONAI's model zoo has it: class probabilities back on the scan's grid, then their argmax.

    .venv/bin/python benchmarks/reference_pipeline.py SCAN OUT --checkpoint FILE [--settings '{"embed_dim": 16}']

The peer of ``benchmarks/pipeline.py``. Preprocessing is the bundle's, so that both see the same volume; windows,
inversion and saving are MONAI's own. Prints seconds by stage and the peak of memory as one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from bundle_trial import ROOT
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.inferers import SlidingWindowInferer
from monai.transforms import SaveImage, SpatialResample

from swinx.networks import load_weights
from swinx.resources import ResourceMonitor

CONFIG = ROOT / "bundles" / "swinx_seg" / "configs" / "inference.json"


def main() -> None:
    """Segment, and print what it took."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("scan", type=Path)
    options.add_argument("out", type=Path)
    options.add_argument("--checkpoint", type=Path, required=True)
    options.add_argument("--settings", type=json.loads, default={})
    given = options.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    parser = ConfigParser(json.loads(CONFIG.read_text(encoding="utf-8")))
    for name, value in {"bundle_root": str(CONFIG.parents[1]), **given.settings}.items():
        parser[name] = value
    network = parser.get_parsed_content("network_def")
    load_weights(network, given.checkpoint)
    network = network.eval().to(device)
    preprocessing = parser.get_parsed_content("preprocessing")
    inferer = SlidingWindowInferer(
        parser.get_parsed_content("roi_size"), overlap=parser["overlap"], mode="gaussian", progress=True
    )
    monitor = ResourceMonitor(device)
    monitor.start()
    seconds: dict[str, float] = {}

    def stamp(stage: str, since: float) -> float:
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds[stage] = round(time.perf_counter() - since, 2)
        return time.perf_counter()

    clock = time.perf_counter()
    image = preprocessing({"image": str(given.scan)})["image"]
    clock = stamp("preprocess", clock)
    with torch.no_grad(), torch.autocast(device.type, enabled=device.type == "cuda"):
        scores = inferer(image[None].to(device), network)[0].float()
    clock = stamp("network", clock)
    labels_at_the_model_s_grid = scores.argmax(dim=0).to(torch.uint8).cpu()
    clock = time.perf_counter()
    # As in MONAI's evaluator, whose output keeps the scores until all of the postprocessing is done.
    probabilities = MetaTensor(torch.softmax(scores.as_tensor(), dim=0), affine=image.affine)
    inverted = SpatialResample(mode="bilinear", padding_mode="zeros")(
        probabilities, dst_affine=image.meta["original_affine"], spatial_size=image.meta["spatial_shape"].tolist()
    )
    # Beyond the crop all probabilities are zero, and the first class, background, is the largest.
    labels = MetaTensor(inverted.as_tensor().argmax(dim=0, keepdim=True).to(torch.uint8), affine=inverted.affine)
    clock = stamp("restore", clock)
    labels.meta["filename_or_obj"] = str(given.scan)
    SaveImage(given.out, output_postfix="", separate_folder=False, output_dtype="uint8", print_log=False)(labels.cpu())
    stamp("save", clock)
    memory = monitor.stop()
    torch.save(labels_at_the_model_s_grid, given.out / "model_grid.pt")
    seconds["total"] = round(sum(seconds.values()), 2)
    print(json.dumps({"seconds": seconds, "peak_memory": vars(memory), "network_shape": list(image.shape[1:])}))


if __name__ == "__main__":
    main()
