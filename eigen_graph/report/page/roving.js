// A grid of many small targets is one stop of the Tab key; the arrow keys move within it.

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** Make a table such a grid: `targets` selects what can be reached, at most one a cell. */
export function roving(table, targets) {
  const all = [...table.querySelectorAll(targets)];
  all.forEach((target, at) => {
    target.tabIndex = at === 0 ? 0 : -1;
  });
  table.addEventListener("focusin", (event) => {
    if (!all.includes(event.target)) return;
    for (const target of all) target.tabIndex = target === event.target ? 0 : -1;
  });
  table.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    const cell = event.target.closest("td, th");
    if (!step || !cell) return;
    event.preventDefault();
    next(table, cell, step, targets)?.focus();
  });
}

function next(table, cell, [down, right], targets) {
  const rows = [...table.rows];
  let row = rows.indexOf(cell.parentElement);
  let column = cell.cellIndex;
  for (;;) {
    row += down;
    column += right;
    const there = rows[row]?.cells[column];
    if (!there) return null;
    const found = there.querySelector(targets);
    if (found) return found;
  }
}
