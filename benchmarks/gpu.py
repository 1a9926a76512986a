"""All of skvae that wants a GPU, by one command of at most eight minutes: its tests, then times.

``python benchmarks/gpu.py --output FOLDER`` in a checkout, with Python >= 3.11, torch >= 2.11,
numpy >= 2, scikit-learn and pytest; nothing is installed, and nothing is read from the network.
Each part has its time, and one that fails or is out of time does not keep the next from running.
The folder gets what they print and ``figures.json``; the table comes last, and the exit code is 0
where all parts passed. ``--device cpu`` tries it where there is no GPU, with small sizes.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
from contextlib import suppress
from importlib import metadata, util
from pathlib import Path
from time import perf_counter

from tables import show

HERE = Path(__file__).parent
ROOT = HERE.parent
PARTS = {"tests": 150, "vae_gpu": 170, "fisher_gpu": 140}  # seconds that each may take


def environment():
    """Variables of the parts: the checkout, and stand-ins for what is not installed."""
    paths = [ROOT] if util.find_spec("lazy_loader") else [ROOT, HERE / "stand_ins"]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def machine(device):
    """What it was run on, by name."""
    import torch

    found = {"device": torch.cuda.get_device_name() if device == "cuda" else "cpu"}
    found |= {"CUDA": torch.version.cuda, "Python": platform.python_version()}
    return found | {name: metadata.version(name) for name in ("torch", "numpy", "scikit-learn")}


def tests():
    """The command that runs all tests with the marker ``gpu``, and no other file."""
    files = [
        p for p in (ROOT / "tests").rglob("test_*.py") if "pytest.mark.gpu" in p.read_text("utf-8")
    ]
    options = ["-m", "gpu", "-q", "-p", "no:cacheprovider", "--maxfail=30"]
    return ["-m", "pytest", *options, *map(str, sorted(files))]


def run(command, log, seconds):
    """How a part ended, "passed" or why not."""
    with open(log, "w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [sys.executable, *command],
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=environment(),
            start_new_session=True,  # what a part has started is stopped with it
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            return f"out of time after {seconds} s"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return "passed" if code == 0 else f"failed, exit code {code}"


def part(name, device, folder):
    """(how it ended, figures) of a part."""
    log, record = folder / f"{name}.txt", folder / f"{name}.json"
    options = ["--device", device, "--record", str(record.resolve())]
    command = tests() if name == "tests" else [str(HERE / f"{name}.py"), *options]
    record.unlink(missing_ok=True)
    outcome = run(command, log, PARTS[name])
    figures = json.loads(record.read_text("utf-8")) if record.exists() else {}
    if name == "tests":
        figures["pytest"] = log.read_text("utf-8").rstrip().rpartition("\n")[2].strip("= ")
    return outcome, figures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Terminated."))  # a part ends with it
    import torch

    if options.device == "cuda" and not torch.cuda.is_available():
        parser.exit(2, "torch finds no CUDA GPU; --device cpu tries this program without one.\n")
    options.output.mkdir(parents=True, exist_ok=True)
    results, rows = {"machine": machine(options.device)}, []
    for name in options.parts:
        start = perf_counter()
        outcome, figures = part(name, options.device, options.output)
        seconds = perf_counter() - start
        print(f"{name}: {outcome}, {seconds:.0f} s", flush=True)
        results[name] = {"outcome": outcome, "seconds": round(seconds), "figures": figures}
        (options.output / "figures.json").write_text(json.dumps(results, indent=2))
        rows += [(name, "", outcome), *(("", what, value) for what, value in figures.items())]
    print("\n" + ", ".join(f"{what} {value}" for what, value in results["machine"].items()) + "\n")
    show(["part", "what", "found"], rows)
    sys.exit(any(results[name]["outcome"] != "passed" for name in options.parts))


if __name__ == "__main__":
    main()
