"use strict";
// The banner over all datasets, a card for each, and a dataset's own page.

function crumbs(...parts) {
  return el("nav", { class: "crumbs", "aria-label": "Where you are" }, el("ol", {}, el("li", {}, link("#/", "All datasets")),
    parts.map(([text, href]) => el("li", {}, href ? link(href, text) : el("span", { "aria-current": "page" }, text)))));
}
const missingPage = (text) => el("div", {}, el("p", { class: "note" }, text), el("p", {}, link("#/", "All datasets")));

function homePage() {
  const open = DATA.alarms.filter((alarm) => alarm.until === null);
  return [
    verdict(),
    DATA.notes.length ? section("notes", "What could not be read", el("ul", { class: "note" }, DATA.notes.map((note) => el("li", {}, note)))) : null,
    section("datasets", "Datasets", el("ul", { class: "cards" }, worstFirst(DATA.datasets).map(card))),
    open.length ? section("alarms", "Open alarms", open.map(alarmCard)) : null,
    section("tables", "Tables", tableIndex()),
    section("audits", "Gaps found and healed, by audit", audits(DATA.audits)),
    section("freshness", "Freshness", freshness(DATA.freshness)),
    section("history", "Alarms that are over", alarmHistory(DATA.alarms.filter((alarm) => alarm.until !== null))),
    section("processing", "Processing, lately", receipts(DATA.receipts)),
  ];
}

function verdict() {
  const banner = DATA.banner, [sign] = STATE_WORDS[banner.state], isOld = outdated(nowSecond()) !== "";
  return el("header", { class: `banner ${isOld ? "old" : banner.complete ? "complete" : banner.state}`, id: "banner" },
    el("span", { class: "sign", "aria-hidden": "true" }, isOld ? "?" : banner.complete ? "✓" : sign),
    el("div", {}, el("h1", { tabindex: "-1" }, isOld ? `Out of date. ${about(DATA.made)}: ${banner.title}` : banner.title),
      el("p", { class: "when" },
        banner.since !== null ? el("span", {}, `${banner.complete ? "So since" : "Since"} ${about(banner.since)} (${length(Math.max(0, DATA.made - banner.since))}). `) : null,
        isOld ? null : banner.next_audit !== null ? el("span", {}, banner.next_audit <= DATA.made ? "The next audit is due now." : `The next audit comes at ${clock(minute(banner.next_audit))}, in ${length(banner.next_audit - DATA.made)}.`)
          : el("span", {}, "No audit has ended yet.")),
      banner.doing.length ? el("ul", { class: "doing" }, banner.doing.slice(0, 5).map((text) => { const [name] = text.split(":"); return el("li", {}, link(path("dataset", name), name), text.slice(name.length)); }),
        banner.doing.length > 5 ? el("li", {}, link("#/?datasets", `and ${banner.doing.length - 5} more`)) : null) : null,
      el("p", { class: "soft made" }, `${DATA.project} / ${DATA.environment}, ${about(DATA.range[0])} to ${about(DATA.range[1])}, made ${about(DATA.made)}, valid until ${about(DATA.valid_until)}. All times are UTC.`)));
}

// ---------------------------------------------------------------- cards

function worstFirst(datasets) {
  const order = Object.keys(STATE_WORDS), place = (dataset) => order.indexOf(dataset.conditions[0].state);
  return [...datasets].sort((one, two) => place(one) - place(two) || one.name.localeCompare(two.name));
}

