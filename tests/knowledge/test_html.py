"""Web pages: what is read of them, what never is, and that every citation points into the extract."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow.kit.settings import IngestSettings
from knowledge.chunking import ChunkDraft, chunk
from knowledge.errors import Corrupt, SourceRefused, TooManyCells, TooManyPages, UnsupportedType
from knowledge.limits import Caps, check_type
from knowledge.pages import Page
from knowledge.readers import html
from knowledge.reading import ReaderPool

CAPS = Caps()


def read(folder: Path, content: str | bytes) -> Page:
    path = folder / "page.html"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    (page,) = html.read(path, "page.html", CAPS)
    return page


def site(folder: Path, *pages: tuple[str, str]) -> Path:
    path = folder / "pages.site"
    lines = [
        json.dumps({"url": f"https://shop.example/{place}", "title": title, "html": content})
        for place, (title, content) in enumerate(pages)
    ]
    path.write_text("\n".join(lines))
    return path


def headings(page: Page) -> list[tuple[str, int]]:
    return [
        (page.text[mark.start - page.start : mark.end - page.start], mark.level) for mark in page.headings
    ]


SHOP = """<!doctype html><html><head><title>Delivery and returns | The Shop</title>
<style>.gone, div#cellar {display:none} @media print {.shown {display:none}} .far{left:-9999px}</style>
<script>var secret = "in the script"</script></head><body>
<header><nav><ul><li><a href="/">menu one</a></li><li><a href="/shop">menu two</a></li></ul></nav></header>
<main><h1>Delivery and returns</h1><!-- in a comment -->
<p>We deliver within <b>two</b> working days, from <time>9:00</time> to <time>17:00</time>.</p>
<p class="shown">Paper is recycled.</p>{hidden}
<h2>Costs</h2>
<figure><table><caption>Prices of delivery</caption>
<thead><tr><th rowspan="2">Country</th><th colspan="2">2025</th></tr>
<tr><th>Standard</th><th>Express</th></tr></thead>
<tbody><tr><td>Netherlands</td><td>€ 4.95</td><td>€ 9.95</td></tr>
<tr><td rowspan="2">Belgium</td><td>€ 5.95</td><td>€ 11.95</td></tr><tr><td colspan="2">on request</td></tr>
</tbody></table></figure>
<h2>Questions</h2>
<details><summary>Can I pay later?</summary><p>Yes, within fourteen days.</p></details>
<h3><button>How do I return something?</button></h3><p>Print the label:</p>
<ol><li>Keep the box</li><li>Keep the receipt</li></ol>
<dl><dt>Warranty</dt><dd>Two years.</dd></dl>
</main><aside class="cookie-banner">We use cookies</aside>
<footer><p>All rights reserved</p><a href="/terms">the terms</a></footer></body></html>"""

HIDDEN = [
    '<p class="gone">SECRET</p>',
    '<div id="cellar">SECRET</div>',
    '<p class="far">SECRET</p>',
    '<p style="display: none">SECRET</p>',
    '<p style="visibility:hidden">SECRET</p>',
    "<p hidden>SECRET</p>",
    '<p>Shown<span style="font-size:0px">SECRET</span></p>',
    '<p>Shown<span style="font-size:1px">SECRET</span></p>',
    '<p>Shown<img src="a.png" alt="SECRET" title="SECRET"></p>',
    '<p style="color:#fff;background:white">SECRET</p>',
    '<p style="height:0;overflow:hidden">SECRET</p>',
    '<p style="position:absolute;left:-10000px">SECRET</p>',
    '<p style="opacity:0">SECRET</p>',
    "<noscript>SECRET</noscript>",
    "<template><p>SECRET</p></template>",
    '<script type="application/ld+json">{"articleBody": "SECRET"}</script>',
    "<!-- <p>SECRET</p> -->",
    '<select><option>SECRET</option></select><input value="SECRET">',
    "<table hidden><tr><th>a</th></tr><tr><td>SECRET</td></tr></table>",
]


def test_that_a_page_keeps_headings_lists_and_rows_with_their_headers(tmp_path: Path) -> None:
    page = read(tmp_path, SHOP.replace("{hidden}", ""))
    assert page.text == (
        "Delivery and returns\n\n"
        "We deliver within two working days, from 9:00 to 17:00.\n\nPaper is recycled.\n\n"
        "Costs\n\nPrices of delivery\n\n"
        "Country: Netherlands; 2025 / Standard: € 4.95; 2025 / Express: € 9.95\n\n"
        "Country: Belgium; 2025 / Standard: € 5.95; 2025 / Express: € 11.95\n\n"
        "Country: Belgium; 2025 / Standard: on request; 2025 / Express: on request\n\n"
        "Questions\n\nCan I pay later?\n\nYes, within fourteen days.\n\n"
        "How do I return something?\n\nPrint the label:\n- Keep the box\n- Keep the receipt\n\n"
        "Warranty: Two years."
    )
    assert headings(page) == [
        ("Delivery and returns", 0),
        ("Costs", 2),
        ("Questions", 2),
        ("Can I pay later?", 4),
        ("How do I return something?", 3),
    ]
    (table,) = page.tables
    assert (table.title, table.header) == (
        "Prices of delivery",
        ("Country", "2025 / Standard", "2025 / Express"),
    )
    assert table.rows[1:] == (
        (4, ("Belgium", "€ 5.95", "€ 11.95")),
        (5, ("Belgium", "on request", "on request")),
    )


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("long", [False, True])
def test_that_what_is_not_shown_never_becomes_knowledge(tmp_path: Path, hidden: str, long: bool) -> None:
    filling = "<p>A kettle is a pot with a spout, a lid and a handle, in which water is boiled.</p>" * 30
    page = read(tmp_path, SHOP.replace("{hidden}", hidden + (filling if long else "")))
    assert "SECRET" not in page.text + str(page.tables)
    assert "Paper is recycled." in page.text


def test_that_menus_and_footers_are_left_out_of_short_and_of_long_pages(tmp_path: Path) -> None:
    filling = "<p>A kettle is a pot with a spout, a lid and a handle, in which water is boiled.</p>"
    for count in (1, 40):
        content = (
            '<body><div class="menu"><a href="a">menu one</a> <a href="b">menu two</a></div>'
            '<ul><li><a href="c">link three</a></li><li><a href="d">link four</a></li></ul>'
            f'<h1>Kettles</h1>{filling * count}<div class="site-footer">all rights reserved</div></body>'
        )
        page = read(tmp_path, content)
        assert page.text.startswith("Kettles\n\nA kettle is a pot")
        assert not any(word in page.text for word in ("menu", "link three", "rights"))


def test_that_tables_without_marked_headers_are_told_by_their_look(tmp_path: Path) -> None:
    page = read(
        tmp_path,
        "<h1>Info</h1><table><tr><th>Phone</th><td>0800 1234</td></tr><tr><th>Mail</th><td>a@b.example"
        "</td></tr></table><p>Between.</p><table><tr><td>Monday</td><td>closed</td></tr><tr><td>Tuesday</td><td>open</td></tr>"
        "</table><table><tr><td><b>Item</b></td><td><b>Colour</b></td></tr><tr><td>Pan</td><td>red</td></tr></table>"
        "<table><tr><td>Size</td><td>Price</td></tr><tr><td>S</td><td>10,50</td></tr><tr><td>M</td><td>9</td></tr>"
        "</table>",
    )
    assert page.text.split("\n\n")[1:] == [
        *("Phone: 0800 1234", "Mail: a@b.example", "Between.", "Monday: closed", "Tuesday: open"),
        *("Item: Pan; Colour: red", "Size: S; Price: 10,50", "Size: M; Price: 9"),
    ]


def test_that_a_table_that_lays_out_a_page_is_no_table(tmp_path: Path) -> None:
    page = read(
        tmp_path,
        "<html><head><title>Old page</title></head><body><form><table><tr><td><h1>Lamps</h1>"
        "<p>We make lamps.</p>"
        "<table><tr><th>Item</th><th>Price</th></tr><tr><td>Lamp</td><td>12</td></tr></table></td></tr></table>"
        "</form></body></html>",
    )
    assert page.text == "Old page\n\nLamps\n\nWe make lamps.\n\nItem: Lamp; Price: 12"
    assert len(page.tables) == 1


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + b"<meta charset=latin1><h1>Na\xc3\xafef caf\xc3\xa9 \xe2\x82\xac 5</h1>",
        b'<meta charset="utf-8"><h1>Na\xc3\xafef caf\xc3\xa9 \xe2\x82\xac 5</h1>',
        b'<meta charset="iso-8859-1"><h1>Na\xefef caf\xe9 \x80 5</h1>',
        b'<meta http-equiv=Content-Type content="text/html;charset=cp1252"><h1>Na\xefef caf\xe9 \x80 5</h1>',
        b"<h1>Na\xefef caf\xe9 \x80 5</h1>",
        b'<meta charset="utf-8"><h1>Na\xefef caf\xe9 \x80 5</h1>',
        b'<meta charset="no-such-thing"><h1>Na\xc3\xafef caf\xc3\xa9 \xe2\x82\xac 5</h1>',
        codecs.BOM_UTF16_LE + "<h1>Naïef café € 5</h1>".encode("utf-16-le"),
        b'<?xml version="1.0" encoding="iso-8859-15"?><body><h1>Na\xefef caf\xe9 \xa4 5</h1></body>',
    ],
)
def test_that_the_letters_are_right_whatever_the_encoding(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content).text == "Naïef café € 5"


def test_that_asian_pages_are_decoded_as_they_declare(tmp_path: Path) -> None:
    for name, text in [
        ("shift_jis", "返品は三十日以内です"),
        ("gb2312", "三十天内可以退货"),
        ("euc-kr", "반품은 삼십일"),
    ]:
        content = f'<meta charset="{name}"><h1>{text}</h1>'.encode(name)
        assert read(tmp_path, content).text == text


@pytest.mark.parametrize(
    "content", [b"%PDF-1.7", b"PK\x03\x04aaaa", b"\x89PNG\r\n\x1a\n", bytes(range(1, 9)) * 90]
)
def test_that_other_files_named_html_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Corrupt):
        read(tmp_path, content)


def test_that_spans_cannot_make_cells_without_end(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    cell = '<td rowspan="999999999" colspan="999999999">x</td>'
    path.write_text(f"<table><tr>{cell * 50}</tr>{'<tr><td>y</td><td>z</td></tr>' * 400}</table>")
    with pytest.raises(TooManyCells):
        list(html.read(path, "a.html", Caps(max_cells=10_000)))


def test_that_a_page_without_a_body_tag_is_read(tmp_path: Path) -> None:
    for content in (
        "<main>{}</main>",
        "<title>Shop</title><main>{}</main>",
        "<title>Shop</title><article>{}",
    ):
        page = read(tmp_path, content.format("<h1>Shop</h1><p>We sell kettles.</p><p>We sell pans.</p>"))
        assert page.text == "Shop\n\nWe sell kettles.\n\nWe sell pans."


def test_that_deep_nesting_ends(tmp_path: Path) -> None:
    assert "deep down" in read(tmp_path, "<div>" * 240 + "deep down" + "</div>" * 240).text


TEXT = st.text(alphabet="abc ,.\n<>&é漢ä-1", max_size=60)


@given(
    st.lists(
        st.tuples(st.sampled_from(["p", "h2", "h3", "li", "td", "div", "b", "br", "tr"]), TEXT), max_size=25
    )
)
@settings(max_examples=60, deadline=None)
def test_that_passages_of_any_page_are_slices_of_the_extract(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("html") / "a.html"
    path.write_text("<title>Any</title>" + "".join(f"<{tag}>{text}</{tag}>" for tag, text in parts))
    check_slices(list(html.read(path, "a.html", CAPS)))


def check_slices(pages: list[Page]) -> list[ChunkDraft]:
    extract = "".join(page.text for page in pages)
    drafts = list(chunk(pages))
    for draft in drafts:
        assert draft.text == extract[draft.start : draft.end]
        assert all(extract[line.start : line.end] == line.text for line in draft.sentences)
    return drafts


def test_that_each_page_of_a_site_is_a_page_under_its_title(tmp_path: Path) -> None:
    body = "<h1>{0}</h1><p>{0} are sold in the shop in the main street.</p><h2>Care</h2><p>keep {0} dry</p>"
    path = site(
        tmp_path,
        ("Kettles | The Shop", body.format("Kettles")),
        ("", "<title>Empty</title>"),
        ("About us", "<p>lamps and pans since 1901.</p>"),
    )
    pages = list(html.read_site(path, "pages.site", CAPS))
    assert [page.number for page in pages] == [1, 2, 3]
    assert headings(pages[2]) == [("About us", 0)]
    drafts = check_slices(pages)
    assert [(draft.page, draft.heading, draft.text) for draft in drafts] == [
        (1, "", "Kettles\n\nKettles are sold in the shop in the main street."),
        (1, "Kettles", "Care\n\nkeep Kettles dry"),
        (3, "", "About us\n\nlamps and pans since 1901."),
    ]


async def test_that_a_site_is_read_but_never_uploaded(tmp_path: Path) -> None:
    path = site(tmp_path, ("Kettles", "<p>Sold here.</p>"), ("Pans", "<p>Sold there.</p>"))
    pool = ReaderPool(IngestSettings())
    try:
        result = await pool.read(path, "pages.site")
        assert (result.pages, [draft.page for draft in result.chunks]) == (2, [1, 2])
        extract = await pool.extract(path, "pages.site")
        assert [extract[draft.start : draft.end] for draft in result.chunks] == [
            draft.text for draft in result.chunks
        ]
    finally:
        await pool.close()
    with pytest.raises(UnsupportedType):
        check_type("pages.site")


def test_that_a_site_with_too_many_pages_or_another_shape_is_refused(tmp_path: Path) -> None:
    path = site(tmp_path, ("a", "<p>a</p>"), ("b", "<p>b</p>"), ("c", "<p>c</p>"))
    with pytest.raises(TooManyPages, match="3 pages; the limit is 2"):
        list(html.read_site(path, "pages.site", Caps(max_pages=2)))
    for content in ("[]", "no json", '{"html": 5'):
        path.write_text(content)
        with pytest.raises(SourceRefused):
            list(html.read_site(path, "pages.site", CAPS))
