"use strict";
// Tables: a list, and a page for each.

function tableList(tables) {
  if (!tables.length) return el("p", { class: "soft" }, "No table.");
  const state = new Map(DATA.datasets.map((dataset) => [dataset.name, dataset.conditions[0].state]));
  return table("Tables", ["table", "kind", "grain", "dataset", "#partitions", "#certificates", "newest row"], tables.map((each) => {
    const fresh = DATA.freshness.find((fact) => fact.table === each.name);
    return [link(path("table", each.name), each.name), each.kind, each.grain || "–",
      state.has(each.dataset) ? [link(path("dataset", each.dataset), each.dataset), " ", badge(state.get(each.dataset))] : each.dataset,
      number(each.partition_count), each.certificate_count ? number(each.certificate_count) : "–", fresh ? about(fresh.newest) : "–"];
  }));
}

/** The tables of each dataset in one line. */
function tableIndex() {
  const names = [...new Set(DATA.tables.map((each) => each.dataset))];
  return table("Tables by dataset", ["dataset", "tables"], names.map((name) => {
    const dataset = datasetNamed(name);
    return [dataset ? [link(path("dataset", name), name), " ", badge(dataset.conditions[0].state)] : name,
      el("ul", { class: "chips" }, DATA.tables.filter((each) => each.dataset === name).map((each) => el("li", {}, link(path("table", each.name), each.name))))];
  }), { class: "data index" });
}

function tablePage(each) {
  const dataset = datasetNamed(each.dataset), fresh = DATA.freshness.filter((fact) => fact.table === each.name);
  return [
    crumbs(...(dataset ? [[each.dataset, path("dataset", each.dataset)]] : []), [each.name]),
    el("h1", { tabindex: "-1" }, each.name, el("small", {}, ` ${each.kind} of ${each.dataset}`)),
    each.grain ? el("p", { class: "lead" }, each.grain) : null,
    dataset ? el("p", { class: "badges" }, dataset.conditions.map((condition) => badge(condition.state))) : null,
    dataset ? el("p", {}, dataset.conditions[0].text, ". ", link(path("dataset", dataset.name), `More on ${dataset.name}`)) : null,
    facts([
      ["key", each.key.map((name) => [code(name), " "])], each.partition_by.length ? ["partitions", each.partition_by.join(", ")] : null,
      ["query it", command(`starmend query "select * from ${each.name}${each.kind === "rollup" && each.columns.some((column) => column.name === "complete") ? "_complete" : ""} limit 10"`)],
    ]),
    section("lineage", "Lineage", lineage(each)),
    fresh.length ? section("freshness", "Freshness", freshness(fresh)) : null,
    section("certificates", "Certificates", certificates(each)),
    section("partitions", "Rows per partition", partitions(each)),
    each.kind === "fact" ? section("quarantine", "Quarantine", quarantine(each)) : null,
    section("columns", "Columns", table("Columns", ["column", "type", "unit", "what it is", "refers to", "checked"], each.columns.map((column) =>
      [code(column.name), column.type, column.unit, column.comment, reference(column.references), column.rule]))),
  ];
}

function reference(name) {
  const other = name.split(".")[0];
  return tableNamed(other) ? link(path("table", other), name) : name;
}

/** From the source through the table to what is made of it. */
function lineage(each) {
  const box = (place) => el("li", {}, el("small", {}, place.kind), " ", place.table && place.table !== each.name ? link(path("table", place.table), place.table) : el("b", {}, place.name));
  const column = (label, places) => el("div", {}, el("small", {}, label), el("ul", {}, places.map(box)));
  return el("div", { class: "lineage" },
    each.upstream.length ? [column("made of", each.upstream), el("span", { class: "arrow", "aria-hidden": "true" }, "→")] : null,
    column("this table", [{ kind: each.kind, name: each.name, table: "" }]),
    each.downstream.length ? [el("span", { class: "arrow", "aria-hidden": "true" }, "→"), column("used by", each.downstream)] : null);
}

