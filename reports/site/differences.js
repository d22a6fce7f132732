"use strict";
// Two sides chosen by the reader, and what differs between them: as reports/differences does it. Text is only ever set as text.

const known = JSON.parse(document.getElementById("data").textContent);
const byId = id => document.getElementById(id);
const names = known.sides.map(side => side.name);
const values = known.values.map(([kind, text, entry]) => ({ kind, text, entry }));
const unique = list => [...new Set(list)];
const plural = (number, noun = "check") => `${number} ${noun}${number === 1 ? "" : "s"}`;

function make(tag, attributes = {}, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...content);
  return made;
}

// ---- what differs

function differ(a, b) {
  if (a.kind !== b.kind || a.kind === "absent") return a.kind !== b.kind;
  const [x, y] = [listed(a.text), listed(b.text)];
  const both = [...x.keys()].filter(name => y.has(name));
  if (both.length) return both.some(name => x.get(name) !== y.get(name));
  return a.text !== b.text;
}

// "uint8 error, int32 accepted": of such lists what both were asked counts
function listed(text) {
  const parts = text.replace(/^holds: /, "").split(", ").map(part => part.split(" "));
  return new Map(parts.every(part => part.length === 2) ? parts : []);
}

function sortOf(level, a, b) {
  if (a.kind === "absent" || b.kind === "absent") return "absent";
  if (a.kind === "fault" || b.kind === "fault") return "faults";
  return level === "report" ? "measured" : "choices";
}

function cause(sort, item, a, b) {
  if (sort === "absent") return [sort, ...[a, b].map(one => (one.kind === "absent" ? one.text : ""))];
  if (a.entry || b.entry) return [sort, a.entry, b.entry];
  return [sort, item.r, a.text, b.text];
}

function differences(a, b) {
  const groups = new Map();
  for (const item of known.items) {
    const [first, second] = [values[item.v[a]], values[item.v[b]]];
    if (!first || !second || !differ(first, second)) continue;
    const level = (known.requirements[known.texts[item.r]] || ["unknown"])[0];
    const sort = sortOf(level, first, second);
    const key = JSON.stringify(cause(sort, item, first, second));
    if (!groups.has(key)) groups.set(key, { sort, items: [] });
    groups.get(key).items.push(item);
  }
  return [...groups.values()].map(group => told(group, a, b));
}

function texts(found) {
  const all = unique(found.map(value => value.text));
  if (all.length > 1 && all.every(text => text.startsWith("holds"))) return ["holds"];
  const more = all.length - known.mostTexts;
  return more > 0 ? [...all.slice(0, known.mostTexts), `and ${more} more answers`] : all;
}

function scopes(items) {
  const found = new Map();
  for (const [operation, format] of items.flatMap(item => item.s)) {
    if (!found.has(operation)) found.set(operation, new Set());
    found.get(operation).add(format);
  }
  return [...found].map(([operation, formats]) =>
    `${known.texts[operation]} ${[...formats].map(at => known.texts[at]).join(", ")}`.trim()).join("; ");
}

function program(item, side, place) {
  const at = item.p ? item.p[side] : -1;
  if (at < 0) return "";
  const lines = known.programs[at].map(line => known.lines[line]);
  const code = lines.join("\n");
  const start = code.lastIndexOf("print(") + "print(".length;
  return place ? `${code.slice(0, start)}float(${code.slice(start, -1)}${place}))` : code;
}

