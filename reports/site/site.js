"use strict";
// Runs on every page: filters tables and lists, and adds a button that copies code. Text is only ever set as text.

// <input type="search" id="name" data-filter="#id"> shows the rows or items of #id that contain all words of its text;
// the address keeps the words: #name=jax+slower
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
  const read = () => {
    const asked = new URLSearchParams(location.hash.slice(1)).get(input.id);
    if (asked === null) return;
    input.value = asked;
    apply();
    input.closest("details").open = true;
    input.scrollIntoView();
  };
  input.addEventListener("input", () => {
    apply();
    history.replaceState(null, "", input.value ? `#${new URLSearchParams([[input.id, input.value]])}` : location.pathname);
  });
  addEventListener("hashchange", read);
  apply();
  read();
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

// the first time that a table or a section uses a word of the glossary, the word shows its definition on hover and focus
{
  const words = Object.keys(GLOSSARY).sort((a, b) => b.length - a.length).map(word => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const any = new RegExp(`(?<![\\w-])(${words.join("|")})(?![\\w-])`, "i");
  const texts = place => document.createTreeWalker(place, NodeFilter.SHOW_TEXT, node =>
    node.parentElement.closest("a, button, summary, label, select, code, pre, svg, script, h1, h2, h3, noscript, .term, [data-w], [aria-hidden], [role=img]") || !any.test(node.data)
      ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
  let number = 0;
  const told = new Map();  // what a block has explained
  const explain = node => {
    const found = any.exec(node.data);
    const says = found && GLOSSARY[found[0].toLowerCase()];
    const block = node.parentElement.closest("table, details, section, main");
    if (!told.has(block)) told.set(block, new Set());
    if (!says || told.get(block).has(says)) return;
    told.get(block).add(says);
    const rest = node.splitText(found.index);
    rest.splitText(found[0].length);
    const term = document.createElement("span");
    const tip = document.createElement("span");
    [term.className, tip.className, tip.id, tip.textContent] = ["term", "tip", `tip${++number}`, says];
    tip.setAttribute("role", "tooltip");
    term.tabIndex = 0;
    term.setAttribute("aria-describedby", tip.id);
    rest.replaceWith(term);
    term.append(rest, tip);
  };
  const main = document.getElementById("main");
  if (!location.pathname.endsWith("glossary.html")) {
    const nodes = [];
    for (const walker = texts(main); walker.nextNode();) nodes.push(walker.currentNode);
    nodes.forEach(explain);
  }
}
