"use strict";
// The heat map: entities (or tables) by time, each cell a link to what lies within it. One stop for the tab key.

const ROWS_AT_ONCE = 40;
const MOST_DAYS = 45; // columns; more are shown by the month

/** The levels of a feed's columns from the coarsest: each has columns [start, end, mark], and counts of a row. */
function topLevel(grid) {
  const columns = grid.columns.map(([start, end, status, windows, certified, certificates], at) =>
    ({ start, end, places: [at], status, windows, certified, certificates }));
  if (grid.unit !== "day" || columns.length <= MOST_DAYS) return { unit: grid.unit, columns };
  const months = new Map();
  for (const column of columns) {
    const name = month(column.start);
    if (!months.has(name)) months.set(name, { ...column, places: [], windows: 0, certified: 0, certificates: [] });
    const joined = months.get(name);
    joined.end = column.end;
    joined.places.push(...column.places);
    joined.windows += column.windows;
    joined.certified += column.certified;
    if (worse(column.status, joined.status)) joined.status = column.status;
  }
  return { unit: "month", columns: [...months.values()] };
}
const worse = (one, two) => Object.keys(MARK_WORDS).indexOf(one) > Object.keys(MARK_WORDS).indexOf(two);

/** The heat map of a dataset's whole range. */
function coverage(dataset) {
  const grid = dataset.grid;
  if (!grid.rows.length) {
    const unread = dataset.conditions.some((condition) => condition.state === "unread");
    return el("p", { class: "soft" }, unread ? "Nothing of it could be read." : "The range owes nothing.");
  }
  if (grid.unit === "window") return windowMap(dataset);
  const level = topLevel(grid);
  return heatMap({
    label: `Coverage of ${dataset.name} by ${level.unit}`,
    names: rowsOf(grid),
    columns: level.columns.map((column) => ({
      ...column, name: columnName(level.unit, column.start), day: level.unit === "hour" ? day(column.start) : "",
      href: path("dataset", dataset.name, "at", stampOf(level.unit, column.start)),
      mark: column.status, markText: standing(column),
    })),
    counts: (row) => {
      const cells = cellsOf(grid, row.at);
      return level.columns.map((column) => sum(column.places.map((at) => cells[at])));
    },
    href: (row, column) => path("dataset", dataset.name, "at", stampOf(level.unit, column.start), row.name),
    what: "entity",
  });
}

const columnName = (unit, start) => unit === "month" ? month(start) : unit === "day" ? day(start) : clock(start);
const stampOf = (unit, start) => iso(start).slice(0, { month: 7, day: 10, hour: 13 }[unit]);

function standing(column) {
  const [, words] = MARK_WORDS[column.status];
  const which = (column.certificates || []).map(([first, last]) => first === last ? first : `${first} to ${last}`).join(", ");
  if (column.status === "certified") return which ? `certified: certificate ${which}` : "certified";
  return words + (column.windows > 1 ? ` (${column.certified} of ${column.windows} windows certified)` : "");
}

/** A database's tables by window; each window has a status of its own. */
function windowMap(dataset) {
  const grid = dataset.grid, marks = new Map(grid.marks.map((mark) => [`${mark[0]}/${mark[1]}`, mark]));
  return heatMap({
    label: `Coverage of ${dataset.name} by window`,
    names: rowsOf(grid),
    columns: grid.columns.map(([start, end]) => ({ start, end, name: windowName(start, end), day: "" })),
    counts: (row) => cellsOf(grid, row.at),
    markOf: (row, at) => (marks.get(`${row.at}/${at}`) || [])[2],
    href: (row, column) => path("dataset", dataset.name, "window", row.name, iso(column.start)),
    what: "table",
  });
}

// ---------------------------------------------------------------- the map itself

/**
 * A searchable, sortable map. `names` are its rows with totals, `columns` its columns, `counts(row)` a row's cells,
 * `href(row, column)` what a cell leads to, `markOf` the status of a cell where the columns have none.
 */