function card(dataset) {
  const first = dataset.conditions[0], whole = expected(dataset.counts), href = path("dataset", dataset.name);
  return el("li", { class: `card ${first.state}`, id: `card-${dataset.name}` },
    el("h3", {}, link(href, dataset.name), el("small", {}, ` ${dataset.canary ? "canary, " : ""}${dataset.kind}, ${dataset.source}, every ${length(dataset.every)}`)),
    el("p", { class: "badges" }, dataset.conditions.map((condition) => badge(condition.state))),
    el("p", {}, first.text, "."),
    bar(dataset.counts), strip(dataset),
    el("p", { class: "figures" }, `${number(whole)} expected = ${number(dataset.counts[0] + dataset.counts[1] + dataset.counts[2])} present + ${number(dataset.counts[3])} absent + `,
      el("b", { class: dataset.counts[4] ? "bad" : null }, `${number(dataset.counts[4])} missing`)),
    el("p", { class: "soft" }, `${number(dataset.certified)} of ${count(dataset.windows, "window")} certified`,
      dataset.audited !== null ? `; audited ${about(dataset.audited)}` : "; never audited"));
}

/** The dataset's time at a glance: a bar for each column of its grid, its height the share that is missing. */
function strip(dataset) {
  const grid = dataset.grid, columns = grid.columns.map(nothing);
  grid.rows.forEach((_, row) => cellsOf(grid, row).forEach((counts, at) => add(columns[at], counts)));
  if (columns.length < 2) return null;
  return el("div", { class: "strip", "aria-hidden": "true" }, columns.slice(-60).map((counts) =>
    el("i", { class: leading(counts) })));
}
/** Missing where anything is; else what is more than a fiftieth of it. */
function leading(counts) {
  const whole = expected(counts);
  if (!whole || counts[4]) return whole ? "missing" : "none";
  const at = [3, 2, 1].find((place) => counts[place] > whole / 50);
  return at ? DATA.states[at] : "observed";
}

// ---------------------------------------------------------------- a dataset

function datasetPage(dataset) {
  const tables = DATA.tables.filter((each) => each.dataset === dataset.name);
  const alarms = DATA.alarms.filter((alarm) => alarm.dataset === dataset.name);
  const its = DATA.audits.filter((audit) => audit.dataset === dataset.name);
  return [
    crumbs([dataset.name]),
    el("h1", { tabindex: "-1" }, dataset.name, el("small", {}, ` ${dataset.canary ? "canary, " : ""}${dataset.kind}, ${dataset.source}, every ${length(dataset.every)}`)),
    el("ul", { class: "conditions", id: "conditions" }, dataset.conditions.map(condition)),
    tiles(dataset.counts), bar(dataset.counts),
    dataset.progress.length ? section("progress", "Progress of the new contract", dataset.progress.map(progress)) : null,
    dataset.halts.length ? section("halts", "Halted objects", halts(dataset)) : null,
    section("coverage", "Coverage", gaps(dataset), held(dataset), coverage(dataset), overTime(dataset)),
    facts([
      ["certified", `${number(dataset.certified)} of ${count(dataset.windows, "window")}`],
      ["complete within", length(dataset.within)],
      ["last audit", about(dataset.audited)], ["next audit", dataset.next === null ? null : about(dataset.next)],
      ["audit it now", command(`starmend audit --dataset ${dataset.name}`)],
      ["prove it", command(`starmend verify --dataset ${dataset.name}`)],
    ]),
    alarms.length ? section("alarms", "Alarms", alarms.filter((alarm) => alarm.until === null).map(alarmCard), alarmHistory(alarms.filter((alarm) => alarm.until !== null))) : null,
    section("tables", "Tables", tableList(tables)),
    section("audits", "Audits", audits(its)),
    section("processing", "Processing, lately", receipts(DATA.receipts.filter((receipt) => receipt.dataset === dataset.name))),
  ];
}

function condition(each) {
  return el("li", { class: `condition ${each.state}` }, badge(each.state),
    el("span", {}, " ", each.text, ". ", el("span", { class: "soft" }, each.doing, ".", each.since !== null ? ` Since ${about(each.since)}.` : "")));
}

function progress(change) {
  return el("div", { class: "progress" }, el("progress", { max: change.total, value: change.done, "aria-label": change.text }), el("p", {}, change.text));
}

