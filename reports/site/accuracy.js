"use strict";
// A cell of a heat map opens its witness: the input that attains the error, and the call as a program.
{
  const { texts, witnesses } = JSON.parse(document.getElementById("witnesses").textContent);
  const dialog = document.getElementById("witness");
  const [title, values, program, none] = ["title", "values", "program", "none"].map(name => dialog.querySelector(`[data-part="${name}"]`));
  const open = number => {
    const [target, check, pairs, code] = witnesses[number];
    title.textContent = `${texts[target]} ${texts[check]}`;
    values.replaceChildren(...pairs.flatMap((text, at) => {
      const item = document.createElement(at % 2 ? "dd" : "dt");
      if (at % 2) item.className = "mono";
      item.textContent = texts[text];
      return [item];
    }));
    program.querySelector("code").textContent = code.map(line => texts[line]).join("\n");
    const button = program.querySelector("button");
    if (button) button.textContent = "Copy";
    program.hidden = !code.length;
    none.hidden = !!code.length;
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
