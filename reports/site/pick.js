"use strict";
// Shows the parts of a page for what the reader picks: <p data-for="task=attention dtype=float32,float16"> is shown
// if each of its names has one of its values. The address keeps the picks: choose.html#task=attention&mode=eager
{
  const form = document.querySelector("form.pick");
  const controls = [...form.querySelectorAll("select")];
  const parts = [...document.querySelectorAll("[data-for]")];
  const none = document.getElementById("none");

  const show = () => {
    const picked = Object.fromEntries(controls.map(control => [control.id, control.value]));
    const asked = condition => {
      const [name, values] = condition.split("=");
      return values.split(",").includes(picked[name]);
    };
    for (const part of parts) part.hidden = !part.dataset.for.split(" ").every(asked);
    if (none) none.hidden = parts.some(part => part.parentElement.id === "main" && !part.hidden);
  };
  const read = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    for (const control of controls) {
      const values = [...control.options].map(option => option.value);
      if (values.includes(asked.get(control.id))) control.value = asked.get(control.id);
    }
    show();
  };
  form.addEventListener("change", () => {
    history.replaceState(null, "", `#${new URLSearchParams(controls.map(({ id, value }) => [id, value]))}`);
    show();
  });
  addEventListener("hashchange", read);
  read();
}
