"""The picture of docs/explorer.md: the page of a map of MNIST, on a desktop and on a dark phone.

``SKVAE_DATA_HOME=... python explorer_picture.py FILE.png``, a minute with the extra ``browser`` and
Chromium.
"""

import argparse
import io
import shutil
import tempfile
from pathlib import Path

from mnist import mnist
from PIL import Image
from playwright.sync_api import sync_playwright

from skvae import VAETransformer, save_explorer

HEIGHT = 900
SCREENS = [
    {"width": 1210, "color_scheme": "light", "z": [-1.5, 1.0]},
    {"width": 416, "color_scheme": "dark", "z": [1.4, -0.35]},
]


def shoot(page, z):
    """The visible part of the page after a move to z."""
    page.evaluate("z => skvae.moveTo(z)", z)
    page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")

    return Image.open(io.BytesIO(page.screenshot()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", metavar="FILE.png")
    path = parser.parse_args().picture
    X, _ = mnist("train")
    X_test, y_test = mnist("test")
    vae = VAETransformer(2, max_iter=25, batch_size=128, random_state=0).fit(X)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as running:
        file = Path(folder) / "explorer.html"
        save_explorer(vae, file, X_test, y_test, title="A latent map of MNIST")
        chromium = shutil.which("chromium") or running.chromium.executable_path
        browser = running.chromium.launch(executable_path=chromium, chromium_sandbox=False)
        shots = []
        for screen in SCREENS:
            page = browser.new_page(
                viewport={"width": screen["width"], "height": HEIGHT},
                color_scheme=screen["color_scheme"],
            )
            page.goto(file.as_uri())
            shots.append(shoot(page, screen["z"]))
        browser.close()
    both = Image.new("RGB", (sum(shot.width for shot in shots), HEIGHT))
    left = 0
    for shot in shots:
        both.paste(shot, (left, 0))
        left += shot.width
    both.quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    main()
