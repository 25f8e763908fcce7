// The report: the overview's sections, the browser of dialogues, and the way between them.

import { Browser } from "./browser.js";
import { checkers } from "./checkers.js";
import { coverage } from "./coverage.js";
import { page, total } from "./data.js";
import { h, quoted } from "./dom.js";
import { evaluations } from "./evaluations.js";
import { funnel } from "./funnel.js";
import { generations } from "./generations.js";
import { here } from "./route.js";
import { reasons } from "./reasons.js";
import { spending } from "./spending.js";
import { switchTheme } from "./theme.js";
import { training } from "./training.js";

const overview = document.getElementById("overview");
const holder = document.getElementById("browser");
const nav = document.getElementById("nav");
const NAMES = {
  funnel: "Funnel",
  reasons: "Reasons",
  coverage: "Coverage",
  checkers: "Checkers",
  generations: "Generations",
  evaluations: "Evaluations",
  training: "Training",
  cost: "Cost",
};
let browser = null;
let scrolled = 0;

function heading() {
  const made = new Date(page.made.split(" ")[0]);
  return h(
    "header",
    { class: "head" },
    h("h1", {}, quoted(page.title)),
    page.subtitle ? h("p", { class: "subtitle" }, quoted(page.subtitle)) : null,
    h("p", { class: "made" }, Number.isNaN(made.getTime()) ? page.made : page.made.replace("T", " ")),
    page.notes.length
      ? h(
          "div",
          { class: "callout", role: "note", "aria-label": "Before you read" },
          page.notes.map((note) => h("p", {}, quoted(note))),
        )
      : null,
    page.figures.length
      ? h(
          "dl",
          { class: "figures" },
          page.figures.map(({ label, value, note }) =>
            h(
              "div",
              {},
              h("dt", {}, label),
              h(
                "dd",
                {},
                h("span", { class: value.length > 7 ? "value long" : "value" }, value),
                note ? h("span", { class: "note" }, note) : null,
              ),
            ),
          ),
        )
      : null,
  );
}

function sections() {
  const { run } = page;
  const found = run ? [funnel(run), reasons(run), coverage(run), checkers(run), generations(run)] : [];
  found.push(evaluations(page.evaluations), training(page.training), run ? spending(run) : null);
  return found.filter(Boolean);
}

function link(href, ...text) {
  return h("a", { href }, text);
}

function show() {
  const place = here();
  const browsing = place.view === "browser";
  if (browsing && holder.hidden) scrolled = scrollY;
  const back = !browsing && overview.hidden;
  overview.hidden = browsing;
  holder.hidden = !browsing;
  document.documentElement.classList.toggle("browsing", browsing);
  const current = browsing ? "#/dialogues" : `#/${place.section}`;
  for (const each of nav.children) {
    if (each.getAttribute("href") === current) {
      each.setAttribute("aria-current", "page");
      nav.scrollLeft = each.offsetLeft - (nav.clientWidth - each.offsetWidth) / 2;
    } else each.removeAttribute("aria-current");
  }
  if (browsing) {
    browser ??= new Browser(holder);
    document.title = `${place.id === null ? "Dialogues" : place.id} – ${page.title}`;
    browser.show(place);
    return;
  }
  document.title = page.title;
  const target = place.section && document.getElementById(`s-${place.section}`);
  if (target) {
    target.scrollIntoView();
    target.querySelector("h2").focus({ preventScroll: true });
  } else scrollTo(0, back ? scrolled : 0);
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (here().view === "browser") {
    if (browser?.press(event)) event.preventDefault();
  } else if (event.key === "/" && total && !event.target.closest?.("input, select")) {
    event.preventDefault();
    location.hash = "#/dialogues";
    requestAnimationFrame(() => browser?.search());
  }
}

/** Folded parts are printed too. */
function unfold() {
  const folded = [...document.querySelectorAll("details:not([open])")];
  for (const each of folded) each.open = true;
  addEventListener("afterprint", () => folded.forEach((each) => (each.open = false)), { once: true });
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // its address would be taken for a section's
  document.getElementById("main").focus();
});
switchTheme(document.getElementById("theme"));
const made = sections();
overview.append(heading(), ...made);
nav.append(
  link("#/", "Overview"),
  total ? link("#/dialogues", "Dialogues ", h("span", { class: "soft" }, total.toLocaleString("en"))) : "",
  ...made.map((one) => link(`#/${one.id.slice(2)}`, NAMES[one.id.slice(2)])),
);
addEventListener("hashchange", show);
addEventListener("keydown", press);
addEventListener("beforeprint", unfold);
show();
