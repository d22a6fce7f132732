"use strict";
// Lists the steps of the cell that is drawn under its plot. STEPS holds the plot, the sentence and the link of each.
addEventListener("DOMContentLoaded", () => {
  const list = document.createElement("ul");
  list.id = "steps";
  document.getElementById("main-graph").after(list);
  const parts = address => {
    const [benchmark, query] = address.slice(address.indexOf("#") + 1).split("?");
    const asked = new URLSearchParams(query);
    const same = [...asked].filter(([name]) => name === "machine" || name.startsWith("p-")).map(pair => pair.join("=")).sort();
    return { key: [decodeURIComponent(benchmark), ...same].join("&"), frameworks: asked.getAll("branch") };
  };
  const known = STEPS.map(([plot, text, link]) => ({ ...parts(plot), text, link }));
  const show = () => {
    const drawn = parts(location.hash);
    const steps = known.filter(step => step.key === drawn.key && drawn.frameworks.includes(step.frameworks[0]));
    list.replaceChildren(...steps.map(step => {
      const item = document.createElement("li");
      const line = document.createElement(step.link ? "a" : "span");
      line.textContent = step.text;
      if (step.link) line.href = step.link;
      item.append(line);
      return item;
    }));
  };
  addEventListener("hashchange", show);
  show();
});
