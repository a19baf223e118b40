"""Presets: which numbers they set, what wins over them, and what is said of a setting's origin."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.domain.analysis import Analysis, Origin, Preset
from provider.domain.analysis.presets import NUMBERS
from provider.domain.fields import InvalidDocumentError, read, write

PRESETS = st.sampled_from(list(Preset))


@pytest.mark.parametrize("preset", Preset)
def test_a_preset_sets_its_numbers_and_leaves_the_others_at_their_defaults(preset: Preset) -> None:
    written = write(read(Analysis, {"preset": preset}))

    assert {**write(Analysis()), **NUMBERS[preset], "preset": preset} == written


def test_balanced_is_the_default() -> None:
    assert write(Analysis()) == {
        name: value for name, value in write(read(Analysis, {"preset": "balanced"})).items() if name != "preset"
    }


def test_a_careful_analysis_asks_for_more_than_a_fast_one() -> None:
    careful, balanced, fast = (read(Analysis, {"preset": name}) for name in ("careful", "balanced", "fast"))

    assert careful.margin < balanced.margin < fast.margin
    assert careful.beta < balanced.beta < fast.beta
    assert careful.min_requests > balanced.min_requests > fast.min_requests


@given(PRESETS, st.sampled_from([{}, {"margin": 4.0}, {"beta": 0.2, "minRequests": 7}]))
def test_numbers_beside_a_preset_win_and_stay_when_they_are_read_again(
    preset: Preset, given_beside: dict[str, Any]
) -> None:
    settings = read(Analysis, {"preset": preset, **given_beside})

    assert {name: write(settings)[name] for name in given_beside} == given_beside
    assert read(Analysis, write(settings)) == settings
    assert settings.origins() == read(Analysis, write(settings)).origins()


def test_each_setting_has_its_origin() -> None:
    settings = read(Analysis, {"preset": "careful", "margin": 3, "limits": {"successRate": 99}})
    origins = {name: origin for name, (_, origin) in settings.origins().items()}

    assert (origins["margin"], origins["limits"]) == (Origin.SET, Origin.SET)
    assert (origins["beta"], origins["alpha"]) == (Origin.PRESET, Origin.DEFAULT)
    assert settings.origins()["worseThan"] == (1.1, Origin.PRESET)
    assert "preset" not in origins


def test_without_a_preset_nothing_comes_from_one() -> None:
    assert {Origin.DEFAULT} == {origin for _, origin in Analysis().origins().values()}


@pytest.mark.parametrize("preset", ["slow", "", 1, ["fast"], {}])
def test_an_unknown_preset_is_reported_at_its_field(preset: object) -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        read(Analysis, {"preset": preset})

    assert [mistake.pointer for mistake in caught.value.mistakes] == ["/preset"]
