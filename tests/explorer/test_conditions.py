import numpy as np
import pandas as pd

from skvae.explorer.conditions import conditions_of, some_conditions
from skvae.vae.conditions import Conditions

TABLE = pd.DataFrame({"x": 1.0, "smokes": [True, False] * 4, "age": np.arange(8.0) * 10})
KNOWN = Conditions.fit(["age", "smokes"], TABLE)


def test_categories_have_names_and_numbers_the_ends_of_a_slider():
    age, smokes = conditions_of(KNOWN)
    mean, scale = TABLE["age"].mean(), TABLE["age"].std(ddof=0)

    assert age == {
        "name": "age",
        "mean": mean,
        "scale": scale,
        "ends": [mean - 2.5 * scale, mean + 2.5 * scale],
    }
    assert smokes == {"name": "smokes", "categories": [{"name": "False"}, {"name": "True"}]}


def test_some_rows_have_each_category_and_numbers_from_end_to_end():
    y = some_conditions(KNOWN, 5)
    age, smokes = KNOWN.of_table(y, 5)

    assert [age[0], age[-1]] == conditions_of(KNOWN)[0]["ends"]
    assert smokes.tolist() == [False, True, False, True, False]
