"use strict";
// Shows the comparison of two operands that the reader chooses. Everything is decided and worded in Python
// (reports/site/pair_answers.py): this script looks it up and filters it by words. Text is only ever set as text.

const known = JSON.parse(document.getElementById("data").textContent);
const byId = id => document.getElementById(id);
const names = known.operands.map(operand => operand.name);
const text = number => known.texts[number];

function make(tag, attributes = {}, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...content);
  return made;
}

// ---- looking up: every table compares the lower number with the higher one, so that a pair may be turned

function compared(table, part, a, b) {
  const [x, y] = [a, b].map(operand => known.operands[operand][part]);
  const turned = x > y;
  return { turned, entry: x === y ? undefined : known[table][Math.max(x, y)][Math.min(x, y)] };
}

const inTurn = (turned, list) => (turned ? [...list].reverse() : list);

function described(number, turned, pair) {
  const [look, lacks, title, line, ...operands] = known.differences[number];
  const lacking = lacks < 0 ? "" : `${names[pair[turned ? 1 - lacks : lacks]]} `;
  const sides = inTurn(turned, operands).map(([answer, program, recorded]) => ({
    answer: text(answer), recorded: text(recorded),
    code: program < 0 ? "" : known.programs[program].map(line => known.lines[line]).join("\n"),
  }));
  return { look, sides, title: lacking + text(title), line: line.map(part => known.links[part]) };
}

const factor = value => known.factor.replace("{factor}", value.toFixed(known.decimals.find(([least]) => value >= least)[1]));

// the rows of each section, and the text that counts them; a list has differences, a table has rows of texts
function sections(a, b) {
  const found = {};
  const behaviour = compared("behaviours", "behaviour", a, b);
  for (const [sort, [count, rows]] of Object.entries(behaviour.entry ?? {})) {
    found[sort] = { count: text(count), rows: rows.map(number => described(number, behaviour.turned, [a, b])) };
  }
  if (found.measured) {
    found.measured.rows = found.measured.rows.map(({ title, line, sides }) => [title, line[0][0], ...sides.map(side => side.answer)]);
  }
  const accuracy = compared("accuracies", "accuracy", a, b);
  if (accuracy.entry) {
    const [count, narrow, rows] = accuracy.entry;
    const letter = (operand, row) => text(known.letters[known.operands[operand].accuracy][narrow][row]);
    found.grades = { count: text(count), rows: rows.map(row => [...known.places[row].map(text), letter(a, row), letter(b, row)]) };
  }
  const cost = compared("timings", "cost", a, b);
  if (cost.entry) {
    const [count, slower, cells] = cost.entry;
    const price = parts => parts.slice(1).map(text).join("");
    const rows = (cells.match(/../g) ?? []).map((digits, at) => {
      const cell = parseInt(digits, 36);
      const [first, second] = [a, b].map(operand => known.costs[known.operands[operand].cost][cell]);
      return [...known.cells[cell], at < slower ? factor(second[0] / first[0]) : known.same, price(first), price(second)];
    });
    found.costs = { count: text(count), rows };
  }
  return found;
}

const pairOf = (a, b) => known.pairs[Math.max(a, b)][Math.min(a, b)];

// ---- how it is shown

const linked = parts => parts.map(([text, url]) => (url ? make("a", { href: url, rel: "noreferrer" }, text) : text));

function card(difference, pair) {
  const { look, title, line, sides } = difference;
  const answers = sides.map((side, at) => make("span", { class: "reason" }, make("b", {}, names[pair[at]]), `: ${side.answer}`));
  const body = make("div", { class: "body" }, make("p", { class: "soft" }, ...linked(line)));
  if (sides.some(side => side.code || side.recorded)) {
    body.append(make("div", { class: "sides" }, ...sides.map((side, at) => programOf(side, names[pair[at]]))));
  }
  const made = make("details", { class: `finding ${look}` }, make("summary", {}, make("span", { class: "title" }, title), ...answers), body);
  made.open = byId("open").getAttribute("aria-pressed") === "true";
  return made;
}

