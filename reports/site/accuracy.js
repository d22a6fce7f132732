"use strict";
// A cell of a heat map opens its witness: the input that attains the error, and the call as a program.
{
  const { texts, labels, programs, witnesses } = JSON.parse(document.getElementById("witnesses").textContent);
  const dialog = document.getElementById("witness");
  const [title, values, program, none] = ["title", "values", "program", "none"].map(name => dialog.querySelector(`[data-part="${name}"]`));
  const open = number => {
    const [target, check, names, found, code] = witnesses[number];
    title.textContent = `${texts[target]} ${texts[check]}`;
    const item = (kind, text) => Object.assign(document.createElement(kind), { textContent: texts[text] });
    values.replaceChildren(...labels[names].flatMap((label, at) => {
      const value = item("dd", found[at]);
      value.className = "mono";
      return [item("dt", label), value];
    }));
    program.querySelector("code").textContent = programs[code].map(line => texts[line]).join("\n");
    const button = program.querySelector("button");
    if (button) button.textContent = "Copy";
    program.hidden = !programs[code].length;
    none.hidden = !program.hidden;
    dialog.showModal();
  };
  for (const cell of document.querySelectorAll("td[data-w]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...cell.childNodes);
    button.addEventListener("click", () => open(cell.dataset.w));
    cell.append(button);
  }
  dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });
  const choice = document.getElementById("target");
  choice.addEventListener("change", () => { location.hash = choice.value; });
}
