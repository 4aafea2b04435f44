"use strict";
// Within a cell: hours of a day, points of an hour, and the story of one point.

/** The page of a time within a dataset: `stamp` is a month, a day or an hour; of one entity, or of all. */
function timePage(dataset, stamp, entity) {
  const [start, end] = boundsOf(stamp);
  const title = (stamp.length === 7 ? month(start) : stamp.length === 10 ? day(start) : `${day(start)} ${clock(start)}`) + (entity ? ` · ${entity}` : "");
  const holder = el("div", {}, el("p", { class: "soft" }, "Loading its points …"));
  const inside = entity ? entityPoints : hoursOf;
  if (stamp.length === 7) holder.replaceChildren(daysOf(dataset, start, end, entity));
  else pointsOf(dataset.name).then(
    (points) => { holder.replaceChildren(...[inside(dataset, points, start, end, entity)].flat()); },
    (error) => { holder.replaceChildren(el("p", { class: "note" },
      `The points of ${dataset.name} lie beside this page, in ${error.message}, and could not be loaded. Keep both together, or make the page again: `,
      command("starmend report"))); });
  return [
    crumbs([dataset.name, path("dataset", dataset.name)], ...steps(dataset, stamp, entity), [title]),
    el("h1", { tabindex: "-1" }, title), el("p", { class: "soft" }, "All times are UTC."),
    entity ? neighbours(dataset, stamp, entity) : null,
    section("points", entity ? "Point by point" : "Within it", holder),
  ];
}

function boundsOf(stamp) {
  const full = stamp + "0000-01-01T00:00:00Z".slice(stamp.length), start = Date.parse(full) / 1000;
  if (stamp.length === 7) { const at = new Date(start * 1000); return [start, Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1) / 1000]; }
  return [start, start + (stamp.length === 10 ? DAY : HOUR)];
}
const steps = (dataset, stamp, entity) => [
  stamp.length > 10 ? [day(boundsOf(stamp)[0]), path(...["dataset", dataset.name, "at", stamp.slice(0, 10), entity].filter(Boolean))] : null,
].filter(Boolean);

/** The same entity before and after, and the same time of all entities. */
function neighbours(dataset, stamp, entity) {
  const [start, end] = boundsOf(stamp), size = stamp.length;
  const has = (at) => dataset.grid.columns.some(([from, to]) => from < at + 1 && at < to);
  const to = (at, text) => has(at) ? link(path("dataset", dataset.name, "at", iso(at).slice(0, size), entity), text) : null;
  return el("p", { class: "links" }, to(start - (end - start), "← before"),
    link(path("dataset", dataset.name, "at", stamp), "all entities"), to(end, "after →"));
}

/** Days of a month, from the cells that the page has anyway. */
function daysOf(dataset, start, end, entity) {
  const grid = dataset.grid;
  const places = grid.columns.map((column, at) => at).filter((at) => grid.columns[at][0] < end && start < grid.columns[at][1]);
  return heatMap({
    label: `${dataset.name} by day`, what: "entity",
    names: rowsOf(grid).filter((row) => !entity || row.name === entity).map((row) => ({ ...row, total: sum(places.map((at) => cellsOf(grid, row.at)[at])) })),
    columns: places.map((at) => {
      const [first, last, status, windows, certified, certificates] = grid.columns[at];
      return { start: first, end: last, name: day(first), day: "", href: path("dataset", dataset.name, "at", stampOf("day", first)),
        mark: status, markText: standing({ status, windows, certified, certificates }) };
    }),
    counts: (row) => { const cells = cellsOf(grid, row.at); return places.map((at) => cells[at]); },
    href: (row, column) => path("dataset", dataset.name, "at", stampOf("day", column.start), row.name),
  });
}

