"""Random models from seeds: each becomes six right files, or is refused in one line."""

import pytest
from random_exports import tried

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("fresh_keras")]
SEEDS = range(8, 22)
REFUSED = {17, 20}  # SavedModels with augmentation, which draw random numbers


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_model_becomes_six_right_files(seed, tmp_path):
    found = tried(seed, tmp_path)
    assert not found.wrong
    assert (found.refused is not None) == (seed in REFUSED), found.refused
