"use strict";
// Numbers, times and states as the page writes them. All times are UTC.

const STATE_WORDS = {
  alarmed: ["!", "alarmed"], halted: ["■", "halted"], canary_failed: ["✗", "canary failed"], silent: ["○", "not audited lately"], late: ["◔", "late"],
  unplaced: ["?", "unplaced rows"], held: ["⊘", "held"], outdated: ["↻", "outdated contract"], repairing: ["…", "repairing"],
  unaudited: ["○", "not audited yet"], unread: ["?", "could not be read"], unheard: ["♪", "nobody hears of alarms"], paused: ["‖", "paused"], uncertified: ["◐", "not all certified"],
  complete: ["✓", "complete"],
};
const MARK_WORDS = {
  certified: ["✓", "certified"], unaudited: ["–", "not audited yet"], changed: ["↻", "changed since it was certified"],
  open: ["…", "being healed"], held: ["⊘", "held: nothing heals it until it is released"],
  alarmed: ["!", "alarmed: somebody was called"],
};
const POINT_WORDS = {
  observed: "observed in its time", late: "observed, but stored late", repaired: "fetched again by the auditor",
  absent: "proven absent at the source", missing: "missing", "not owed": "owed by nobody",
};
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const FOREVER = 253402300799; // the end of a window that no time bounds

const two = (value) => String(value).padStart(2, "0");
const number = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ",");
const count = (value, word, many) => `${number(value)} ${value === 1 ? word : many || word + "s"}`;
const iso = (second) => new Date(second * 1000).toISOString().replace(".000Z", "Z");

function day(second) {
  const at = new Date(second * 1000);
  return `${DAYS[at.getUTCDay()]} ${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
}
function clock(second) {
  const at = new Date(second * 1000);
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}` + (second % 60 ? `:${two(at.getUTCSeconds())}` : "");
}
function moment(second) {
  if (second === null || second === undefined) return "–";
  const year = new Date(second * 1000).getUTCFullYear();
  return `${day(second)}${year === THIS_YEAR ? "" : ` ${year}`} ${clock(second)}`;
}
/** Of what happened at any second (an audit, a mail) people read the minute. */
const minute = (second) => second === null || second === undefined ? second : second - (second % 60);
const about = (second) => moment(minute(second));
function month(second) {
  const at = new Date(second * 1000);
  return `${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}`;
}

/** The two largest units: `3 h 5 min`. */
function length(seconds) {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
  if (!hours) return `${minutes} min`;
  const [first, rest] = days ? [`${days} d`, `${hours % 24} h`] : [`${hours} h`, `${minutes % 60} min`];
  return rest.startsWith("0 ") ? first : `${first} ${rest}`;
}

/** Never rounds a gap away: only all of it is 100 %, only nothing is 0 %. */
function percent(part, whole) {
  if (!whole) return "–";
  if (part === whole) return "100 %";
  if (!part) return "0 %";
  const share = (100 * part) / whole;
  return share < 0.1 ? "<0.1 %" : share > 99.9 ? ">99.9 %" : `${share.toFixed(1)} %`;
}

/** A window's time: `Nov 2026`, `Fri 20 Nov`, `all rows`. */
function windowName(start, end) {
  if (end >= FOREVER) return "all rows";
  const first = new Date(start * 1000), last = new Date(end * 1000);
  if (first.getUTCDate() === 1 && last.getUTCDate() === 1 && end - start > 86400) {
    return end - start > 32 * 86400 ? String(first.getUTCFullYear()) : month(start);
  }
  return end - start >= 86400 ? day(start) : `${day(start)} ${clock(start)}`;
}

/** Bounds of time in words, the end being exclusive: `15:03 to 15:06`, `Fri 20 Nov 15:03`. */
function span(first, last) {
  if (first === last) return moment(first);
  return `${moment(first)} to ${day(first) === day(last) ? clock(last) : moment(last)}`;
}