/** All entities by the hours of a day, or by the points of an hour. */
function hoursOf(dataset, points, start, end) {
  const grid = dataset.grid, columns = [];
  if (end - start > HOUR) {
    for (let at = start; at < end; at += HOUR) if (placeOf(points, at) < placeOf(points, at + HOUR)) columns.push([at, at + HOUR]);
  } else for (let at = placeOf(points, start); at < placeOf(points, end); at++) columns.push([points.slots[at], points.slots[at] + 1]);
  const counted = grid.rows.map((name, at) => ({ name, at, cells: columns.map(([from, to]) => countWithin(points, at, from, to)) }));
  const hourly = end - start > HOUR;
  return [points.unlisted.size ? unlisted(dataset, points) : null, heatMap({
    label: `${dataset.name} on ${day(start)}`, what: "entity",
    names: counted.map((row) => ({ ...row, total: sum(row.cells) })),
    columns: columns.map(([from, to]) => ({ start: from, end: to, name: clock(from), day: "",
      href: hourly ? path("dataset", dataset.name, "at", stampOf("hour", from)) : null, markText: hourly ? "all entities of this hour" : "" })),
    counts: (row) => row.cells,
    href: (row, column) => hourly ? path("dataset", dataset.name, "at", stampOf("hour", column.start), row.name) : pointPath(dataset, row.name, column.start),
  })].filter(Boolean);
}
const pointPath = (dataset, entity, slot) => path("point", dataset.name, entity, iso(slot));
const unlisted = (dataset, points) => el("p", { class: "note" },
  `${count(points.unlisted.size, "entity", "entities")} of ${dataset.name} have too many gaps to be told point by point here; starmend why tells each.`);

/** One entity's points: a row for each hour (or day), a square for each point; then a list of what is not plainly there. */
function entityPoints(dataset, points, start, end, name) {
  const entity = dataset.grid.rows.indexOf(name);
  if (entity < 0) return missingPage(`${dataset.name} has no entity ${name} in this range.`);
  const from = placeOf(points, start), to = placeOf(points, end);
  if (from === to) return el("p", { class: "soft" }, "Nothing is owed in this time.");
  const counts = countWithin(points, entity, start, end);
  const runs = runsWithin(points, entity, start, end);
  return [tiles(counts), bar(counts), legend([...DATA.states, "not owed"]),
    squares(dataset, points, entity, name, from, to), runList(dataset, points, name, runs)];
}

function squares(dataset, points, entity, name, from, to) {
  const unit = dataset.every >= HOUR ? DAY : HOUR, lines = new Map(), readout = el("p", { class: "readout", "aria-live": "polite" }, hint());
  for (let place = from; place < to; place++) {
    const slot = points.slots[place], line = Math.floor(slot / unit) * unit;
    if (!lines.has(line)) lines.set(line, []);
    const state = stateAt(points, entity, place), says = `${name}, ${moment(slot)}: ${POINT_WORDS[state]}`;
    lines.get(line).push(el("a", { class: `point ${state.replace(" ", "-")}${state === "missing" ? " gap" : ""}`, href: pointPath(dataset, name, slot),
      style: `grid-column:${Math.floor((slot % unit) / dataset.every) + 1}`, "data-says": says, "aria-label": says, tabindex: "-1" }));
  }
  const columns = Math.min(60, Math.ceil(unit / dataset.every));
  const box = el("div", { class: "points", style: `--columns:${columns}` }, [...lines].map(([line, squaresOf]) =>
    el("div", { class: "line" }, el("span", { class: "time" }, unit === DAY ? day(line) : clock(line)), el("div", { class: "squares" }, squaresOf))));
  roamPoints(box, readout);
  return el("div", {}, readout, box);
}

function roamPoints(box, readout) {
  const all = [...box.querySelectorAll(".point")];
  const first = box.querySelector(".gap") || all[0];
  if (first) first.tabIndex = 0;
  const say = (event) => { const point = event.target.closest(".point"); if (point) readout.textContent = point.dataset.says; };
  for (const kind of ["pointerover", "focusin", "touchstart"]) box.addEventListener(kind, say, { passive: true });
  box.addEventListener("keydown", (event) => {
    const at = all.indexOf(event.target);
    const to = at + ({ ArrowLeft: -1, ArrowRight: 1, ArrowUp: -60, ArrowDown: 60 }[event.key] || 0);
    if (at < 0 || to === at || !all[to]) return;
    event.preventDefault();
    event.target.tabIndex = -1;
    all[to].tabIndex = 0;
    all[to].focus();
  });
}

const LISTED_RUNS = 200;
function runList(dataset, points, name, runs) {
  const shown = runs.filter(([, , state]) => state !== NOT_OWED).sort((one, two) => two[2] - one[2] || one[0] - two[0]);
  if (!shown.length) return el("p", {}, "Every point was observed in its time.");
  const items = shown.slice(0, LISTED_RUNS).map(([first, many, state]) => {
    const from = points.slots[first], last = points.slots[first + many - 1], named = DATA.states[state];
    return el("li", {}, el("a", { class: "run", href: pointPath(dataset, name, from) }, el("span", { class: `swatch ${named}`, "aria-hidden": "true" }),
      `${span(from, last)}: ${many > 1 ? `${number(many)} points ` : ""}${named}`));
  });
  const rest = shown.length - LISTED_RUNS;
  return el("div", {}, el("h3", {}, "What is not plainly there"), el("ul", { class: "runs" }, items),
    rest > 0 ? el("p", { class: "soft" }, `and ${number(rest)} more`) : null);
}

