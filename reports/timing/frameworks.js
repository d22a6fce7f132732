"use strict";
// Shows the rows that contain every word of the search; the address keeps them: frameworks.html?text=llama2+bfloat16
const input = document.getElementById("text");
const rows = [...document.querySelectorAll("main section:not(#releases) tbody tr")];
const texts = rows.map(row => `${row.closest("table").ariaLabel} ${row.textContent}`.toLowerCase());

function show() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  rows.forEach((row, at) => { row.hidden = !words.every(word => texts[at].includes(word)); });
  document.getElementById("shown").textContent = `${rows.filter(row => !row.hidden).length} of ${rows.length} rows`;
}

input.addEventListener("input", () => {
  history.replaceState(null, "", `?${new URLSearchParams({ text: input.value })}${location.hash}`);
  show();
});
input.value = new URLSearchParams(location.search).get("text") ?? "";
show();
