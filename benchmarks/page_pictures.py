"""Pictures of what skvae writes as pages, on a desktop and on a phone in the dark.

``SKVAE_DATA_HOME=... python page_pictures.py explorer docs/explorer.png`` (a map of MNIST) and
``python page_pictures.py report docs/report.png`` (the comparison on digits), a minute each with
the extra ``browser`` and Chromium.
"""

import argparse
import io
import tempfile
from pathlib import Path

from chromium import chromium
from mnist import mnist
from PIL import Image

from skvae import VAETransformer, save_explorer
from skvae.cli import main as command

GAP, GREY = 24, "#999999"
SCREENS = {"light": 1210, "dark": 416}


def explorer(path):
    """Write the page, and say where its scripts should move to on each screen."""
    X, _ = mnist("train")
    X_test, y_test = mnist("test")
    settings = {"batch_size": 128, "learning_rate_init": 1e-3, "warm_up": 0.2, "random_state": 0}
    vae = VAETransformer(2, likelihood="bernoulli", max_iter=25, **settings).fit(X)
    save_explorer(vae, path, X_test, y_test, title="A latent map of MNIST")

    return {"light": "skvae.moveTo([-1.5, 1])", "dark": "skvae.moveTo([1.4, -0.35])"}


def report(path):
    """Write the page, on which nothing moves."""
    command.main(["compare", "--n-jobs", "2", "--report", str(path)])

    return {"light": "null", "dark": "null"}


def shoot(browser, address, scheme, height, script):
    """The upper part of the page after a script."""
    screen = {"width": SCREENS[scheme], "height": height}
    page = browser.new_page(viewport=screen, color_scheme=scheme)
    page.goto(address)
    page.evaluate(script)
    page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")

    return Image.open(io.BytesIO(page.screenshot()))


def side_by_side(shots):
    """One picture of all, with a grey gap between them."""
    width = sum(shot.width for shot in shots) + GAP * (len(shots) - 1)
    picture = Image.new("RGB", (width, shots[0].height), GREY)
    left = 0
    for shot in shots:
        picture.paste(shot, (left, 0))
        left += shot.width + GAP

    return picture.quantize(256)


def main():
    kinds = {"explorer": (explorer, 900), "report": (report, 1250)}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=kinds)
    parser.add_argument("picture", metavar="FILE.png")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        page = Path(folder) / "page.html"
        write, height = kinds[arguments.kind]
        scripts = write(page)
        shots = [shoot(browser, page.as_uri(), s, height, scripts[s]) for s in SCREENS]
    side_by_side(shots).save(arguments.picture, optimize=True)


if __name__ == "__main__":
    main()
