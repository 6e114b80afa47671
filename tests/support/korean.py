"""Whether what the course says in English is Korean where Korean is asked for."""

import re

from lecture8 import words

# code, quotations and what stands in brackets may stay as they are, and what Python says of an error
KEPT = re.compile(r"멈(?:췄습|춥)니다\. .*|`[^`]*`|“[^”]*”|\"[^\"]*\"|'[^']*'|\([^)]*\)|[\w.]+\([^)]*\)|\[[^\]]*\]")


def left_in_english(text: str) -> str:
    """The prose that is not translated in what the course says to a reader of Korean, or ''."""
    try:
        found = words.PROSE.search(KEPT.sub(" ", words.say(text, "ko")))
    except LookupError:
        return text
    return found[0] if found else ""
