import pytest

from skvae.vae.part_types import Likelihood, Network, NetworkSizes, Prior


@pytest.mark.parametrize("kind", [Likelihood, Network, Prior])
def test_a_description_that_says_nothing_has_no_capability(kind):
    bare = kind("bare")
    told = {name: value for name, value in vars(bare).items() if name not in ("name", "learned")}
    assert not any(told.values())
    assert repr(bare) == f"{kind.__name__}(name='bare')"


def test_sizes_count_what_stands_beside_values_and_latent_points():
    plain = NetworkSizes(6, 2, (5,), "relu")
    assert plain.of_encoder == (6, 4) and plain.of_decoder == (2, 6)
    more = NetworkSizes(6, 2, (5,), "relu", n_labels=3, outputs_per_feature=2, sees_mask=True)
    assert more.of_encoder == (12, 4) and more.of_decoder == (5, 12)


@pytest.mark.parametrize("page_mean", ["alert(1)", "output; alert(1)", "output[0]", "a => a", "'"])
def test_only_arithmetic_stands_in_a_page(page_mean):
    with pytest.raises(ValueError, match="page_mean of likelihood='w' may hold output"):
        Likelihood("w", page_mean=page_mean).page_expression()
