"use strict";
// The table of requirements by words, family and level; the address keeps them: requirements.html#family=SPV&level=must
const controls = ["text", "family", "level"].map(id => document.getElementById(id));
const groups = [...document.querySelectorAll("#all > details")];
const rows = [...document.querySelectorAll("#all tr[data-level]")];
const texts = rows.map(row => row.textContent.toLowerCase());

function show() {
  const [text, family, level] = controls.map(control => control.value);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  rows.forEach((row, at) => {
    const asked = (!family || row.closest("details").id === family) && (!level || row.dataset.level === level);
    row.hidden = !(asked && words.every(word => texts[at].includes(word)));
  });
  const shown = rows.filter(row => !row.hidden);
  for (const group of groups) {
    group.hidden = !shown.some(row => group.contains(row));
    group.open = Boolean(family || level || words.length) || group === groups[0];
  }
  document.getElementById("shown").textContent = `${shown.length} of ${rows.length}`;
}

function keep() {
  const asked = new URLSearchParams(controls.filter(control => control.value).map(({ id, value }) => [id, value]));
  history.replaceState(null, "", `#${asked}`);
  show();
}

function read() {
  const asked = new URLSearchParams(location.hash.slice(1));
  for (const control of controls) {
    control.value = asked.get(control.id) ?? "";
    if (control.selectedIndex < 0) control.value = "";  // the page has no such family or level
  }
  show();
}

for (const control of controls) for (const event of ["input", "change"]) control.addEventListener(event, keep);
addEventListener("hashchange", read);
read();
