"""The catalogue's own sentences, which a model may say without a citation."""

from __future__ import annotations

from agentflow.agents.sentences import split_sentences
from crm.teams.texts import Overrides, languages, text

# Not `no_answer`: saying that is the runner's decision, which may be a handoff instead.
_SPOKEN = ("greeting_reply", "thanks_reply", "goodbye_reply", "okay_reply", "about_me_reply")


def own_words(overrides: Overrides) -> frozenset[str]:
    """Each sentence of the texts a model may say, in every language; those a workspace replaced as well."""
    replaced = {key: overrides[key] for key in _SPOKEN if key in overrides}
    return _CATALOGUE | _sentences(replaced) if replaced else _CATALOGUE


def _sentences(overrides: Overrides) -> frozenset[str]:
    return frozenset(
        sentence
        for key in _SPOKEN
        for language in languages()
        for sentence in split_sentences(text(key, language, overrides))
    )


_CATALOGUE = _sentences({})
