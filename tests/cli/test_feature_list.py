"""The list of features in the help of commands."""

from skvae.cli.feature_list import list_of_features
from skvae.recipes import FEATURES
from skvae.table_recipes import TABLE_FEATURES


def test_every_feature_of_images_and_of_tables_has_a_line():
    images, tables = list_of_features().split("\n\n")

    assert [line.split()[0] for line in images.splitlines()[1:]] == list(FEATURES)
    assert [line.split()[0] for line in tables.splitlines()[1:]] == list(TABLE_FEATURES)
