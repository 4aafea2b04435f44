"use strict";
// The page's age, by the reader's clock: what was so on Friday is not told in green on Monday.

const SKEW = 300; // a clock that is behind by more cannot tell how old the page is

/** What keeps the page from being taken for the present, in words; empty while it may be. */
function outdated(now) {
  if (now > DATA.valid_until) return `This page is out of date since ${about(DATA.valid_until)}`;
  return now < DATA.made - SKEW ? "This machine's clock is before the page was made: nobody can tell how old it is" : "";
}
const nowSecond = () => Math.floor(Date.now() / 1000);

/** The notice of a page that is out of date; null while it may be taken for the present. */
function ageNotice() {
  const why = outdated(nowSecond());
  return why ? el("div", { class: "note", id: "stale", role: "status" }, el("p", {}, el("b", {}, why), ". ",
    `It was made ${about(DATA.made)}, and tells what was so then. Load it again; where no newer one comes, have one written: `,
    command("starmend report --open"))) : null;
}

/** Take up the page's age: once out of date, nothing on it is shown as good any more. */
function showAge() {
  const root = document.documentElement, notice = ageNotice(), shown = document.getElementById("stale");
  root.classList.toggle("stale", notice !== null);
  if (shown && !notice) shown.remove();
  if (!shown && notice) document.getElementById("app").prepend(notice);
  const banner = document.getElementById("banner");
  if (banner && banner.classList.contains("old") !== (notice !== null)) banner.replaceWith(verdict());
}
setInterval(showAge, 20000);
addEventListener("visibilitychange", showAge); // a tab that slept sees at once how old it is
