"""Passages for a question: dense and lexical candidates, one ranking, and whether the answer is known."""

from __future__ import annotations

from knowledge.passages import FloatVector, Passage, PassageSentence, SearchResult

__all__ = ["FloatVector", "Passage", "PassageSentence", "SearchResult"]
