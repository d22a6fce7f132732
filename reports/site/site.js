"use strict";
// Runs on every page: filters tables and lists, and adds a button that copies code. Text is only ever set as text.

// <input type="search" data-filter="#id"> shows the rows or items of #id that contain all words of its text
for (const input of document.querySelectorAll("input[data-filter]")) {
  const place = document.querySelector(input.dataset.filter);
  const items = [...place.querySelectorAll("tbody > tr, :scope > li, :scope > details")];
  const texts = items.map(item => item.textContent.toLowerCase());
  const status = document.querySelector(input.dataset.count || null);
  const apply = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    items.forEach((item, at) => { item.hidden = !words.every(word => texts[at].includes(word)); });
    if (status) status.textContent = `${items.filter(item => !item.hidden).length} of ${items.length}`;
  };
  input.addEventListener("input", apply);
  apply();
}

// <pre data-copy> gets a button that copies the code; a page's own script calls this for code that it makes
function copyable(code) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", () => {
    const text = code.querySelector("code").textContent;
    const report = done => { button.textContent = done ? "Copied" : "Press Ctrl+C"; };
    const select = () => { getSelection().selectAllChildren(code.querySelector("code")); report(false); };
    navigator.clipboard ? navigator.clipboard.writeText(text).then(() => report(true), select) : select();
  });
  code.append(button);
}
document.querySelectorAll("pre[data-copy]").forEach(copyable);

// opens the <details> that the address names, and all of them for print
const reveal = () => {
  const item = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const outer = item && item.closest("details");
  if (outer) { outer.open = true; item.scrollIntoView(); }
};
addEventListener("hashchange", reveal);
reveal();
addEventListener("beforeprint", () => { for (const item of document.querySelectorAll("details")) item.open = true; });
