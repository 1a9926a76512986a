"""The page in Chromium: it computes what Python computes, and follows mouse, keys and fingers."""

import numpy as np
import pandas as pd
import pytest

from skvae import VAETransformer, save_explorer


@pytest.fixture
def open_page(browser, tmp_path):
    """Write an estimator's page and open it from disk; any message or request is an error."""
    pages, complaints = [], []

    def open_(estimator, *args, context=None, **options):
        save_explorer(estimator, tmp_path / "page.html", *args, **options)
        page = browser.new_page(**(context or {}))
        pages.append(page)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        address = (tmp_path / "page.html").as_uri()
        page.on("request", lambda r: r.url == address or complaints.append(r.url))
        page.goto(address)
        return page

    yield open_
    for page in pages:
        page.close()
    assert complaints == []


@pytest.fixture(scope="module")
def on_the_map(digits):
    return VAETransformer(2, likelihood="bernoulli", max_iter=10, random_state=0).fit(digits[0])


def decoded(page, z):
    return np.array(page.evaluate("points => points.map((z) => skvae.decode(z))", z.tolist()))


def where(page):
    # Two frames later the page shows what it knows.
    page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
    return np.array(page.evaluate("skvae.where()"))


def picture(page):
    where(page)
    pixels = page.eval_on_selector(
        "#image",
        """image => {
          const copy = new OffscreenCanvas(image.width, image.height);
          const context = copy.getContext("2d", {willReadFrequently: true});
          context.drawImage(image, 0, 0);
          return Array.from(context.getImageData(0, 0, image.width, image.height).data);
        }""",
    )

    return np.array(pixels).reshape(-1, 4)[:, 0]


RNG = np.random.default_rng(0)
GREY = RNG.random((60, 63))
COLOUR = RNG.random((60, 105))
COUNTS = RNG.poisson(3.0, (60, 5)).astype(float)


@pytest.mark.parametrize(
    ("options", "X", "image_shape"),
    [
        ({"n_components": 100, "likelihood": "bernoulli"}, RNG.random((60, 784)), "auto"),
        ({"n_components": 2, "max_value": 255, "prior": "mixture"}, np.round(255 * GREY), (9, 7)),
        ({"n_components": 1, "activation": "tanh", "likelihood": "gaussian"}, GREY, None),
        ({"n_components": 5, "likelihood": "gaussian_diag"}, 1e4 + 50 * GREY, (7, 9)),
        ({"n_components": 3, "likelihood": "poisson"}, COUNTS, "auto"),
        ({"n_components": 4, "network": "conv", "image_shape": (7, 5, 3)}, COLOUR, "auto"),
        ({"n_components": 2, "network": "conv", "image_shape": (9, 7)}, GREY, "auto"),
    ],
    ids=["seed", "8 bits", "tanh", "gaussian_diag", "poisson", "conv in colour", "conv"],
)
def test_the_page_decodes_as_python_does(options, X, image_shape, open_page):
    vae = VAETransformer(**options, max_iter=3, random_state=0).fit(X)
    page = open_page(vae, image_shape=image_shape)
    z = RNG.normal(size=(100, vae.n_components)).astype(np.float32)
    unit = vae.max_value if vae.scale_ is None else vae.scale_

    assert np.abs((decoded(page, z) - vae.inverse_transform(z.astype(float))) / unit).max() < 1e-4


def test_the_page_decodes_a_table_as_python_does(open_page):
    ports = RNG.choice(["C", "Q", "S"], 60)
    table = pd.DataFrame(
        {"port": ports, "fare": RNG.lognormal(3, 1, 60), "smokes": RNG.random(60) < 0.3}
    )
    vae = VAETransformer(3, max_iter=3, random_state=0).fit(table)
    z = RNG.normal(size=(50, 3)).astype(np.float32)
    fitted, shown = vae.fitted_, decoded(open_page(vae, table), z)
    expected = fitted.decode_input(z, fitted.to_units)

    assert np.abs(shown - expected).max() < 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(shown[:, 1:4].sum(axis=1), 1)


def test_a_frame_decodes_once_however_far_the_hand_has_moved(open_page, on_the_map):
    page = open_page(on_the_map)
    where(page)
    n_drawn, n_later = page.evaluate(
        """async () => {
          let n = 0;
          views.push(() => n++);
          const frame = () => new Promise(requestAnimationFrame);
          for (let i = 0; i <= 1000; i++) skvae.moveTo([i / 1000, -i / 1000]);
          await frame().then(frame);
          const nDrawn = n;
          await frame().then(frame);
          return [nDrawn, n];
        }"""
    )
    x = on_the_map.inverse_transform([[1.0, -1.0]])[0]

    assert n_drawn == n_later == 1
    assert np.abs(picture(page) - 255 * x).max() <= 1


