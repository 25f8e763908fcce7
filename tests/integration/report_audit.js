// What can be wrong with a page for somebody who reads it by ear, by key or with weak eyes. Each gives what it found.
({
  unnamed() {
    const active = 'a[href], button, input, select, summary, [role="region"], svg[role="img"], nav';
    return [...document.querySelectorAll(active)]
      .filter((each) => each.checkVisibility())
      .filter((each) => !(each.getAttribute("aria-label") || each.textContent.trim() || each.labels?.length))
      .map((each) => each.outerHTML.slice(0, 120));
  },
  repeatedIds() {
    const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
    return ids.filter((id, at) => ids.indexOf(id) !== at);
  },
  skippedHeadings() {
    const heads = [...document.querySelectorAll("h1, h2, h3, h4")].filter((each) => each.checkVisibility());
    const levels = heads.map((each) => Number(each.tagName[1]));
    return heads.filter((_, at) => at && levels[at] > levels[at - 1] + 1).map((each) => each.textContent);
  },
  headsWithoutScope() {
    return [...document.querySelectorAll("th:not([scope])")].map((each) => each.textContent);
  },
  dangling() {
    const pointing = [...document.querySelectorAll("[aria-labelledby], label[for]")];
    return pointing
      .map((each) => each.getAttribute("aria-labelledby") || each.getAttribute("for"))
      .filter((id) => !document.getElementById(id));
  },
  pale() {
    const numbers = (text) => (text.match(/[\d.]+/g) || []).map(Number);
    const straight = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const light = ([red, green, blue]) =>
      0.2126 * straight(red / 255) + 0.7152 * straight(green / 255) + 0.0722 * straight(blue / 255);
    const ground = (each) => {
      for (let at = each; at; at = at.parentElement) {
        const colour = numbers(getComputedStyle(at).backgroundColor);
        if (colour.length === 3 || colour[3] === 1) return colour;
      }
      return [255, 255, 255];
    };
    const found = new Map();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode.data;
      const each = walker.currentNode.parentElement;
      if (!text.trim() || !each.checkVisibility() || each.closest("script, .unseen, :disabled, option")) continue;
      const style = getComputedStyle(each);
      const ink = each.closest("svg") && style.fill.startsWith("rgb") ? style.fill : style.color;
      const [less, more] = [light(numbers(ink)), light(ground(each))].sort((a, b) => a - b);
      const contrast = (more + 0.05) / (less + 0.05);
      const name = `${each.tagName}.${each.getAttribute("class")}`;
      if (contrast < 4.5) found.set(name, `${name} ${contrast.toFixed(2)} ${text.slice(0, 30)}`);
    }
    return [...found.values()];
  },
  reachable() {
    return [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')]
      .filter((each) => each.checkVisibility() && !each.disabled && each.tabIndex >= 0)
      .filter((each) => each.type !== "radio" || each.checked) // arrows move among the others
      .map((each) => (each.dataset.probe ??= String(Math.random())));
  },
  focused() {
    const each = document.activeElement;
    const shown = each.matches("input[type=radio]") ? each.nextElementSibling : each;
    return [each.dataset.probe ?? null, getComputedStyle(shown).outlineStyle !== "none"];
  },
});