function heatMap(map) {
  const found = { text: "", order: "worst", shown: ROWS_AT_ONCE };
  const holder = el("div");
  const status = el("p", { class: "soft", "aria-live": "polite" });
  const redraw = () => { holder.replaceChildren(...drawMap(map, chosen(map, found), found, redraw, status).filter(Boolean)); toGap(holder); };
  const search = el("input", { type: "search", placeholder: `Find an ${map.what === "table" ? "table" : map.what}`.replace("an table", "a table"),
    "aria-label": `Find by name: ${map.what}`, oninput: (event) => { found.text = event.target.value; found.shown = ROWS_AT_ONCE; redraw(); } });
  const order = el("select", { "aria-label": "Order of the rows", onchange: (event) => { found.order = event.target.value; redraw(); } },
    el("option", { value: "worst" }, "worst first"), el("option", { value: "name" }, "by name"),
    el("option", { value: "repaired" }, "most repaired first"), el("option", { value: "late" }, "most late first"));
  const many = map.names.length > 6;
  queueMicrotask(redraw);
  return el("div", { class: "map" }, many ? el("div", { class: "controls" }, search, order, status) : null,
    legend(DATA.states), holder);
}

function chosen(map, found) {
  const text = found.text.trim().toLowerCase();
  const rows = map.names.filter((row) => row.name.toLowerCase().includes(text));
  const by = { worst: 4, repaired: 2, late: 1 }[found.order];
  return rows.sort((one, two) => (by ? two.total[by] - one.total[by] : 0) || one.name.localeCompare(two.name));
}

function drawMap(map, rows, found, redraw, status) {
  const shown = rows.slice(0, found.shown), readout = el("p", { class: "readout", "aria-live": "polite" }, hint(map));
  status.textContent = rows.length === map.names.length ? `${count(rows.length, map.what, map.what === "entity" ? "entities" : null)}`
    : `${rows.length} of ${map.names.length} found`;
  const body = el("tbody", {}, map.names.length > 1 && !found.text ? sumRow(map) : null, shown.map((row) => mapRow(map, row)));
  const box = el("div", { class: "scroll heat" },
    el("table", { role: "grid", "aria-label": map.label }, mapHead(map), body));
  roam(box, readout);
  const more = rows.length > shown.length ? el("button", { type: "button", onclick: () => { found.shown += 200; redraw(); } },
    `Show ${Math.min(200, rows.length - shown.length)} more of ${number(rows.length)}`) : null;
  return [readout, box, more];
}
const hint = () => matchMedia("(hover: none)").matches ? "Tap a cell for what lies within it."
  : "Point at a cell, or go there with the arrow keys, to read its figures; follow it to what lies within.";

function mapHead(map) {
  const days = map.columns.some((column) => column.day);
  const cells = map.columns.map((column, at) => {
    const isNew = days && (!at || map.columns[at - 1].day !== column.day);
    return el("th", { scope: "col", class: isNew && at ? "new" : null }, days ? el("span", { class: "day" }, isNew ? column.day : "") : null,
      column.href ? el("a", { href: column.href, tabindex: "-1", "data-says": `${column.day} ${column.name}: ${column.markText}` }, shortName(column.name)) : shortName(column.name),
      column.mark ? el("span", { class: `mark ${column.mark}`, title: column.markText }, MARK_WORDS[column.mark][0]) : null);
  });
  return el("thead", {}, el("tr", {}, el("th", { scope: "col" }, map.what), cells));
}
const shortName = (name) => { const parts = name.split(" "); return parts.length === 3 ? [parts[0], el("br"), `${parts[1]} ${parts[2]}`] : name; };

function sumRow(map) {
  const totals = map.names.map((row) => map.counts(row)).reduce((into, cells) => into.map((counts, at) => add(counts, cells[at])),
    map.columns.map(nothing));
  return el("tr", { class: "sum" }, el("th", { scope: "row" }, `all ${number(map.names.length)}`),
    totals.map((counts, at) => mapCell(map, { name: "all" }, map.columns[at], counts, at, map.columns[at].href || null)));
}

