"use strict";
// Comfort only: choosing fleets, sorting columns, copying tables. The page says everything without it.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  const fleets = all(".comparison tbody tr").map((row) => row.dataset.fleet);
  if (fleets.length > 1) {
    const bar = document.createElement("div");
    bar.className = "toggles";
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Fleets shown in tables and bars");
    for (const fleet of fleets) {
      const label = document.createElement("label");
      const box = document.createElement("input");
      box.type = "checkbox";
      box.checked = true;
      box.addEventListener("change", () => {
        all("[data-fleet]").filter((part) => part.dataset.fleet === fleet)
          .forEach((part) => { part.hidden = !box.checked; });
      });
      label.append(box, " " + fleet);
      bar.append(label);
    }
    document.querySelector("main").prepend(bar);
  }

  const cellText = (cell) => cell.dataset.sort ?? cell.textContent.trim();
  const order = (a, b) => {
    const [x, y] = [a, b].map((text) => Number(text.replace(/[\u00a0\s]/g, "").replace("\u2212", "-")));
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
  };
  all("table.sortable").forEach((table) => {
    all("thead th", table).forEach((head, column) => {
      const button = document.createElement("button");
      button.className = "sort";
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const falling = head.getAttribute("aria-sort") === "ascending";
        all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", falling ? "descending" : "ascending");
        const body = table.tBodies[0];
        const rows = [...body.rows].sort((a, b) => order(cellText(a.cells[column]), cellText(b.cells[column])));
        body.append(...(falling ? rows.reverse() : rows));
      });
    });
  });

  const quoted = (text) => (/[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text);
  all("table").forEach((table) => {
    const button = document.createElement("button");
    button.className = "copy";
    button.type = "button";
    button.textContent = "Copy as CSV";
    button.addEventListener("click", async () => {
      const lines = [...table.rows].filter((row) => !row.hidden)
        .map((row) => [...row.cells].map((cell) => quoted(cell.innerText.trim().replace(/\s*\n\s*/g, "; "))).join(","));
      try {
        await navigator.clipboard.writeText(lines.join("\n") + "\n");
        button.textContent = "Copied";
      } catch {
        button.textContent = "The browser does not allow copying";
      }
      setTimeout(() => { button.textContent = "Copy as CSV"; }, 2000);
    });
    table.parentElement.after(button);
  });
})();
