"use strict";
// Addresses: everything on the page has one, after the #; what follows a ? is the section to go to.

const ROUTES = {
  "": () => homePage(),
  dataset: (name, kind, ...rest) => {
    const dataset = datasetNamed(name);
    if (!dataset) return null;
    if (kind === "at" && dataset.grid.unit !== "window") return timePage(dataset, ...rest);
    return kind === "window" ? windowPage(dataset, ...rest) : datasetPage(dataset);
  },
  point: (name, entity, stamp) => datasetNamed(name) && pointPage(datasetNamed(name), entity, stamp),
  table: (name) => tableNamed(name) && tablePage(tableNamed(name)),
  audit: (run) => { const audit = DATA.audits.find((each) => each.run === run); return audit && auditPage(audit); },
  alarm: (dataset, name) => { const alarm = DATA.alarms.find((each) => each.dataset === dataset && each.name === name); return alarm && alarmPage(alarm); },
};

let shownPath = null;
function route() {
  const [address, wanted] = location.hash.replace(/^#\/?/, "").split("?");
  if (address !== shownPath) {
    const [kind, ...parts] = address.split("/").map(decodeURIComponent);
    const parent = ROUTES[kind] && ROUTES[kind](...parts);
    const app = document.getElementById("app");
    app.replaceChildren();
    append(app, [parent || missingPage("This page has nothing of that name; an older one may.")]);
    showAge();
    const title = app.querySelector("h1");
    document.title = `${title ? title.textContent : ""} · ${DATA.project} / ${DATA.environment}`;
    requestAnimationFrame(drawCharts);
    if (shownPath !== null) { scrollTo(0, 0); if (title) title.focus({ preventScroll: true }); }
    shownPath = address;
  }
  const place = wanted && document.getElementById(wanted);
  if (place) { place.scrollIntoView(); const heading = place.querySelector("h2"); if (heading) heading.focus({ preventScroll: true }); }
}
addEventListener("hashchange", route);
route();
