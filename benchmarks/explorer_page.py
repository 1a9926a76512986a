"""The explorer's page for the decoder (100-200-200-784): size, error, frames per second.

``SKVAE_DATA_HOME=... python explorer_page.py``, about two minutes with the extra ``browser`` and
Chromium. With npm at hand it also weighs the libraries that could compute the decoder.
"""

import base64
import copy
import gzip
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from chromium import chromium

from skvae import VAETransformer, datasets, save_explorer

_WASM = "ort-wasm-simd-threaded.wasm"
# What would have to be in the page: files of npm packages.
LIBRARIES = {
    "onnxruntime-web@1.30.0": [
        "ort.wasm.min.js",
        "ort-wasm-simd-threaded.mjs",
        "ort-wasm-simd-threaded.wasm",
    ],
    "@litertjs/core@2.5.3": ["wasm/litert_wasm_internal.wasm"],
    "@tensorflow/tfjs-core@4.22.0": ["dist/tf-core.min.js"],
    "@tensorflow/tfjs-backend-cpu@4.22.0": ["dist/tf-backend-cpu.min.js"],
    "@jax-js/jax@0.1.25": ["dist/index.js", "dist/backend-*.js"],
    "ml-matrix@6.15.1": ["matrix.umd.js"],
}
FRAMES = """async () => {
  const start = performance.now();
  let frames = 0;
  while (performance.now() - start < 5000) {
    skvae.moveTo(skvae.where().map(() => 4 * Math.random() - 2));
    await new Promise(requestAnimationFrame);
    frames++;
  }
  return frames / 5;
}"""
COMPUTE = """() => {
  const points = Array.from({length: 300}, () => z.map(() => 4 * Math.random() - 2));
  const times = points.map((point) => {
    const start = performance.now();
    skvae.decode(point);
    return performance.now() - start;
  });
  return times.sort((a, b) => a - b)[150];
}"""


def in_page(content, compressed):
    """Bytes of a file in base64, gzipped first or not."""
    return len(base64.b64encode(gzip.compress(content, 9) if compressed else content))


def weigh():
    with tempfile.TemporaryDirectory() as folder:
        for package, patterns in LIBRARIES.items():
            command = ["npm", "pack", "--silent", "--ignore-scripts", package]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
            with tarfile.open(Path(folder) / done.stdout.strip()) as archive:
                found = {
                    member.name: archive.extractfile(member).read()
                    for member in archive.getmembers()
                    if any(Path(member.name).match(pattern) for pattern in patterns)
                }
            plain = sum(map(len, found.values()))
            sizes = [sum(in_page(c, zipped) for c in found.values()) for zipped in (False, True)]
            print(f"{package}: {plain:,} bytes; base64 {sizes[0]:,}, gzip and base64 {sizes[1]:,}")


def fitted_model():
    data = datasets.load_mnist(subset="train")
    vae = VAETransformer(
        100, hidden_layer_sizes=(200, 200), binarize="threshold", max_iter=3, random_state=0
    )

    return vae.fit((data.data[:20_000] / 255).astype(np.float32))


def half_precision(vae):
    """A copy of the model whose weights are rounded to 16 bits."""
    half = copy.copy(vae)
    half.parameters_ = {k: np.float32(np.float16(v)) for k, v in vae.parameters_.items()}

    return half


def main():
    vae = fitted_model()
    z = np.random.default_rng(0).normal(size=(100, 100)).astype(np.float32)
    x = vae.inverse_transform(z.astype(np.float64))
    print(
        f"float16 weights: error {np.abs(half_precision(vae).inverse_transform(z) - x).max():.1e}"
    )
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        path = Path(folder) / "explorer.html"
        save_explorer(vae, path)
        page = browser.new_page()
        page.goto(path.as_uri())
        decoded = np.array(page.evaluate("points => points.map(skvae.decode)", z.tolist()))
        print(f"page: {path.stat().st_size:,} bytes")
        print(f"error at 100 points: {np.abs(decoded - x).max():.1e}")
        print(f"median decode: {page.evaluate(COMPUTE):.2f} ms")
        print(f"frames per second: {page.evaluate(FRAMES):.0f} (Chromium {browser.version})")
    if shutil.which("npm"):
        weigh()


if __name__ == "__main__":
    main()
