"use strict";
// Shows the releases after one version up to another; the address keeps both: history.html#from=jax-0.7.2&to=jax-0.10.2
{
  const [from, to] = ["from", "to"].map(id => document.getElementById(id));
  const items = [...document.querySelectorAll(".release")];
  const chosen = select => select.selectedOptions[0].dataset;

  const show = () => {
    const [a, b] = [chosen(from), chosen(to)];
    const [low, high] = [Number(a.at), Number(b.at)].sort((x, y) => x - y);
    const shown = items.filter(item => {
      const at = Number(item.dataset.at);
      item.hidden = !(a.framework === b.framework && item.dataset.framework === a.framework && low < at && at <= high);
      return !item.hidden;
    });
    const link = document.createElement("a");
    link.href = `differences.html#a=${encodeURIComponent(from.value)}&b=${encodeURIComponent(to.value)}`;
    link.textContent = "every difference between the two";
    const text = a.framework !== b.framework ? "Two frameworks: " : `${shown.length || "No"} release${shown.length === 1 ? "" : "s"} changed something from ${from.value} to ${to.value}; `;
    document.getElementById("between").replaceChildren(text, link, ".");
  };
  const start = () => {
    const own = [...to.options].filter(option => option.dataset.framework === to.options[0].dataset.framework);
    const changed = items.find(item => item.dataset.framework === own[0].dataset.framework)?.dataset.at ?? own.length - 1;
    [from.value, to.value] = [own[Math.max(0, changed - 1)].value, own.at(-1).value];
  };
  const read = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    const known = name => [...to.options].some(option => option.value === name);
    if (known(asked.get("from")) && known(asked.get("to"))) [from.value, to.value] = [asked.get("from"), asked.get("to")];
    show();
  };
  // the other side follows into the framework of the one that was changed
  const follow = (changed, other) => {
    const framework = chosen(changed).framework;
    if (chosen(other).framework !== framework) {
      other.value = [...other.options].filter(option => option.dataset.framework === framework).at(-1).value;
    }
    history.replaceState(null, "", `#${new URLSearchParams({ from: from.value, to: to.value })}`);
    show();
  };
  from.addEventListener("change", () => follow(from, to));
  to.addEventListener("change", () => follow(to, from));
  addEventListener("hashchange", read);
  start();
  read();
}