function halts(dataset) {
  return [table("Halted objects", ["object", "table", "#lines", "since", "reason", "to do"], dataset.halts.map((halt) =>
    [code(halt.object), halt.table, number(halt.lines), about(Date.parse(halt.since) / 1000), halt.reason, command(`starmend replay ${word(halt.object)}`)])),
  el("p", {}, "Look at their lines: ", command(`starmend quarantine list --dataset ${dataset.name}`))];
}

/** The longest gaps as links, so that nobody has to look for them. */
function gaps(dataset) {
  const list = dataset.grid.gaps;
  if (!list || !list.length) return null;
  const more = dataset.grid.gap_count - list.length;
  return el("div", { class: "gaps" }, el("h3", {}, more > 0 ? `The longest of ${count(dataset.grid.gap_count, "gap")}` : "Every gap"),
    el("ul", { class: "runs" }, list.map(([entity, start, end, points]) => el("li", {}, el("a", { class: "run", href: path("point", dataset.name, entity, iso(start)) },
      el("span", { class: "swatch missing", "aria-hidden": "true" }), `${entity}, ${span(start, end - dataset.every)}: ${count(points, "point")} missing`)))));
}

function held(dataset) {
  return (dataset.grid.held || []).length ? el("ul", { class: "note" }, dataset.grid.held.map(([name, reason]) => el("li", {}, code(name), ` is held back: ${reason}`))) : null;
}

/** What was missing, repaired and late, column by column: where in the range the trouble lies. */
function overTime(dataset) {
  const grid = dataset.grid, columns = grid.columns.map(nothing);
  if (columns.length < 2) return null;
  grid.rows.forEach((_, row) => cellsOf(grid, row).forEach((counts, at) => add(columns[at], counts)));
  const names = grid.columns.map(([start, end]) => grid.unit === "window" ? windowName(start, end) : grid.unit === "day" ? day(start).slice(4) : `${two(new Date(start * 1000).getUTCDate())} ${clock(start)}`);
  const series = [1, 2, 3, 4].map((at) => [DATA.states[at], DATA.states[at], columns.map((counts) => counts[at])]);
  if (!series.some(([, , values]) => values.some(Boolean))) return null;
  return [el("h3", {}, "What was not observed in its time"), bars(`What was not observed in its time, ${dataset.name}`, names, series, grid.unit)];
}

/** A database's window: its counts, its certificate, what to run. */
function windowPage(dataset, name, stamp) {
  const grid = dataset.grid, row = grid.rows.indexOf(name);
  // A day and a month may begin together: the window is the one of this table.
  const mark = grid.unit === "window" && grid.marks.find((each) => each[0] === row && iso(grid.columns[each[1]][0]) === stamp);
  if (!mark) return [missingPage(`${dataset.name} has no window ${stamp} of ${name}.`)];
  const [, at, status, certificate, audited] = mark, counts = cellsOf(grid, row)[at], [start, end] = grid.columns[at];
  const bounds = end >= FOREVER ? "" : ` --from ${iso(start)} --to ${iso(end)}`;
  const made = DATA.tables.filter((each) => each.dataset === dataset.name && each.source === name);
  return [
    crumbs([dataset.name, path("dataset", dataset.name)], [`${name}, ${windowName(start, end)}`]),
    el("h1", { tabindex: "-1" }, `${name} · ${windowName(start, end)}`),
    el("p", { class: "lead" }, badge(status, MARK_WORDS), ` ${breakdown(counts)}.`),
    tiles(counts), bar(counts),
    facts([
      ["window", end >= FOREVER ? "all rows" : `${moment(start)} to ${moment(end)}`],
      ["certificate", certificate ? String(certificate) : "none"], ["audited", about(audited)],
      made.length ? ["becomes", made.map((each) => [link(path("table", each.name), each.name), " "])] : null,
      ["audit it again", command(`starmend audit --dataset ${dataset.name}${bounds}`)],
      ["prove it", command(`starmend verify --dataset ${dataset.name}${bounds}`)],
    ]),
  ];
}