function mapRow(map, row) {
  return el("tr", {}, el("th", { scope: "row", class: row.total[4] ? "bad" : null }, row.name),
    map.counts(row).map((counts, at) => mapCell(map, row, map.columns[at], counts, at, map.href(row, map.columns[at]))));
}

function mapCell(map, row, column, counts, at, href) {
  const whole = expected(counts), mark = map.markOf ? map.markOf(row, at) : null;
  if (!whole && !mark) return el("td", { class: "none" });
  const says = `${row.name}, ${column.day ? column.day + " " : ""}${column.name}: ${breakdown(counts)}${mark ? `; ${MARK_WORDS[mark][1]}` : ""}`;
  const inside = [el("span", { class: "figure" }, figure(counts)), mark ? el("span", { class: `mark ${mark}` }, MARK_WORDS[mark][0]) : null];
  const common = { class: `cell${counts[4] ? " gap" : ""}${counts.filter(Boolean).length > 1 ? " mixed" : ""}`, style: shades(counts), "data-says": says, tabindex: "-1" };
  return el("td", {}, href ? el("a", { ...common, href, "aria-label": says }, inside) : el("span", common, inside));
}

/** What is there; `−3` where three are missing, `+3` where three are proven absent. */
function figure(counts) {
  const there = counts[0] + counts[1] + counts[2];
  if (counts[4]) return `−${short(counts[4])}`;
  if (counts[3] && !there) return `+${short(counts[3])}`;
  return short(there);
}
const short = (value) => value < 1000 ? String(value) : value < 1e6 ? `${+(value / 1000).toPrecision(2)}k` : `${+(value / 1e6).toPrecision(2)}M`;

/** The cell's background: stacked shares of its states, none too thin to be seen. */
function shades(counts) {
  const whole = expected(counts);
  if (!whole) return "";
  const parts = counts.map((value) => value ? Math.max(value / whole, 0.12) : 0), all = parts.reduce((total, part) => total + part, 0);
  let from = 0;
  const stops = [];
  parts.forEach((part, at) => {
    if (!part) return;
    const to = from + (part / all) * 100;
    stops.push(`var(--${DATA.states[at]}) ${from.toFixed(1)}% ${to.toFixed(1)}%`);
    from = to;
  });
  return `background-image:linear-gradient(90deg,${stops.join(",")})`;
}

/** One stop for the tab key; arrows go from cell to cell, and the readout says what each holds. */
function roam(box, readout) {
  const rows = [...box.querySelectorAll("tr")].map((row) => [...row.querySelectorAll("[data-says]")]).filter((cells) => cells.length);
  const first = box.querySelector(".gap") || (rows[0] || [])[0];
  if (first) first.tabIndex = 0;
  const say = (event) => { const cell = event.target.closest("[data-says]"); if (cell) readout.textContent = cell.dataset.says; };
  for (const kind of ["pointerover", "focusin", "touchstart"]) box.addEventListener(kind, say, { passive: true });
  box.addEventListener("keydown", (event) => {
    const cell = event.target.closest("[data-says]");
    const down = rows.findIndex((cells) => cells.includes(cell));
    if (down < 0) return;
    const across = rows[down].indexOf(cell);
    const to = { ArrowLeft: [down, across - 1], ArrowRight: [down, across + 1], ArrowUp: [down - 1, across], ArrowDown: [down + 1, across],
      Home: [down, 0], End: [down, rows[down].length - 1] }[event.key];
    if (!to || !rows[to[0]]) return;
    const next = rows[to[0]][Math.max(0, Math.min(to[1], rows[to[0]].length - 1))];
    event.preventDefault();
    for (const other of box.querySelectorAll("[tabindex='0'][data-says]")) other.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}

/** Scroll the map, and not the page, so that its first gap is in sight. */
function toGap(holder) {
  const box = holder.querySelector(".heat"), gap = box && box.querySelector(".gap");
  if (gap) box.scrollLeft = Math.max(0, gap.offsetLeft + gap.offsetParent.offsetLeft - box.clientWidth + gap.offsetWidth + 24);
}
