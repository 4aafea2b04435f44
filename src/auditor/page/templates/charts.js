"use strict";
// Bars, stacked: drawn by uPlot on a canvas, in the page's colours, with the same figures in a table beneath.

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A colour that is striped where it means that something is missing, dotted where it is absent. */
function fillOf(state, context) {
  const colour = style(`--${state}`);
  if (state !== "missing" && state !== "absent") return colour;
  const tile = document.createElement("canvas");
  tile.width = tile.height = 6;
  const draw = tile.getContext("2d");
  draw.fillStyle = colour;
  draw.fillRect(0, 0, 6, 6);
  draw.strokeStyle = draw.fillStyle = style("--card");
  if (state === "missing") { draw.lineWidth = 1.2; draw.beginPath(); draw.moveTo(0, 6); draw.lineTo(6, 0); draw.stroke(); }
  else draw.fillRect(2, 2, 2, 2);
  return context.createPattern(tile, "repeat");
}

/**
 * Stacked bars. `series` are [state, label, values], the lowest first; `names` say what each bar is of.
 * The figures are in a table too, for those who do not see the drawing.
 */
function bars(label, names, series, unit) {
  const holder = el("div", { class: "chart", role: "img", "aria-label": `${label}. The figures are in the table below.` });
  const readout = el("p", { class: "readout", "aria-hidden": "true" }, "\u00a0");
  const shown = series.filter(([, , values]) => values.some(Boolean));
  charts.push({ holder, draw: () => draw(holder, readout, names, shown.length ? shown : series.slice(0, 1)) });
  const rows = names.map((name, at) => [name, ...series.map(([, , values]) => number(values[at]))]);
  return el("div", {}, series.length > 1 ? el("ul", { class: "legend" }, shown.map(([state, text]) =>
    el("li", {}, el("span", { class: `swatch ${state}`, "aria-hidden": "true" }), text))) : null,
  holder, readout,
  el("details", {}, el("summary", {}, "The same as a table"), table(label, [unit, ...series.map(([, text]) => `#${text}`)], rows)));
}

const NAMES_FONT = "12px system-ui, sans-serif", VALUES_WIDE = 62, APART = 16;
const ruler = document.createElement("canvas").getContext("2d");

/** Each how manyth bar is named, so that no name touches the next. */
function namedEvery(names, width) {
  ruler.font = NAMES_FONT;
  const widest = Math.max(1, ...names.map((name) => ruler.measureText(name).width)) + APART;
  return Math.max(1, Math.ceil((widest * names.length) / width));
}

function draw(holder, readout, names, series) {
  holder.textContent = "";
  const places = names.map((_, at) => at), stacked = [];
  series.forEach(([, , values], at) => stacked.push(values.map((value, place) => value + (at ? stacked[at - 1][place] : 0))));
  const width = Math.max(260, holder.clientWidth || 600);
  const every = namedEvery(names, width - VALUES_WIDE);
  const ink = style("--soft"), line = style("--line"), font = NAMES_FONT;
  const axis = { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  const chart = new uPlot({
    width, height: 170, legend: { show: false }, padding: [10, 12, 0, 0],
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: { x: { time: false, range: [-0.6, names.length - 0.4] }, y: { range: (_, low, high) => [0, high * 1.08 || 1] } },
    axes: [
      { ...axis, size: 34, grid: { show: false }, splits: () => places.filter((at) => at % every === 0), values: (_, at) => at.map((place) => names[place]) },
      { ...axis, size: VALUES_WIDE, values: (_, at) => at.map((value) => Number.isInteger(value) ? number(value) : "") },
    ],
    series: [{}, ...series.map(([state]) => ({
      fill: (u) => fillOf(state, u.ctx), stroke: style("--card"), width: 0.5, points: { show: false },
      paths: uPlot.paths.bars({ size: [0.8, 64] }),
    })).reverse()],
    hooks: { setCursor: [(u) => {
      const at = u.cursor.idx;
      readout.textContent = at === null || at === undefined ? "\u00a0"
        : `${names[at]}: ${series.map(([, text, values]) => `${number(values[at])} ${text}`).join(", ")}`;
    }] },
  }, [places, ...stacked.reverse()], holder);
  return chart;
}

// Charts are drawn once they are in the page, and again when colours or width change.
let charts = [];
function drawCharts() {
  charts = charts.filter(({ holder }) => holder.isConnected);
  for (const chart of charts) chart.draw();
}
for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)", "print"]) {
  matchMedia(query).addEventListener("change", () => drawCharts());
}
let widthBefore = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== widthBefore) { widthBefore = innerWidth; drawCharts(); }
});
