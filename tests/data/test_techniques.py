"""Which techniques count as loaded."""

from __future__ import annotations

from typing import Any

import pytest

from slant.data.techniques import chosen_techniques
from slant.errors import ConfigError

KNOWN = ("Loaded_Language", "Doubt", "Name_Calling,Labeling")


def test_the_named_ones_or_all() -> None:
    assert chosen_techniques(["Doubt", "Name_Calling,Labeling"], KNOWN) == {"Doubt", "Name_Calling,Labeling"}
    assert chosen_techniques(None, KNOWN) == set(KNOWN)


@pytest.mark.parametrize(
    ("techniques", "message"),
    [
        (["Loaded_Languag"], "data.techniques: unknown technique 'Loaded_Languag'. Did you mean 'Loaded_Language'?"),
        (["Doubt", "Name_Calling"], "unknown technique 'Name_Calling'. Did you mean 'Name_Calling,Labeling'?"),
        (["xyz"], "unknown name 'xyz'. Give a list of some of Loaded_Language, Doubt"),
        ([7], "unknown name 7"),
        (["Doubt", "Doubt"], "names the same twice"),
        ([], "names nothing"),
        ("Doubt", "'Doubt' is not a list"),
        (7, "7 is not a list"),
    ],
)
def test_others_are_refused_with_the_nearest_name(techniques: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        chosen_techniques(techniques, KNOWN)
    assert message in str(caught.value)
