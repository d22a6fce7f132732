"use strict";
// The search of every page. "/" focuses it; what is searched is loaded when it is first used. Text is only set as text.
{
  const input = document.getElementById("search");
  const list = document.getElementById("found");
  const root = input.dataset.root;
  const MOST = 12;
  let search;

  const load = name => new Promise(resolve => {
    const script = document.createElement("script");
    script.src = `${root}assets/${name}`;
    script.addEventListener("load", resolve);
    document.head.append(script);
  });
  const ready = async () => {
    search ??= Promise.all([load("uFuzzy.iife.min.js"), load("searched.js")]).then(() => {
      const texts = SEARCH.map(([kind, text]) => `${kind} ${text}`);
      const fuzzy = new uFuzzy({ intraMode: 0 });
      return words => {
        const [places, , order] = fuzzy.search(texts, words, 1, 1000);
        return (order ? order.map(at => places[at]) : places ?? []).map(at => SEARCH[at]);
      };
    });
    return search;
  };
  const show = async () => {
    const words = input.value.trim();
    const found = words ? (await ready())(words) : [];
    list.replaceChildren(...found.slice(0, MOST).map(([kind, text, address]) => {
      const [item, link, sort] = ["li", "a", "small"].map(tag => document.createElement(tag));
      link.href = root + address;
      sort.textContent = ` ${kind}`;
      link.append(text, sort);
      item.append(link);
      return item;
    }));
    if (words) {
      const item = document.createElement("li");
      item.className = "soft";
      item.textContent = found.length > MOST ? `${found.length - MOST} more: add a word` : found.length ? "" : "Nothing found";
      if (item.textContent) list.append(item);
    }
    list.hidden = !words;
  };
  input.addEventListener("input", show);
  input.addEventListener("focus", ready);
  addEventListener("keydown", event => {
    const typing = event.target.closest?.("input, select, textarea, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      input.focus();
    } else if (event.key === "Escape" && !list.hidden) {
      input.value = "";
      show();
    } else if (["ArrowDown", "ArrowUp"].includes(event.key) && (event.target === input || list.contains(event.target))) {
      const links = [input, ...list.querySelectorAll("a")];
      const next = links[links.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) { event.preventDefault(); next.focus(); }
    }
  });
}
