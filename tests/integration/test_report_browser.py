"""The report's browser of dialogues: filters, links, keys, ten thousand rows, and pieces that cannot be read."""

from __future__ import annotations

import random

import pytest
import report_dialogues
import report_hostile
import report_samples
from browser import Open, Reader

from eigen_graph.report.data import Listing, Page

ROWS = report_dialogues.listing(300)
REPORT = report_samples.page(ROWS)
PIECES = list(report_dialogues.packed(report_dialogues.dialogues(ROWS), REPORT.piece_size))
COLUMNS = {"clause": "clauses", "tool": "tools"}


def passing(rows: Listing, **filters: str) -> list[str]:
    """Ids that the filters let through."""

    def passes(row: int) -> bool:
        for name, asked in filters.items():
            if name == "q":
                searched = " ".join(str(getattr(rows, at)[row]) for at in ("id", "title", "persona", "tools")).lower()
                if not all(word in searched for word in asked.lower().split()):
                    return False
            elif asked not in (str(getattr(rows, COLUMNS.get(name, name))[row]) or "none").split(" "):
                return False
        return True

    return [name for row, name in enumerate(rows.id) if passes(row)]


def listed(reader: Reader) -> tuple[int, dict[int, str]]:
    """How many rows the list says it has, and the ids of those that exist, by place."""
    found = "all => all.map(each => [Number(each.dataset.place), each.querySelector('.id').textContent])"
    names = dict(reader.page.eval_on_selector_all(".rows li", found))
    size = reader.page.locator(".rows li").first
    return (int(size.get_attribute("aria-setsize") or 0) if names else 0), names


def title(reader: Reader) -> str:
    return reader.page.locator(".dialogue code").first.inner_text()


def test_filters_let_the_right_ones_through(opened: Open) -> None:
    reader = opened(REPORT, PIECES, "#/dialogues")
    for seed in range(20):
        draw = random.Random(seed)
        row = draw.randrange(len(ROWS.id))
        names = ("fate", "stage", "clause", "difficulty", "tool", "generation", "blame")
        has = {name: str(getattr(ROWS, COLUMNS.get(name, name))[row]).split(" ")[-1] or "none" for name in names}
        filters = dict(draw.sample([*has.items(), ("q", ROWS.title[row].split(" ")[3])], draw.randint(1, 3)))
        reader.go("#/dialogues?" + "&".join(f"{name}={value}" for name, value in filters.items()))
        expected = passing(ROWS, **filters)
        number, shown = listed(reader)
        assert number == len(expected) > 0, filters
        assert shown == {place: expected[place] for place in shown}
        assert f"{number:,}" in reader.page.locator(".status").inner_text()


def test_choosing_a_filter_narrows_the_list_and_the_address(opened: Open) -> None:
    reader = opened(REPORT, PIECES, "#/dialogues")
    assert listed(reader)[0] == 300
    reader.page.get_by_text("Filters", exact=False).first.click()
    reader.page.get_by_label("Fate").select_option("rejected")
    reader.settle()
    reader.page.get_by_label("Tool").select_option("get_guest")
    reader.settle()
    assert reader.hash == "#/dialogues?fate=rejected&tool=get_guest"
    expected = passing(ROWS, fate="rejected", tool="get_guest")
    assert listed(reader)[0] == len(expected)
    options = reader.page.get_by_label("Tool").locator("option").all_text_contents()
    assert f"get_guest ({len(expected)})" in options
    reader.page.go_back()
    reader.settle()
    assert listed(reader)[0] == len(passing(ROWS, fate="rejected"))
    reader.page.get_by_role("button", name="Clear").click()
    reader.settle()
    assert (reader.hash, listed(reader)[0]) == ("#/dialogues", 300)


def test_a_reason_leads_to_its_dialogues(opened: Open) -> None:
    report = report_samples.page(ROWS, run=report_samples.run_section(ROWS))
    assert report.run
    most = max(report.run.reasons, key=lambda reason: reason.count)
    reader = opened(report, PIECES, "#/reasons")
    reader.page.locator("#s-reasons .whole-row").first.click()
    reader.settle()
    found = passing(ROWS, stage=most.stage, blame=most.blame)
    assert listed(reader)[0] == len(found)
    reader.page.go_back()
    reader.settle()
    assert reader.page.locator("#s-reasons").is_visible()