function told({ sort, items }, a, b) {
  const item = items[0];
  const pair = [a, b];
  const element = pair.map(side => (item.e && side in item.e ? known.texts[item.e[side]] : ""));
  const entries = unique(items.flatMap(one => pair.map(side => values[one.v[side]].entry)))
    .filter(name => name in known.entries).map(name => known.entries[name]);
  const title = titleOf(sort, item, pair, entries);
  const sides = pair.map((side, at) => {
    const value = values[item.v[side]];
    const text = texts(items.map(one => values[one.v[side]]))
      .map(one => (one.endsWith(`: ${title}`) ? one.slice(0, -title.length - 2) : one)).join("; ");
    const code = program(item, side, element[at] || element[1 - at]);
    const own = known.entries[value.entry];
    if (!code && own && sort !== "absent") return { text, code: own.code, told: own.told };
    return { text, code, told: item.a && side in item.a ? known.texts[item.a[side]] : "" };
  });
  return {
    sort, title, sides, where: scopes(items), requirements: unique(items.map(one => known.texts[one.r])),
    checks: items.flatMap(one => one.s).reduce((sum, scope) => sum + scope[2], 0),
    links: unique(entries.map(entry => entry.link)).filter(Boolean),
  };
}

function titleOf(sort, item, pair, entries) {
  if (sort === "absent") {
    const side = pair.find(one => values[item.v[one]].kind === "absent");
    return `${names[side]} lacks ${values[item.v[side]].text.replace(/^absent: /, "")}`;
  }
  if (entries.length) return unique(entries.map(entry => entry.title)).join("; ");
  const id = known.texts[item.r];
  return id in known.requirements ? known.requirements[id][1] : `${id}, unknown to this suite`;
}

function grades(a, b) {
  const found = [];
  let places = 0;
  const narrow = known.sides[a].tier !== known.sides[b].tier;
  for (const [operation, format, direction, whole, small] of known.grades) {
    const cells = narrow ? small : whole;
    const [x, y] = cells ? [known.letters[cells[a]], known.letters[cells[b]]] : [];
    if (!x || !y) continue;
    places += 1;
    const [low, high] = [x[1], y[1]].map(worst => (worst < 0 ? Infinity : worst)).sort((one, other) => one - other);
    const apart = high >= known.leastError * low && low !== Infinity && high !== 0;
    if (x[0] !== y[0] || x[2] !== y[2] || apart) {
      found.push({ same: x[0] === y[0], row: [operation, format, direction, x[3], y[3]] });
    }
  }
  found.sort((one, other) => one.same - other.same);
  return { places, rows: found.map(one => one.row) };
}

const figure = value => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

function time(seconds) {
  for (const [unit, scale] of [["s", 1], ["ms", 1e-3], ["µs", 1e-6]]) {
    if (seconds >= scale) return `${figure(seconds / scale)} ${unit}`;
  }
  return `${figure(seconds / 1e-9)} ns`;
}

function costs(a, b) {
  const [first, second] = [a, b].map(side => known.costs[known.sides[side].cost] || {});
  const both = Object.keys(first).filter(cell => cell in second);
  const slower = (one, other) => other[0] >= known.least * one[0] && other[1] > one[2];
  const found = [];
  for (const cell of both) {
    const [x, y] = [first[cell], second[cell]];
    const times = slower(x, y) || slower(y, x) ? y[0] / x[0] : null;
    const [low, high] = [x[4], y[4]].sort((one, other) => one - other);
    const copies = x[4] !== null && y[4] !== null && high - low >= Math.max(known.leastCopies, (known.least - 1) * low);
    if (times !== null || copies) found.push({ cell, times, x, y });
  }
  const size = one => Math.max(one.times || 1, 1 / (one.times || 1));
  found.sort((one, other) => size(other) - size(one));
  const side = one => {
    const more = [one[3] === null ? "" : `${figure(one[3])}× roofline`, one[4] === null ? "" : `${one[4].toFixed(1)} copies`];
    return time(one[0]) + (more.some(Boolean) ? ` (${more.filter(Boolean).join(", ")})` : "");
  };
  const rows = found.map(({ cell, times, x, y }) =>
    [...known.cells[cell], times === null ? "the same time" : `${figure(times)}×`, side(x), side(y)]);
  return { cells: both.length, rows };
}