// ---------------------------------------------------------------- one point

function pointPage(dataset, name, stamp) {
  const slot = Date.parse(stamp) / 1000, entity = dataset.grid.rows.indexOf(name);
  const holder = el("div", {}, el("p", { class: "soft" }, "Loading its points …"));
  if (entity < 0 || Number.isNaN(slot)) return [missingPage(`${dataset.name} has no point ${name} ${stamp}.`)];
  pointsOf(dataset.name).then(
    (points) => { holder.replaceChildren(...pointParts(dataset, points, entity, name, slot)); },
    () => { holder.replaceChildren(...story(dataset, name, slot, slot, "")); });
  return [
    crumbs([dataset.name, path("dataset", dataset.name)], [day(slot), path("dataset", dataset.name, "at", stampOf("day", slot), name)], [clock(slot)]),
    el("h1", { tabindex: "-1" }, `${name} · ${moment(slot)}`), holder,
  ];
}

function pointParts(dataset, points, entity, name, slot) {
  const place = placeOf(points, slot);
  if (points.slots[place] !== slot) return [el("p", {}, "Nothing is expected at that time.")];
  const state = points.unlisted.has(entity) ? "" : stateAt(points, entity, place);
  const run = runsOf(points, entity).find(([first, many]) => first <= place && place < first + many);
  return story(dataset, name, slot, run ? points.slots[run[0]] : slot, state, run ? run[1] : 1);
}

/** The story as `starmend why` tells it, where the page has it; else what the page knows, and the command. */
function story(dataset, name, slot, first, state, many) {
  const told = DATA.stories[`${dataset.name}/${name}/${slot}`], ofGap = DATA.stories[`${dataset.name}/${name}/${first}`];
  const fact = DATA.tables.find((each) => each.dataset === dataset.name && each.kind === "fact");
  const column = dataset.grid.columns.find(([from, to]) => from <= slot && slot < to);
  const ask = fact ? command(`starmend why ${fact.name} --entity ${word(name)} --at ${iso(slot)}`) : null;
  const known = el("p", { class: "lead", id: "verdict" }, told ? [badge(told.fine ? "complete" : "alarmed", { complete: ["✓", told.verdict.replace("_", " ")], alarmed: ["!", told.verdict.replace("_", " ")] }), " ", told.sentence]
    : state ? [el("span", { class: `swatch ${state.replace(" ", "-")}`, "aria-hidden": "true" }), `${POINT_WORDS[state][0].toUpperCase()}${POINT_WORDS[state].slice(1)}.`,
      many > 1 ? ` One of ${number(many)} neighbouring points in this state, from ${moment(first)} on.` : ""] : null);
  return [known, facts([
    ["dataset", link(path("dataset", dataset.name), dataset.name)],
    fact ? ["table", link(path("table", fact.name), fact.name)] : null,
    column ? ["window", standing({ status: column[2], windows: column[3], certified: column[4], certificates: column[5] })] : null,
  ]),
  told ? storyParts(told) : el("p", {}, ofGap && first !== slot ? [link(pointPath(dataset, name, first), `The story of the gap's first point, ${moment(first)}`), " is on this page. "] : "",
    "Its whole story, what was asked, tried and answered: ", ask),
  told ? el("p", {}, "The same at a terminal: ", ask) : null];
}

function storyParts(told) {
  return el("div", { class: "story" },
    told.events.length ? section("events", "What happened", el("ol", { class: "events" }, told.events.map((event) =>
      el("li", {}, el("time", {}, event.at ? moment(Date.parse(event.at) / 1000) : "at no known time"), el("b", {}, event.what), " ", event.text,
        event.object ? [" ", code(event.object)] : null)))) : null,
    told.next.length ? section("next", "What happens next", el("ul", {}, told.next.map((sentence) => el("li", {}, sentence)))) : null,
    told.limits.length ? section("limits", "Where nobody looked", el("ul", {}, told.limits.map((sentence) => el("li", {}, sentence)))) : null);
}