function programOf(side, name) {
  const made = make("div", {}, make("h3", {}, name));
  if (side.code) {
    const code = make("pre", { "data-copy": "", tabindex: "0" }, make("code", {}, side.code));
    copyable(code);
    made.append(code);
  } else {
    made.append(make("p", { class: "mute" }, "No single call shows it."));
  }
  if (side.recorded) made.append(make("p", {}, `Recorded: ${side.recorded}`));
  return made;
}

// what is shown when the reader asks for it, or for certain words or one sort
const FIRST = 8;
function folded(title, content) {
  const made = make("details", { class: "more" }, make("summary", {}, title), ...content);
  made.open = Boolean(byId("text").value.trim() || byId("sort").value);
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

// the words that a row is searched for
const searched = row => (Array.isArray(row) ? row : [row.title, ...row.line.map(([text]) => text), ...row.sides.flatMap(side => [side.answer, side.code])]);

function show() {
  const pair = ["a", "b"].map(id => names.indexOf(byId(id).value));
  const words = byId("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = byId("sort").value;
  const compared = pairOf(...pair);
  if (!compared) {
    byId("summary").textContent = known.elsewhere.replace("{a}", names[pair[0]]).replace("{b}", names[pair[1]]);
    byId("differences").replaceChildren();
    byId("notes").hidden = true;
    return;
  }
  const releases = pair.map(operand => known.operands[operand].release).join(" and ");
  const found = sections(...pair);
  const place = byId("differences");
  place.replaceChildren();
  const counts = [];
  for (const { key, heading, rule, head } of known.sections) {
    if (!found[key]?.rows.length) continue;
    const rows = found[key].rows.filter(row => words.every(word => searched(row).join(" ").toLowerCase().includes(word)));
    counts.push(found[key].count.replace("{of}", words.length ? `${rows.length} of ` : "").replace("{shown}", rows.length));
    if (!rows.length || (wanted && wanted !== key)) continue;
    const content = head
      ? folded(`${rows.length} of them`, [table(rule.replace("{releases}", () => releases), [...head, ...pair.map(operand => names[operand])], rows)])
      : rows.map(row => card(row, pair));
    if (!head && rows.length > FIRST) content.push(folded(`${rows.length - FIRST} more`, content.splice(FIRST)));
    place.append(make("section", { "data-sort": key }, make("h2", {}, `${heading} (${rows.length})`), ...[content].flat()));
  }
  const [shared, notes] = compared;
  byId("summary").textContent = known.summary.replace("{shared}", text(shared)).replace("{counts}", counts.join("; ") || known.nothing);
  byId("notes").replaceChildren(...notes.map(note => make("li", {}, text(note))));
  byId("notes").hidden = !notes.length;
}

// ---- the address holds the pair and the filters, "#a=torch:cpu:eager&b=jax:cpu:jit&text=float16"

function read() {
  const asked = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B"));
  const form = document.querySelector("form.pair");
  byId("a").value = names.includes(asked.get("a")) ? asked.get("a") : form.dataset.defaultA;
  byId("b").value = names.includes(asked.get("b")) ? asked.get("b") : form.dataset.defaultB;
  byId("sort").value = known.sections.some(({ key }) => key === asked.get("sort")) ? asked.get("sort") : "";
  byId("text").value = asked.get("text") ?? "";
  show();
}

function write() {
  const address = ["a", "b", "sort", "text"].filter(id => byId(id).value).map(id => `${id}=${encodeURIComponent(byId(id).value).replaceAll("%3A", ":")}`).join("&");
  history.replaceState(null, "", `#${address}`);
  show();
}

byId("a").addEventListener("change", write);
byId("b").addEventListener("change", write);
byId("swap").addEventListener("click", () => {
  [byId("a").value, byId("b").value] = [byId("b").value, byId("a").value];
  write();
});
byId("sort").addEventListener("change", write);
byId("text").addEventListener("input", write);
byId("open").addEventListener("click", () => {
  const open = byId("open").getAttribute("aria-pressed") !== "true";
  byId("open").setAttribute("aria-pressed", String(open));
  for (const item of document.querySelectorAll("#differences details")) item.open = open;
});
document.querySelector("form.pair").addEventListener("submit", event => event.preventDefault());
addEventListener("hashchange", read);
read();