function notes(a, b) {
  const [x, y] = [known.sides[a], known.sides[b]];
  const shared = sharedChecks(a, b);
  const found = [];
  for (const side of [x, y]) {
    const alone = side.checks - shared;
    if (alone) found.push(`${plural(alone)} ${alone === 1 ? "is" : "are"} judged in ${side.name} alone: not compared.`);
    if (!side.complete) found.push(`${side.name} is incomplete: its run was cut off.`);
  }
  if (x.tier !== y.tier) found.push(`Tiers ${x.tier} and ${y.tier}: only checks that both have are compared.`);
  if (x.commit !== y.commit) found.push("The records come from different suite commits: a case may have changed between them.");
  for (const side of [x, y]) {
    if (!side.release) found.push(`${side.name} is not timed: no cost is compared.`);
    else if (side.release.slice(side.release.indexOf("-") + 1) !== side.version) {
      found.push(`Cost of ${side.name} is that of ${side.release}, the newest release timed.`);
    }
  }
  return unique(found);
}

const sharedChecks = (a, b) => (a === b ? known.sides[a].checks : known.shared[Math.max(a, b)][Math.min(a, b)]);

// ---- how it is shown

const LOOK = { faults: "bad", choices: "known", absent: "warn" };

const requirementLinks = ids => ids.flatMap((id, at) => [
  ...(at ? [", "] : []),
  id in known.requirements ? make("a", { href: `requirements/${encodeURIComponent(id)}.html` }, id) : id,
]);

function threadLinks(links) {
  return links.flatMap(link => {
    const match = /^([A-Za-z0-9][\w.-]*\/[\w.-]+)#(\d+)$/.exec(link);
    const url = match ? `https://github.com/${match[1]}/issues/${match[2]}` : /^https:\/\//.test(link) ? link : "";
    return [" · ", url ? make("a", { href: url, rel: "noreferrer" }, link) : link];
  });
}

function card(one, a, b) {
  const answers = one.sides.map((side, at) =>
    make("span", { class: "reason" }, make("b", {}, names[at ? b : a]), `: ${side.text}`));
  const summary = make("summary", {}, make("span", { class: "title" }, one.title), ...answers);
  const body = make("div", { class: "body" },
    make("p", { class: "soft" }, ...requirementLinks(one.requirements), ` · ${one.where} · ${plural(one.checks)}`, ...threadLinks(one.links)));
  const sides = make("div", { class: "sides" }, ...one.sides.map((side, at) => program_of(side, names[at ? b : a])));
  if (one.sides.some(side => side.code || side.told)) body.append(sides);
  const lenient = one.requirements.every(id => (known.requirements[id] || [""])[0] === "should");
  const look = one.sort === "faults" && lenient ? "warn" : LOOK[one.sort];
  const made = make("details", { class: `finding ${look}` }, summary, body);
  made.open = byId("open").getAttribute("aria-pressed") === "true";
  return made;
}

function program_of(side, name) {
  const made = make("div", {}, make("h3", {}, name));
  if (side.code) {
    const code = make("pre", { "data-copy": "", tabindex: "0" }, make("code", {}, side.code));
    copyable(code);
    made.append(code);
  } else {
    made.append(make("p", { class: "mute" }, "No single call shows it."));
  }
  if (side.told) made.append(make("p", {}, `Recorded: ${side.told}`));
  return made;
}

function table(caption, head, rows) {
  const cells = (row, tag, scope) => row.map((text, at) =>
    at === 0 || tag === "th" ? make("th", { scope }, text) : make("td", {}, text));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    make("table", {}, make("caption", {}, caption),
      make("thead", {}, make("tr", {}, ...cells(head, "th", "col"))),
      make("tbody", {}, ...rows.map(row => make("tr", {}, ...cells(row, "td", "row"))))));
}

const section = (key, heading, ...content) => make("section", { "data-sort": key }, make("h2", {}, heading), ...content);