def test_the_mouse_moves_the_point(open_page, on_the_map, digits):
    page = open_page(on_the_map, *digits)
    before = picture(page)
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"])
    ranges = np.array(page.evaluate("ranges"))
    x = on_the_map.inverse_transform([where(page)])[0]

    assert where(page) == pytest.approx([ranges[0] @ [0.3, 0.7], ranges[1] @ [0.4, 0.6]], abs=0.02)
    assert np.abs(picture(page) - 255 * x).max() <= 1
    assert not np.array_equal(picture(page), before)
    assert f"({where(page)[0]:.2f}, {where(page)[1]:.2f})" in page.inner_text("#place")


def test_the_wheel_and_buttons_zoom_the_map(open_page, on_the_map, digits):
    page = open_page(on_the_map, *digits)
    ranges = np.array(page.evaluate("ranges"))
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"])
    under = where(page)
    page.mouse.wheel(0, -240)
    assert where(page) == pytest.approx(under)
    shown = np.array(page.evaluate("shown"))
    np.testing.assert_allclose(np.diff(shown), np.diff(ranges) / 2)
    assert shown[0] @ [0.3, 0.7] == pytest.approx(under[0], abs=0.02)
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    assert where(page) == pytest.approx(shown.mean(axis=1), abs=0.02)

    page.evaluate("skvae.moveTo(ranges.map((range) => range[0]))")
    corner = where(page)
    shown = np.array(page.evaluate("shown"))
    assert (shown[:, 0] <= corner).all() and (corner <= shown[:, 1]).all()
    page.get_by_role("button", name="Whole map").click()
    np.testing.assert_allclose(page.evaluate("shown"), ranges)
    page.get_by_role("button", name="Zoom in").click()
    page.keyboard.press("Shift+Tab")
    page.locator("#map").press("-")
    np.testing.assert_allclose(page.evaluate("shown"), ranges)


