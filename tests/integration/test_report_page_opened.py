"""The report in a real browser: it says nothing to the console, asks nobody for anything, fits, and all can read it."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import report_hostile
import report_samples
from browser import Open, Reader

SAMPLES = {"full": report_samples.full, "empty": report_samples.empty, "hostile": report_hostile.hostile}
SECTIONS = "#overview > section"


def addresses(reader: Reader) -> list[str]:
    """Every section, the list and the first dialogue."""
    sections = reader.page.eval_on_selector_all(SECTIONS, "all => all.map(each => '#/' + each.id.slice(2))")
    first = reader.page.evaluate("JSON.parse(document.getElementById('page-data').textContent).listing.id.slice(0, 1)")
    return ["#/", *sections, "#/dialogues", *(f"#/d/{name}" for name in first)]


@pytest.mark.parametrize("sample", SAMPLES)
def test_it_fits_at_any_width(opened: Open, sample: str) -> None:
    reader = opened(*SAMPLES[sample]())
    reader.page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    over = "all => all.filter(each => each.checkVisibility() && each.scrollWidth > each.clientWidth + 1).length"
    for width, scheme in product((1440, 1000, 390), ("light", "dark")):
        reader.page.set_viewport_size({"width": width, "height": 860})
        reader.page.emulate_media(color_scheme=scheme)
        for address in addresses(reader):
            reader.go(address)
            assert reader.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (width, address)
            for box in ("#overview", ".side", ".dialogue", "aside", ".conversation"):
                assert reader.page.eval_on_selector_all(box, over) == 0, (width, address, box)


@pytest.mark.parametrize("sample", SAMPLES)
def test_all_text_stands_out_from_its_ground(opened: Open, sample: str) -> None:
    reader = opened(*SAMPLES[sample]())
    reader.page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    for scheme, address in product(("light", "dark"), ["#/", *addresses(reader)[-2:]]):
        reader.page.emulate_media(color_scheme=scheme)
        reader.go(address)
        assert reader.audit("pale") == []
    reader.page.evaluate("document.querySelector('.status').style.color = '#777'")
    assert reader.audit("pale") != []


@pytest.mark.parametrize("sample", SAMPLES)
def test_everything_has_a_name(opened: Open, sample: str) -> None:
    reader = opened(*SAMPLES[sample]())
    for address in addresses(reader):
        reader.go(address)
        assert reader.page.locator("h1").count() == 1
        for fault in ("unnamed", "repeatedIds", "skippedHeadings", "headsWithoutScope", "dangling"):
            assert reader.audit(fault) == [], address
    assert reader.page.evaluate("document.documentElement.lang") == "en"
    assert reader.page.locator("main").count() == reader.page.locator("nav").count() == 1


def test_every_section_that_has_data_is_there_and_no_other(opened: Open) -> None:
    reader = opened(*report_samples.full())
    names = ["funnel", "reasons", "coverage", "checkers", "generations", "evaluations", "training", "cost"]
    shown = reader.page.eval_on_selector_all(SECTIONS, "all => all.map(each => each.id.slice(2))")
    assert shown == names
    links = reader.page.eval_on_selector_all("#nav a", "all => all.map(each => each.getAttribute('href'))")
    assert links == ["#/", "#/dialogues", *(f"#/{name}" for name in names)]
    reader = opened(*report_samples.empty())
    shown = reader.page.eval_on_selector_all(SECTIONS, "all => all.map(each => each.id.slice(2))")
    assert shown == ["funnel", "reasons", "coverage"]
    assert reader.page.locator("#nav a[href='#/dialogues']").count() == 0


def test_numbers_stand_with_their_intervals(opened: Open) -> None:
    report, pieces = report_samples.full()
    reader = opened(report, pieces)
    first = report.evaluations[0].pass_hats[0]
    told = f"{first.value:.2f} [{first.low:.2f}, {first.high:.2f}]"
    assert told in reader.page.locator("#s-evaluations").inner_text()
    assert "0.64 [0.57, 0.70]" in reader.page.locator("#s-generations").inner_text()
    assert "0.58 [0.47, 0.68]" in reader.page.locator("#s-training").inner_text()
    assert reader.page.locator("#s-evaluations .whisker").count() == 8
    assert reader.page.locator("#s-evaluations .floor").count() == 2
    assert reader.page.locator("#s-generations .star").count() == 2


def test_holes_are_marked_and_difficulty_narrows_them(opened: Open) -> None:
    report, pieces = report_samples.full()
    assert report.run
    reader = opened(report, pieces, "#/coverage")

    def holes(level: str | None) -> set[str]:
        sums: dict[tuple[str, str], int] = {}
        for cell in report.run.coverage if report.run else ():
            if level in (None, cell.difficulty):
                sums[cell.clause, cell.tool] = sums.get((cell.clause, cell.tool), 0) + cell.accepted
        return {f"Clause {clause}, {tool}: hole" for (clause, tool), number in sums.items() if not number}

    def shown() -> set[str]:
        labels = reader.page.eval_on_selector_all(
            "a.cell.hole", "all => all.map(each => each.getAttribute('aria-label'))"
        )
        return {label.rpartition(", ")[0] for label in labels}

    assert shown() == holes(None)
    reader.page.get_by_label("hard", exact=True).check(force=True)
    assert shown() == holes("hard") != holes(None)
    cell = reader.page.locator("a.cell.hole").first
    cell.focus()
    assert "Clause" in reader.page.locator(".told").inner_text()
    cell.click()
    reader.settle()
    assert "difficulty=hard" in reader.hash
    assert "clause=" in reader.hash


def test_the_theme_can_be_chosen(opened: Open) -> None:
    reader = opened(*report_samples.empty())
    ground = "getComputedStyle(document.body).backgroundColor"
    light = reader.page.evaluate(ground)
    button = reader.page.locator("#theme")
    for theme in ("light", "dark"):
        button.click()
        assert theme in button.inner_text().lower()
    assert reader.page.evaluate(ground) != light
    button.click()
    assert reader.page.evaluate(ground) == light


def test_it_prints_unfolded_and_without_controls(opened: Open) -> None:
    reader = opened(*report_samples.full())
    reader.page.emulate_media(media="print")
    assert not reader.page.locator(".bar").is_visible()
    folded = "document.querySelectorAll('details:not([open])').length"
    before = reader.page.evaluate(folded)
    reader.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert reader.page.evaluate(folded) == 0 < before
    reader.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert reader.page.evaluate(folded) == before


def test_the_policy_refuses_what_is_put_in_later(opened: Open) -> None:
    reader = opened(*report_samples.empty())
    put: Any = """() => {
      const script = document.createElement('script');
      script.textContent = 'window.hacked = 1';
      document.body.append(script, Object.assign(new Image(), {src: 'http://127.0.0.1:9/x.png'}));
    }"""
    reader.page.evaluate(put)
    reader.settle()
    assert len([text for text in reader.said if "Content Security Policy" in text]) == 2
    reader.said.clear()
    reader.asked[:] = [url for url in reader.asked if "127.0.0.1" not in url]