function show() {
  const [a, b] = ["a", "b"].map(id => names.indexOf(byId(id).value));
  const words = byId("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = byId("sort").value;
  const holds = list => words.every(word => list.join(" ").toLowerCase().includes(word));
  const all = differences(a, b);
  const place = byId("differences");
  place.replaceChildren();
  const counts = [];
  const add = (key, heading, total, rows, content, noun) => {
    if (total) counts.push(noun(rows.length, total));
    if (rows.length && (!wanted || wanted === key)) place.append(section(key, `${heading} (${rows.length})`, ...content(rows)));
  };
  const of = sort => all.filter(one => one.sort === sort);
  const kept = sort => of(sort).filter(one => holds(
    [one.title, one.where, ...one.requirements, ...one.links, ...one.sides.flatMap(side => [side.text, side.code])]));
  const count = noun => (shown, total) => `${words.length ? `${shown} of ` : ""}${plural(total, "difference")} ${noun}`;
  const told = { faults: "in value", choices: "in what is legal", absent: "in what there is", measured: "in what is measured without a verdict" };
  for (const sort of ["faults", "choices", "absent"]) {
    add(sort, known.sorts[sort], of(sort).length, kept(sort), rows => rows.map(one => card(one, a, b)), count(told[sort]));
  }
  const graded = grades(a, b);
  add("grades", "Grades that differ", graded.rows.length, graded.rows.filter(holds), rows => [table(
    "Grade, and worst error over the bound of grade D; of one letter, from a tenth on",
    ["operation", "format", "direction", names[a], names[b]], rows)], shown => `${shown} of ${plural(graded.places, "grade")}`);
  const timed = costs(a, b);
  const releases = [a, b].map(side => known.sides[side].release).join(" and ");
  add("costs", "Cost that differs", timed.rows.length, timed.rows.filter(holds), rows => [table(
    `${releases}: a tenth or more, and outside both 99 % intervals`,
    ["call", "on", "second / first", names[a], names[b]], rows)], shown => `cost in ${shown} of ${plural(timed.cells, "cell")}`);
  add("measured", known.sorts.measured, of("measured").length, kept("measured"), rows => [table(
    "Facts about bits and bytes, which no requirement judges",
    ["requirement", "where", names[a], names[b]],
    rows.map(one => [`${one.requirements.join(", ")} ${one.title}`, one.where, ...one.sides.map(side => side.text)]))], count(told.measured));
  byId("told").textContent = `Of ${plural(sharedChecks(a, b))} that both were given: ${counts.join("; ") || "nothing differs"}.`;
  const found = notes(a, b);
  byId("notes").replaceChildren(...found.map(note => make("li", {}, note)));
  byId("notes").hidden = !found.length;
}

// ---- the address holds the pair, "#a=torch:cpu:eager&b=jax:cpu:jit"

function read() {
  const asked = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B"));
  const form = document.querySelector("form.pair");
  byId("a").value = names.includes(asked.get("a")) ? asked.get("a") : form.dataset.defaultA;
  byId("b").value = names.includes(asked.get("b")) ? asked.get("b") : form.dataset.defaultB;
  show();
}

function write() {
  const address = ["a", "b"].map(id => `${id}=${encodeURIComponent(byId(id).value).replaceAll("%3A", ":")}`).join("&");
  history.replaceState(null, "", `#${address}`);
  show();
}

byId("a").addEventListener("change", write);
byId("b").addEventListener("change", write);
byId("swap").addEventListener("click", () => {
  [byId("a").value, byId("b").value] = [byId("b").value, byId("a").value];
  write();
});
byId("sort").addEventListener("change", show);
byId("text").addEventListener("input", show);
byId("open").addEventListener("click", () => {
  const open = byId("open").getAttribute("aria-pressed") !== "true";
  byId("open").setAttribute("aria-pressed", String(open));
  for (const item of document.querySelectorAll("#differences details")) item.open = open;
});
document.querySelector("form.pair").addEventListener("submit", event => event.preventDefault());
addEventListener("hashchange", read);
read();
