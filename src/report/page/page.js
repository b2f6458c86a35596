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
  // A value may carry its interval or its share behind it.
  const order = (a, b) => {
    const [x, y] = [a, b].map((text) =>
      parseFloat(text.split("±")[0].replace(/[\u00a0\s]/g, "").replace("\u2212", "-").replace("–", "-Infinity")));
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

  // Tooltips: of parts and cells what their title says, of charts over time the levels at the pointer.
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "status");
  document.querySelector("main").append(tip);
  const show = (text, x, y) => {
    tip.textContent = text;
    tip.hidden = false;
    tip.style.left = Math.max(4, Math.min(x + 12, innerWidth - tip.offsetWidth - 6)) + "px";
    tip.style.top = Math.max(4, y + 14 + tip.offsetHeight > innerHeight ? y - tip.offsetHeight - 8 : y + 14) + "px";
  };
  const hide = () => { tip.hidden = true; };
  all("main [title]").forEach((part) => {
    part.dataset.tip = part.title;
    part.removeAttribute("title");
    part.addEventListener("pointermove", (event) => show(part.dataset.tip, event.clientX, event.clientY));
    part.addEventListener("pointerleave", hide);
  });
  all(".chart[data-hours]").forEach((chart) => {
    const table = chart.parentElement.querySelector("table.data");
    const svg = chart.querySelector("svg");
    if (!table || !svg) return;
    const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
    const [hours, start, end] = ["hours", "start", "end"].map((name) => Number(chart.dataset[name]));
    chart.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const place = (100 * (event.clientX - box.left)) / box.width;
      if (place < start || place > end) return hide();
      const at = (hours * (place - start)) / (end - start);
      const away = (row) => Math.abs(parseFloat(row.cells[0].textContent.replace(/[\u00a0\s]/g, "")) - at);
      const row = [...table.tBodies[0].rows].reduce((a, b) => (away(b) < away(a) ? b : a));
      const lines = [...row.cells].map((cell, column) => heads[column] + ": " + cell.textContent.trim());
      show(lines.filter((line) => !/: 0(\.0)?$/.test(line)).join("\n"), event.clientX, event.clientY);
    });
    chart.addEventListener("pointerleave", hide);
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

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