def test_a_link_opens_its_dialogue(opened: Open) -> None:
    name = ROWS.id[277]
    reader = opened(REPORT, PIECES, f"#/d/{name}")
    assert title(reader) == name
    assert name in reader.page.title()
    assert reader.page.locator(".rows a[aria-current]").get_attribute("href") == f"#/d/{name}"
    reader.go("#/d/nobody")
    assert "no dialogue of this id" in reader.page.locator("[role=alert]").inner_text()
    assert reader.page.locator(".dialogue h2").inner_text() == "nobody"


def test_back_and_forward(opened: Open) -> None:
    reader = opened(REPORT, PIECES, "#/")
    for address in ("#/dialogues?fate=rejected", f"#/d/{ROWS.id[3]}?fate=rejected", f"#/d/{ROWS.id[9]}"):
        reader.go(address)
    reader.page.go_back()
    reader.settle()
    assert title(reader) == ROWS.id[3]
    reader.page.go_back()
    reader.settle()
    assert reader.hash == "#/dialogues?fate=rejected"
    assert reader.page.locator(".dialogue h2").count() == 0
    reader.page.go_back()
    reader.settle()
    assert reader.page.locator("h1").is_visible()
    reader.page.go_forward()
    reader.settle()
    assert listed(reader)[0] == len(passing(ROWS, fate="rejected"))


@pytest.mark.parametrize("width", [390, 1280])
def test_keys(opened: Open, width: int) -> None:
    reader = opened(REPORT, PIECES, "#/dialogues", width=width)
    reader.press("j", "j", "k", "Enter")
    assert title(reader) == ROWS.id[1]
    assert reader.page.evaluate("document.activeElement.tagName") == "H2"
    reader.press("j", "j")
    assert title(reader) == ROWS.id[3]
    reader.press("k")
    assert title(reader) == ROWS.id[2]
    reader.press("Escape")
    assert reader.hash == "#/dialogues"
    assert reader.page.evaluate("document.activeElement.getAttribute('href')") == f"#/d/{ROWS.id[2]}"
    reader.press("ArrowDown", "Enter")
    assert title(reader) == ROWS.id[3]
    reader.press("/")
    reader.page.keyboard.type("confused")
    reader.settle()
    assert listed(reader)[0] == len(passing(ROWS, q="confused"))
    reader.press("Escape", "End")
    assert passing(ROWS, q="confused")[-1] in listed(reader)[1].values()
    reader.press("Home", "Enter")
    assert title(reader) == passing(ROWS, q="confused")[0]


@pytest.mark.parametrize(("address", "width"), [("#/", 1280), ("#/dialogues", 390), (f"#/d/{ROWS.id[0]}", 1280)])
def test_tab_reaches_everything_and_shows_where_it_is(opened: Open, address: str, width: int) -> None:
    report, pieces = report_samples.full(60)
    name = next(name for name, fate in zip(report.listing.id, report.listing.fate, strict=True) if fate == "rejected")
    reader = opened(report, pieces, address.replace(ROWS.id[0], name), width=width)
    expected = set(reader.audit("reachable"))
    reached = set()
    for _ in range(len(expected) + 5):
        reader.page.keyboard.press("Tab")
        probe, seen = reader.audit("focused")
        if probe:
            assert seen, reader.page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        reached.add(probe)
    assert expected <= reached


def test_arrows_move_in_the_map_of_coverage(opened: Open) -> None:
    reader = opened(*report_samples.full(60), "#/coverage")
    place = "[document.activeElement.closest('tr').rowIndex, document.activeElement.closest('td, th').cellIndex]"
    reader.page.locator(".heat a, .heat button").first.focus()
    start = reader.page.evaluate(place)
    reader.press("ArrowRight", "ArrowRight")
    assert reader.page.evaluate(place)[1] > start[1]
    reader.press("ArrowDown")
    assert reader.page.evaluate(place)[0] > start[0]
    assert reader.page.locator('.heat [tabindex="0"]').count() == 1


def test_a_dialogue_shows_all_there_is(opened: Open) -> None:
    name = next(name for row, name in enumerate(ROWS.id) if ROWS.fate[row] == "rejected")
    reader = opened(REPORT, PIECES, f"#/d/{name}")
    page = reader.page
    assert reader.texts(".message.user .speaker span:nth-child(2)") == ["User"] * 5
    assert page.locator(".call").count() == 4
    assert page.locator(".call.writes .badge.warn").count() == 2
    assert "must not be negative" in page.locator(".answer.error").inner_text()
    assert page.locator(".answer details:not([open])").count() == 1
    fees = page.locator(".changes tr", has_text="status")
    assert (fees.locator("del").inner_text(), fees.locator("ins").inner_text()) == ("confirmed", "cancelled")
    assert "refund_id" in page.locator(".changes").inner_text()
    marked = page.locator(".message.evidence")
    assert (marked.count(), marked.get_attribute("data-message")) == (1, "8")
    assert "clause 6" in marked.locator(".pointer").inner_text()
    page.get_by_role("button", name="#8").click()
    assert page.evaluate("document.activeElement.dataset.message") == "8"
    told = page.locator("aside").inner_text()
    for text in (
        "fee 0.0, expected 146.0",
        "not reached",
        "Formal and exact.",
        "cancel_booking(",
        "kill rate",
        "0.9333",
    ):
        assert text in told
    signs = reader.texts(".parts .unseen")
    assert signs == [" failed", " passed", " not judged"]


