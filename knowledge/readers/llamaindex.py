"""LlamaIndex at the edge: its pipelines can cut text as we do.

An adapter for those who extend AgentFlow; nothing of the product loads it. LlamaIndex's own splitter is not
used: loading it costs 3 s and 100 MB in every reading process, and it finds a chunk's place by searching for
its text, which is wrong where a text repeats. Offsets here are exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llama_index.core.node_parser import NodeParser
from llama_index.core.schema import BaseNode, Document, NodeRelationship, TextNode

from knowledge.chunking import ChunkDraft, chunk
from knowledge.pages import Page
from knowledge.readers.text import headings


class PassageParser(NodeParser):
    """A LlamaIndex node parser whose nodes are our passages, with `start_char_idx` exact."""

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex stores."""
        return "PassageParser"

    def _parse_nodes(
        self, nodes: Sequence[BaseNode], show_progress: bool = False, **kwargs: object
    ) -> list[BaseNode]:
        return [passage for node in nodes for passage in self._passages(node)]

    def _passages(self, node: BaseNode) -> Iterator[TextNode]:
        text = node.get_content()
        for place, draft in enumerate(chunk([Page(text=text, start=0, headings=tuple(headings(text)))])):
            yield TextNode(
                id_=self.id_func(place, node),
                text=draft.text,
                start_char_idx=draft.start,
                end_char_idx=draft.end,
                metadata=_metadata(draft),
                relationships={NodeRelationship.SOURCE: node.as_related_node_info()},
            )

    def _postprocess_parsed_nodes(
        self, nodes: list[BaseNode], parent_doc_map: dict[str, Document]
    ) -> list[BaseNode]:
        """As LlamaIndex does, except that places stay those we counted."""
        places = [(node.start_char_idx, node.end_char_idx) for node in nodes if isinstance(node, TextNode)]
        done = super()._postprocess_parsed_nodes(nodes, parent_doc_map)
        for node, (start, end) in zip(done, places, strict=True):
            if isinstance(node, TextNode):
                node.start_char_idx, node.end_char_idx = start, end
        return done


def _metadata(draft: ChunkDraft) -> dict[str, str]:
    return {"heading": draft.heading} if draft.heading else {}