def test_keys_move_the_point(open_page, on_the_map):
    page = open_page(on_the_map)
    before = picture(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "map"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    small, large = where(page)

    assert large == pytest.approx(5 * small)
    assert small > 0
    assert not np.array_equal(picture(page), before)
    assert page.inner_text("#status") == page.inner_text("#place") != ""
    for _ in range(20):
        page.keyboard.press("Shift+ArrowDown")
    assert where(page)[1] == pytest.approx(page.evaluate("ranges[1][0]"))
    page.keyboard.press("Home")
    assert np.array_equal(where(page), [0, 0])
    assert np.array_equal(picture(page), before)


def test_a_slider_moves_one_dimension(open_page, digits):
    vae = VAETransformer(15, likelihood="bernoulli", max_iter=3, random_state=0).fit(digits[0])
    page = open_page(vae)
    before = picture(page)
    best = int(np.argmax(vae.kl_per_dimension_))
    page.locator("#sliders input").first.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert np.array_equal(np.flatnonzero(where(page)), [best])
    assert not np.array_equal(picture(page), before)
    assert page.locator("#sliders input").count() == 12
    assert page.locator("#more input").count() == 3
    assert not page.locator("#space").is_visible()


PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def test_a_finger_moves_the_point_and_not_the_page(open_page, on_the_map, digits):
    page = open_page(on_the_map, *digits, context=PHONE)
    before = picture(page)
    box = page.locator("#map").bounding_box()
    send = page.context.new_cdp_session(page).send

    def touch(kind, *shares):
        points = [
            {"x": box["x"] + box["width"] * across, "y": box["y"] + box["height"] * down}
            for across, down in shares
        ]
        send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        return where(page)

    touch("touchStart", (0.5, 0.3))
    start = where(page)
    end = touch("touchMove", (0.2, 0.1))
    touch("touchEnd")

    assert end[0] < start[0]
    assert end[1] > start[1]
    assert not np.array_equal(picture(page), before)
    assert page.evaluate("scrollY") == 0
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["viewport"]["width"]


@pytest.mark.parametrize("prior", ["normal", "mixture"])
def test_a_class_keeps_the_style(open_page, digits, prior):
    X, y = digits
    vae = VAETransformer(
        4,
        likelihood="bernoulli",
        conditional="prior",
        prior=prior,
        max_iter=5,
        random_state=0,
    ).fit(X, y)
    scales = np.sqrt(getattr(vae, "class_variances_", np.ones((10, 4))))
    page = open_page(vae, X, y)
    style = np.array([0.5, -0.5, 0.25, 0.0])
    page.get_by_role("button", name="3", exact=True).click()
    assert np.allclose(where(page), vae.class_means_[3])
    page.evaluate("d => skvae.moveTo(skvae.where().map((v, i) => v + d[i]), 3)", style.tolist())
    page.get_by_role("button", name="7", exact=True).click()

    assert np.allclose(where(page), vae.class_means_[7] + style * scales[7] / scales[3])
    assert page.locator("#choosers [aria-pressed=true]").inner_text() == "7"
    x = vae.inverse_transform([where(page)])[0]
    assert np.abs(picture(page) - 255 * x).max() <= 1


def test_a_class_of_the_decoder(open_page, digits):
    X, y = digits
    model = VAETransformer(
        2, likelihood="bernoulli", conditional="decoder", max_iter=5, random_state=0
    ).fit(X, y)
    page = open_page(model, X, y)
    before = picture(page)
    page.get_by_role("button", name="6", exact=True).click()
    page.evaluate("skvae.moveTo([0.5, -1])")
    x = model.inverse_transform([[0.5, -1]], y=6)[0]

    assert np.abs(picture(page) - 255 * x).max() <= 1
    assert np.abs(page.evaluate("skvae.decode([0.5, -1], 6)") - x).max() < 1e-4
    assert page.locator("#choosers [aria-pressed=true]").inner_text() == "6"
    assert not np.array_equal(picture(page), before)


def test_conditions_are_buttons_and_a_slider(open_page):
    table = pd.DataFrame(
        {
            "ward": RNG.choice(["A", "B", "C"], 60),
            "age": RNG.normal(50, 15, 60),
            "dose": RNG.lognormal(3, 1, 60),
            "weight": RNG.normal(70, 10, 60),
        }
    )
    model = VAETransformer(
        2, conditional="decoder", conditions=["ward", "age"], max_iter=5, random_state=0
    ).fit(table)
    page = open_page(model, table)
    page.get_by_role("button", name="B", exact=True).click()
    page.get_by_label("age").focus()
    page.keyboard.press("End")
    page.evaluate("skvae.moveTo([0.5, -1])")
    where(page)
    age = float(page.get_by_label("age").input_value())
    shown = [float(text) for text in page.locator("#features td:nth-child(2)").all_inner_texts()]
    expected = model.inverse_transform([[0.5, -1]], y=["B", age])[["dose", "weight"]]

    assert age == pytest.approx(table["age"].mean() + 2.5 * table["age"].std(ddof=0), rel=0.01)
    assert shown == pytest.approx(expected.to_numpy()[0], rel=1e-3)
    given = page.evaluate("skvae.decode([0.5, -1], [2, 30])")
    expected = model.inverse_transform([[0.5, -1]], y=["C", 30.0])[["dose", "weight"]]
    assert given == pytest.approx(expected.to_numpy()[0], rel=1e-4)


def test_buttons(open_page, on_the_map, digits):
    page = open_page(on_the_map, *digits)
    page.get_by_role("button", name="Random data point").click()
    means = on_the_map.transform(digits[0])
    assert np.abs(means - where(page)).max(axis=1).min() < 1e-4 or (where(page) == 3.5).any()
    page.get_by_role("button", name="Draw from the prior").click()
    assert where(page).all()
    page.get_by_role("button", name="Origin").click()
    assert not where(page).any()


def test_features_are_a_table(open_page):
    X = np.c_[RNG.normal(10, 1, 80), RNG.normal(-5, 3, 80)]
    vae = VAETransformer(2, max_iter=5, random_state=0).fit(X)
    page = open_page(vae)
    page.evaluate("skvae.moveTo([1, -1])")
    x = vae.inverse_transform([where(page)])[0]
    shown = [float(text) for text in page.locator("#features td:nth-child(2)").all_inner_texts()]

    assert page.locator("#features th").all_inner_texts() == ["x0", "x1"]
    assert shown == pytest.approx(x, rel=1e-3)
    assert not page.locator("#image").is_visible()


def test_names_of_features_are_whole(open_page):
    names = ["a_rather_long_name_of_a_measured_quantity_in_mm", "short", "of several words, in kg"]
    frame = pd.DataFrame(RNG.normal(size=(80, 3)), columns=names)
    page = open_page(VAETransformer(2, max_iter=2, random_state=0).fit(frame))
    heights = page.eval_on_selector_all("#features th", "all => all.map((th) => th.clientHeight)")
    assert page.locator("#features th").all_inner_texts() == names
    assert heights[0] == heights[1]  # a name of one word stands in one line


def test_dark_and_light(open_page, on_the_map, digits):
    colours = []
    for scheme in ("light", "dark"):
        page = open_page(on_the_map, *digits, context={"color_scheme": scheme})
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert page.locator("#legend li").all_inner_texts() == list("0123456789")

    assert colours == ["rgb(255, 255, 255)", "rgb(22, 24, 28)"]