def test_search_in_what_was_said(opened: Open) -> None:
    reader = opened(REPORT, PIECES, "#/dialogues")
    number = "B" + str(random.Random(1).randint(1000000, 9999999))  # of the first dialogue, in no title
    reader.page.get_by_role("searchbox").fill(number)
    reader.settle()
    assert listed(reader)[0] == 0
    reader.page.get_by_label("in messages").check()
    reader.page.get_by_text("1 of 300 dialogues").wait_for()
    assert listed(reader) == (1, {0: ROWS.id[0]})


def test_ten_thousand_are_no_heavier_than_ten(opened: Open) -> None:
    rows = report_dialogues.listing(10_000, seed=5)
    report = report_samples.page(rows, run=report_samples.run_section(rows))
    last = rows.model_copy(update={name: column[-50:] for name, column in rows})
    (piece,) = report_dialogues.packed(report_dialogues.dialogues(last), report.piece_size)
    reader = opened(report, [piece] * 200, "#/dialogues")
    assert listed(reader)[0] == 10_000
    reader.page.locator(".rows a").first.focus()
    for key in ("End", "Home", "PageDown"):
        reader.press(key)
        assert reader.page.locator(".rows li").count() < 60
        assert reader.page.evaluate("document.activeElement.matches('.rows a')")
    reader.press("End", "Enter")
    reader.page.locator(".dialogue code").first.wait_for()
    assert title(reader) == rows.id[-1]
    assert reader.page.evaluate("document.querySelectorAll('#browser *').length") < 2_000


@pytest.mark.parametrize(
    ("piece", "said"),
    [("", "damaged"), ("AAAA", "damaged"), ("H4sIAAAAAAAC/6tWAgCBUO0=", "damaged"), (None, "missing")],
    ids=["empty", "no gzip", "cut", "missing"],
)
def test_a_damaged_piece_is_told_in_its_place(opened: Open, piece: str | None, said: str) -> None:
    pieces = [*PIECES[:1], *([] if piece is None else [piece, *PIECES[2:]])]
    reader = opened(REPORT, pieces, f"#/d/{ROWS.id[60]}")
    alert = reader.page.locator("[role=alert]")
    alert.wait_for()
    assert said in alert.inner_text()
    assert "Piece 1 " in alert.inner_text()
    reader.go(f"#/d/{ROWS.id[0]}")
    assert title(reader) == ROWS.id[0]


def test_a_browser_that_cannot_unpack_says_so(opened: Open) -> None:
    reader = opened(REPORT, PIECES, f"#/d/{ROWS.id[0]}", script="delete globalThis.DecompressionStream")
    reader.page.get_by_text("DecompressionStream").wait_for()
    assert listed(reader)[0] == 300


def test_hostile_text_is_shown_as_text(opened: Open) -> None:
    report, pieces = report_hostile.hostile()
    reader = opened(report, pieces)
    for name in report.listing.id:
        reader.page.evaluate("name => { location.hash = '#/d/' + encodeURIComponent(name) }", name)
        reader.settle()
        assert title(reader) == name
        for text in reader.texts(".call dd, .call pre"):
            assert report_hostile.HOSTILE[0] in text
    assert reader.page.evaluate("document.querySelectorAll('#browser img, #browser script, foreignObject').length") == 0
    reader.go("#/generations")
    drawn = reader.page.locator("#s-generations svg[role=img]").last
    assert reader.page.locator("#s-generations svg *").count() > 0
    assert drawn.locator("script, a, image, foreignObject, [onload], [onclick]").count() == 0
    assert reader.page.evaluate("document.querySelectorAll('[onload], [onclick], [onerror]').length") == 0


def test_a_report_of_no_dialogue_at_all(opened: Open) -> None:
    reader = opened(Page(title="nothing", made="2026-06-01T09:30:00"), [], "#/dialogues")
    assert "holds no dialogues" in reader.page.locator(".nothing").inner_text()
