"use strict";
// The page reads and prints without any of this; it adds sorting and filters, the theme switch, the contents marker and the heat slider.

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    head.replaceChildren(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const rows = [...table.tBodies[0].rows].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        const order = x !== "" && y !== "" && !isNaN(x) && !isNaN(y) ? x - y : x.localeCompare(y);
        return descending ? -order : order;
      });
      table.tBodies[0].append(...rows);
    });
  });
  addFilter(table);
}

// Tables longer than the ten classes can be narrowed to the rows that hold all the words typed.
function addFilter(table) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length <= 10) return;
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "search" });
  const count = document.createElement("span");
  label.className = "filter";
  label.append("only rows with ", input, " ", count);
  table.parentElement.before(label);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    count.textContent = words.length ? `${rows.filter((row) => !row.hidden).length} of ${rows.length}` : "";
  });
}

document.getElementById("theme")?.addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
});

// On paper nothing can be opened.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));

document.getElementById("heat")?.addEventListener("input", (event) => {
  document.documentElement.style.setProperty("--heat", event.target.value / 100);
});

for (const select of document.querySelectorAll("select[data-maps-of]")) {
  const show = () => {
    for (const map of document.querySelectorAll(`[data-model="${select.dataset.mapsOf}"][data-method]`)) {
      map.hidden = map.dataset.method !== select.value;
    }
  };
  select.addEventListener("change", show);
  // Browsers keep a choice when the page is loaded again.
  show();
}

const links = [...document.querySelectorAll("nav a")];
const headings = links.map((link) => document.getElementById(link.hash.slice(1)));
function markSection() {
  const begun = headings.filter((heading) => heading.getBoundingClientRect().top < innerHeight / 4).length;
  links.forEach((link, i) => link.setAttribute("aria-current", i === Math.max(begun - 1, 0)));
}
addEventListener("scroll", markSection, { passive: true });
markSection();
