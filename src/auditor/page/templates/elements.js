"use strict";
// Elements of the page. Whatever comes from outside is put in as text, never as HTML.

/** An element with attributes and children: texts, elements, lists of them; null is left out. */
function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  append(element, children);
  return element;
}
function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

const path = (...parts) => "#/" + parts.map(encodeURIComponent).join("/");
const link = (href, ...children) => el("a", { href }, ...children);
const code = (text) => el("code", {}, text);

/** A word of a command, in quotes where a shell would take it for something else. */
const word = (text) => /^[A-Za-z0-9._:/@=-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;

/** A command as it is given for the deployment that the page is about. */
const given = (text) => DATA.environment === "local" ? text : `${text} --env ${DATA.environment}`;

/** A command with a button that copies it. */
function command(words) {
  const text = given(words);
  const button = el("button", { type: "button", class: "copy", "aria-label": `Copy: ${text}` }, "copy");
  button.addEventListener("click", () => {
    const done = () => { button.textContent = "copied"; };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, () => selectText(shown));
    else selectText(shown);
  });
  const shown = el("code", {}, text.split(" ").map((word, at) => [at ? " " : "", el("span", { class: word.length < 32 ? "word" : null }, word)]));
  return el("span", { class: "command" }, shown, button);
}
function selectText(element) {
  getSelection().selectAllChildren(element);
}

function badge(state, words) {
  const [sign, text] = (words || STATE_WORDS)[state] || ["", state];
  return el("span", { class: `badge ${state}` }, el("span", { "aria-hidden": "true" }, sign), " ", text);
}

/** A section with a heading that can be linked to: `id` is the last part of its address. */
function section(id, title, ...children) {
  return el("section", { id, "aria-labelledby": `${id}-title` },
    el("h2", { id: `${id}-title`, tabindex: "-1" }, title, " ",
      el("a", { class: "anchor", href: anchorOf(id), "aria-label": `Link to ${title}` }, "#")),
    ...children);
}
const anchorOf = (id) => `${location.hash.split("?")[0] || "#/"}?${id}`;

/** A table of data in a box of its own that scrolls. Heads that begin with # are of numbers; `rows` hold cells. */
function table(label, heads, rows, attributes) {
  const numeric = heads.map((head) => head.startsWith("#"));
  const cell = (value, at) => el("td", { class: numeric[at] ? "n" : null }, value);
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    el("table", { class: "data", ...attributes },
      el("thead", {}, el("tr", {}, heads.map((head, at) =>
        el("th", { scope: "col", class: numeric[at] ? "n" : null }, head.replace("#", ""))))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map(cell))))));
}

/** Pairs of a name and a value. */
function facts(pairs) {
  return el("dl", { class: "facts" }, pairs.filter((pair) => pair && pair[1] !== null).map(([name, ...value]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, ...value))));
}

function tile(value, label, state) {
  return el("li", {}, el("b", {}, state ? el("span", { class: `swatch ${state}`, "aria-hidden": "true" }) : null, value),
    el("small", {}, label));
}

/** Expected, then each state: what is expected is the sum of the others. */
function tiles(counts) {
  const expected = counts.reduce((sum, value) => sum + value, 0);
  return el("ul", { class: "tiles" }, tile(number(expected), "expected"),
    DATA.states.map((state, at) => tile(number(counts[at]), `${state}, ${percent(counts[at], expected)}`, state)));
}

function bar(counts) {
  return el("div", { class: "bar", role: "img", "aria-label": breakdown(counts) },
    DATA.states.map((state, at) => counts[at] ? el("i", { class: state, style: `flex:${counts[at]}` }) : null));
}

function breakdown(counts) {
  const expected = counts.reduce((sum, value) => sum + value, 0);
  if (!expected) return "nothing is expected";
  const present = counts[0] + counts[1] + counts[2];
  const parts = DATA.states.slice(0, 3).map((state, at) => counts[at] ? `${number(counts[at])} ${state}` : "").filter(Boolean);
  return `${number(present)} of ${number(expected)} present` + (parts.length ? ` (${parts.join(", ")})` : "") +
    (counts[3] ? `, ${number(counts[3])} proven absent` : "") +
    (counts[4] ? `, ${number(counts[4])} missing` : ", none missing");
}

function legend(states) {
  return el("ul", { class: "legend" }, states.map((state) =>
    el("li", {}, el("span", { class: `swatch ${state.replace(" ", "-")}`, "aria-hidden": "true" }), POINT_WORDS[state])));
}
