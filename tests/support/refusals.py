"""What a refusal says."""

import pytest


def message(error, call, *args, **kwargs):
    """The sentence of the error that a call raises; one line, and not long."""
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 500, text
    return text