function certificates(each) {
  if (each.certified_through) return el("p", {}, `It is computed: the certificates of `, link(path("table", each.certified_through) + "?certificates", each.certified_through), " speak for its rows.");
  if (!each.certificates.length) {
    return el("p", { class: "soft" }, each.kind === "dimension" || each.kind === "calendar" ? "It is computed whole from its sources, and has no windows to certify."
      : "None speaks of it in this range.");
  }
  const rows = each.certificates.map((certificate) => [
    `${certificate.number}`, windowName(certificate.start, certificate.end), number(certificate.expected), number(certificate.present),
    number(certificate.repaired), number(certificate.late), number(certificate.absent), number(certificate.rows),
    certificate.unplaced ? number(certificate.unplaced) : "0", el("span", { title: certificate.hash }, code(certificate.hash.slice(0, 12))),
    command(each.proof + (certificate.end >= FOREVER ? "" : ` --from ${iso(certificate.start)} --to ${iso(certificate.end)}`)),
  ]);
  const more = each.certificate_count - each.certificates.length;
  return [el("p", {}, "Whoever doubts them proves them again, from the objects alone: ", command(each.proof)),
    table("Certificates", ["#number", "window", "#expected", "#present", "#repaired", "#late", "#absent", "#rows", "#unplaced", "hash", "prove this one"], rows),
    more > 0 ? el("p", { class: "soft" }, `and ${number(more)} older ones`) : null];
}

function partitions(each) {
  if (!each.partitions.length) return el("p", { class: "soft" }, "No partition yet.");
  const known = each.partitions.filter(([, rows]) => rows !== null).slice(0, 60).reverse();
  const chart = known.length > 1 ? bars(`Rows per partition of ${each.name}`, known.map(([name]) => name.split("/").map((part) => part.split("=").pop()).join(" ")),
    [["observed", "certified rows", known.map(([, rows]) => rows)]], "partition") : null;
  const rest = each.partition_count - each.partitions.length;
  return [el("p", { class: "soft" }, "Rows are those that the certificates of this range speak of; versions count every commit."), chart,
    el("details", { open: each.partitions.length <= 12 }, el("summary", {}, `${count(each.partition_count, "partition")} with their versions`),
      table("Partitions", ["partition", "#certified rows", "#version", "go back"], each.partitions.map(([name, rows, version]) =>
        [code(name || "(whole table)"), rows === null ? "–" : number(rows), version === null ? "–" : String(version),
          version > 1 ? code(given(`starmend rollback ${[each.name, name].filter(Boolean).map(word).join(" ")} --to-version ${version - 1}`)) : "–"])),
      rest > 0 ? el("p", { class: "soft" }, `and ${number(rest)} older ones`) : null)];
}

function quarantine(each) {
  const refused = each.refusals;
  if (!refused.objects) return el("p", {}, "No line of its source was refused.");
  return [el("p", {}, `${count(refused.objects, "object")} with refused lines${refused.more ? `; the newest were looked at, ${count(refused.lines, "line")}` : `, ${count(refused.lines, "line")}`}.`),
    table("Refused lines by reason", ["reason", "#lines", "for example"], refused.reasons.map(([reason, lines], at) => {
      const [object, line] = refused.examples[at];
      return [reason, number(lines), el("span", {}, `line ${line} of `, code(object))];
    })),
    el("p", {}, "Look at them, and take them once contract or source are mended: ", command(`starmend quarantine list --dataset ${each.dataset} --table ${word(each.source)}`), " ",
      command(`starmend quarantine retry --dataset ${each.dataset} --table ${word(each.source)}`))];
}

function freshness(list) {
  if (!list.length) return el("p", { class: "soft" }, "Nobody could be asked how fresh the tables are.");
  const sign = { fresh: "✓ fresh", old: "! older than allowed", unknown: "no rows yet" };
  const rows = list.map((fact) => [
    link(path("table", fact.table), fact.table), about(fact.newest),
    fact.behind === null ? "–" : fact.feed ? fact.behind === 0 ? "nothing owed is newer" : `${length(fact.behind)} behind` : `${length(fact.behind)} old`,
    length(fact.limit), meter(fact),
    el("span", { class: fact.state === "old" && fact.feed ? "bad" : null }, fact.state === "old" && !fact.feed ? "? quiet, or nothing comes" : sign[fact.state]),
  ]);
  return [el("p", { class: "soft" }, "A feed is behind its calendar: a closed exchange ages nothing. A database's table is as old as its newest row; whether its source is quiet, ", code("starmend status"), " tells."),
    table("Freshness", ["table", "newest row", "age", "allowed", "share", "state"], rows)];
}
function meter(fact) {
  if (fact.behind === null) return "–";
  const share = Math.min(fact.behind / (fact.limit || 1), 2) * 50;
  return el("span", { class: "meter", "aria-hidden": "true" }, el("i", { class: fact.state === "old" ? (fact.feed ? "missing" : "late") : "observed", style: `width:${Math.max(share, 1).toFixed(0)}%` }));
}
