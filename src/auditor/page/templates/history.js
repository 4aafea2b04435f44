"use strict";
// Alarms with their history, audits with what they did, receipts.

function alarmCard(alarm) {
  return el("article", { class: `alarm ${alarm.silence ? "silenced" : "open"}`, id: `alarm-${alarm.dataset}-${alarm.name}` },
    el("h3", {}, link(path("alarm", alarm.dataset, alarm.name), alarm.name.replace(/_/g, " ")), el("small", {}, ` ${alarm.dataset}`)),
    el("p", {}, `${alarm.meaning}. ${number(alarm.count)} affected${alarm.entities.length ? `: ${alarm.entities.join(", ")}` : ""}. Since ${about(alarm.since)}.`),
    el("p", {}, el("b", {}, "What to do: "), alarm.remedy, "."),
    alarm.answer ? el("p", { class: "soft" }, "Last answer: ", code(alarm.answer)) : null,
    alarm.silence ? el("p", { class: "soft" }, `It is ${alarm.silence}.`) : null);
}

function alarmHistory(alarms) {
  if (!alarms.length) return el("p", { class: "soft" }, "None.");
  return table("Alarms that are over", ["alarm", "dataset", "since", "until", "lasted", "#affected", "#mails"], alarms.map((alarm) => [
    link(path("alarm", alarm.dataset, alarm.name), alarm.name.replace(/_/g, " ")), link(path("dataset", alarm.dataset), alarm.dataset),
    about(alarm.since), about(alarm.until), length(Math.max(0, alarm.until - alarm.since)), number(alarm.count), number(alarm.sent)]));
}

function alarmPage(alarm) {
  return [
    crumbs([alarm.dataset, path("dataset", alarm.dataset)], [alarm.name.replace(/_/g, " ")]),
    el("h1", { tabindex: "-1" }, alarm.name.replace(/_/g, " "), el("small", {}, ` ${alarm.dataset}`)),
    el("p", { class: "lead" }, alarm.until === null ? badge("alarmed", { alarmed: ["!", "open"] }) : badge("complete", { complete: ["✓", "over"] }), ` ${alarm.meaning}.`),
    facts([
      ["since", about(alarm.since)], alarm.until === null ? null : ["until", `${about(alarm.until)} (${length(Math.max(0, alarm.until - alarm.since))})`],
      ["affected", number(alarm.count)], ["mails sent", number(alarm.sent)], alarm.silence ? ["silence", alarm.silence] : null,
      alarm.run ? ["told by audit", link(path("audit", alarm.run), alarm.run)] : null,
      alarm.until === null ? ["what to do", `${alarm.remedy}.`] : null,
      alarm.until === null ? ["hold it back", command(`starmend alarms silence ${alarm.name} --dataset ${alarm.dataset} --for 4h --reason "known"`)] : null,
    ]),
    alarm.entities.length ? section("whom", "Whom it affects", el("p", {}, alarm.entities.join(", "))) : null,
    alarm.spans.length ? section("spans", "The first of what is missing", el("ul", {}, alarm.spans.map(([start, end]) =>
      el("li", {}, `${moment(Date.parse(start) / 1000)} to ${moment(Date.parse(end) / 1000)}`)))) : null,
    alarm.tried.length || alarm.answer ? section("tried", "What was tried", alarm.tried.length ? el("ul", {}, alarm.tried.map((text) => el("li", {}, text))) : null,
      alarm.answer ? el("p", {}, "Last answer: ", code(alarm.answer)) : null) : null,
    alarm.details.length ? section("details", "Details", el("ul", {}, alarm.details.map((text) => el("li", {}, text)))) : null,
  ];
}

// ---------------------------------------------------------------- audits

function audits(list) {
  if (!list.length) return el("p", { class: "soft" }, "No audit has looked at this range yet.");
  const ordered = [...list].reverse();
  const chart = list.some((audit) => audit.detected) && list.length > 1 ? bars("Points that each audit found missing, by their state at its end",
    ordered.map((audit) => `${day(audit.at).slice(4)} ${clock(minute(audit.at))}`),
    [["repaired", "healed", ordered.map((audit) => audit.healed)], ["absent", "proven absent", ordered.map((audit) => audit.absent)], ["missing", "left", ordered.map((audit) => audit.left)]], "audit") : null;
  return [chart, table("Audits", ["began", "dataset", "audit", "#windows", "#missing", "#healed", "#absent", "#left", "#certified", "what came of it"], list.map((audit) => [
    about(audit.at), link(path("dataset", audit.dataset), audit.dataset), el("a", { class: "run-name", href: path("audit", audit.run) }, audit.run),
    number(audit.windows), number(audit.detected), number(audit.healed), number(audit.absent), el("b", { class: audit.left ? "bad" : null }, number(audit.left)),
    number(audit.certified), outcome(audit)]))];
}

function outcome(audit) {
  if (audit.error) return el("span", { class: "bad" }, "failed");
  if (audit.causes.length) return el("span", { class: "bad" }, `told the admins: ${audit.causes.join(", ").replace(/_/g, " ")}`);
  if (audit.left) return "goes on at the next audit";
  return audit.detected || Object.keys(audit.other).length ? "healed" : "nothing was wrong";
}

function auditPage(audit) {
  const others = Object.entries(audit.other).map(([kind, many]) => `${number(many)} ${kind.replace(/_/g, " ")}`);
  return [
    crumbs([audit.dataset, path("dataset", audit.dataset)], [`audit of ${about(audit.at)}`]),
    el("h1", { tabindex: "-1" }, `Audit of ${about(audit.at)}`, el("small", {}, ` ${audit.dataset}`)),
    el("p", { class: "lead" }, outcome(audit)),
    facts([
      ["run", code(audit.run)], ["ended", audit.ended === null ? "not yet, or not in the journal" : about(audit.ended)],
      ["windows", number(audit.windows)], ["found missing", number(audit.detected)], ["healed", number(audit.healed)],
      ["proven absent", number(audit.absent)], ["left", number(audit.left)], ["attempts of repair", number(audit.attempts)],
      ["certificates issued", number(audit.certified)], others.length ? ["else found", others.join(", ")] : null,
      audit.causes.length ? ["told the admins of", audit.causes.map((name) => [link(path("alarm", audit.dataset, name), name.replace(/_/g, " ")), " "])] : null,
      audit.error ? ["failed with", code(audit.error)] : null,
      ["all of it", command(`starmend audits show ${word(audit.run)}`)],
    ]),
  ];
}

function receipts(list) {
  if (!list.length) return el("p", { class: "soft" }, "No receipt yet: nothing has been processed.");
  return table("The newest receipts", ["processed", "table", "object", "#lines", "#rows", "#rejected", "#ms", "outcome"], list.slice(0, 60).map((receipt) => [
    about(receipt.at), `${receipt.dataset}.${receipt.table}`, code(receipt.object), number(receipt.lines), number(receipt.rows),
    el("b", { class: receipt.rejected ? "bad" : null }, number(receipt.rejected)), number(Math.round(receipt.milliseconds)),
    receipt.reason ? `${receipt.outcome}: ${receipt.reason}` : receipt.outcome]));
}
