"use strict";
// The page's data, and what is computed of them: counts of cells, points of a feed.

const DATA = JSON.parse(document.getElementById("data").textContent);
const THIS_YEAR = new Date(DATA.made * 1000).getUTCFullYear();
const NOT_OWED = DATA.states.length;
const HOUR = 3600, DAY = 86400;

const datasetNamed = (name) => DATA.datasets.find((dataset) => dataset.name === name);
const tableNamed = (name) => DATA.tables.find((table) => table.name === name);
const nothing = () => [0, 0, 0, 0, 0];
const add = (into, counts) => { counts.forEach((value, at) => { into[at] += value; }); return into; };
const sum = (list) => list.reduce(add, nothing());
const expected = (counts) => counts.reduce((total, value) => total + value, 0);

/** The counts of a row's cells, one for each column of the grid. */
function cellsOf(grid, row) {
  const cells = grid.plain.map((value) => [value, 0, 0, 0, 0]);
  const other = grid.cells[row] || [];
  for (let at = 0; at < other.length; at += 6) cells[other[at]] = other.slice(at + 1, at + 6);
  return cells;
}

/** The grid's rows with their sums, as they are listed: the worst first, then by name. */
function rowsOf(grid) {
  if (!grid.listed) {
    grid.listed = grid.rows.map((name, at) => ({ name, at, total: sum(cellsOf(grid, at)) }));
    grid.listed.sort((one, two) => two.total[4] - one.total[4] || one.name.localeCompare(two.name));
  }
  return grid.listed;
}

// ---------------------------------------------------------------- points

const decoded = new Map();
const waiting = new Map();

/** The points of a feed, decoded once; a promise, for those beside the page have to be loaded. */
function pointsOf(name) {
  if (decoded.has(name)) return Promise.resolve(decoded.get(name));
  if (DATA.points[name]) return Promise.resolve(keep(name, DATA.points[name]));
  return new Promise((resolve, reject) => {
    waiting.set(name, resolve);
    const script = el("script", { src: DATA.beside[name] });
    script.onerror = () => { script.remove(); reject(new Error(DATA.beside[name])); };
    document.head.append(script);
  });
}
function starmendPoints(name, data) { // called by the files beside the page
  const points = keep(name, data);
  if (waiting.has(name)) waiting.get(name)(points);
}

function keep(name, data) {
  const slots = [];
  for (const [first, many, step] of data.slots) for (let at = 0; at < many; at++) slots.push(first + at * step);
  decoded.set(name, { slots, data, unlisted: new Set(data.unlisted), runs: new Map() });
  return decoded.get(name);
}

/** An entity's runs that are not plainly observed: [first slot, how many, state], by places among the slots. */
function runsOf(points, entity) {
  if (!points.runs.has(entity)) {
    const numbers = points.data.runs[entity] || [], runs = [];
    let end = 0;
    for (let at = 0; at < numbers.length; at += 3) {
      const first = end + numbers[at];
      end = first + numbers[at + 1];
      runs.push([first, numbers[at + 1], numbers[at + 2]]);
    }
    points.runs.set(entity, runs);
  }
  return points.runs.get(entity);
}

/** The place of the first slot that begins at or after an instant. */
function placeOf(points, instant) {
  let low = 0, high = points.slots.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points.slots[middle] < instant) low = middle + 1; else high = middle;
  }
  return low;
}

/** The runs of an entity within [start, end), cut to it. */
function runsWithin(points, entity, start, end) {
  const from = placeOf(points, start), to = placeOf(points, end);
  return runsOf(points, entity)
    .map(([first, many, state]) => [Math.max(first, from), Math.min(first + many, to), state])
    .filter(([first, last]) => first < last)
    .map(([first, last, state]) => [first, last - first, state]);
}

/** Counts of an entity's points within [start, end). */
function countWithin(points, entity, start, end) {
  const counts = nothing();
  counts[0] = placeOf(points, end) - placeOf(points, start);
  for (const [, many, state] of runsWithin(points, entity, start, end)) {
    counts[0] -= many;
    if (state !== NOT_OWED) counts[state] += many;
  }
  return counts;
}

/** The state of an entity's slot, by its place. */
function stateAt(points, entity, place) {
  const run = runsOf(points, entity).find(([first, many]) => first <= place && place < first + many);
  return run ? DATA.states[run[2]] || "not owed" : "observed";
}
