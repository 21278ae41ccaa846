"use strict";
// The page is readable without: this shows one section at a time, sorts and filters tables, and changes colours.
const root = document.documentElement;

const theme = document.getElementById("theme");
const dark = () => root.classList.contains("dark")
  || (!root.classList.contains("light") && matchMedia("(prefers-color-scheme: dark)").matches);
const nameTheme = () => { theme.textContent = dark() ? "Light" : "Dark"; };
theme.hidden = false;
theme.onclick = () => {
  const next = dark() ? "light" : "dark";
  root.classList.remove("light", "dark");
  root.classList.add(next);
  nameTheme();
};
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
nameTheme();

// Sections, by the address: back and forward work, and a link to a line opens its section.
const sections = [...document.querySelectorAll("main > section")];
root.classList.add("scripted");
function show() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const section = target?.closest("main > section") ?? sections[0];
  for (const each of sections) each.classList.toggle("shown", each === section);
  for (const link of document.querySelectorAll("nav a")) {
    const isCurrent = link.hash === "#" + section.id;
    if (isCurrent) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    // Where there is not room for all.
    if (isCurrent) link.parentElement.scrollLeft = link.offsetLeft - link.parentElement.clientWidth / 2;
  }
  for (let at = target; at && at !== section; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  if (target && target !== section) target.scrollIntoView({ block: "center" });
  else scrollTo(0, 0);
  dispatchEvent(new Event("section"));
}
addEventListener("hashchange", show);

// A cell's number: exact however large, or nothing.
function number(text) {
  const plain = text.replaceAll(",", "").replace(/ %$/, "");
  if (/^-?\d{16,}$/.test(plain)) return BigInt(plain);
  return plain !== "" && !Number.isNaN(Number(plain)) ? Number(plain) : null;
}
function compare(a, b) {
  if (a.number !== null && b.number !== null) return a.number < b.number ? -1 : a.number > b.number ? 1 : 0;
  if (a.number !== null || b.number !== null) return a.number !== null ? -1 : 1;
  return a.text.localeCompare(b.text);
}
function sort(table, column, direction) {
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row, at) => {
    const cell = row.cells[column];
    const text = cell?.dataset.v ?? cell?.textContent ?? "";
    return { row, at, text, number: number(text) };
  });
  const sign = direction === "descending" ? -1 : 1;
  // What is nothing stays last, both ways.
  rows.sort((a, b) => (a.text === "") - (b.text === "") || sign * compare(a, b) || a.at - b.at);
  body.append(...rows.map(each => each.row));
  for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
  table.tHead.rows[0].cells[column].setAttribute("aria-sort", direction);
}
const ROWS_SHOWN = 30;
for (const table of document.querySelectorAll("table.list")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.onclick = () => {
      const first = head.classList.contains("num") ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      sort(table, column, head.getAttribute("aria-sort") === first ? other : first);
    };
    head.replaceChildren(button);
  });
  const count = table.tBodies[0].rows.length;
  if (count <= 10) continue;
  const tools = document.createElement("div");
  tools.className = "tools";
  const filter = document.createElement("input");
  filter.type = "search";
  filter.placeholder = "filter rows";
  filter.setAttribute("aria-label", "filter rows");
  const found = document.createElement("output");
  tools.append(filter, found);
  table.parentElement.before(tools);
  filter.oninput = () => {
    const wanted = filter.value.toLowerCase();
    let left = 0;
    for (const row of table.tBodies[0].rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
      left += !row.hidden;
    }
    table.classList.toggle("filtered", wanted !== "");
    found.textContent = wanted === "" ? "" : `${left.toLocaleString("en")} of ${count.toLocaleString("en")}`;
  };
  if (count <= ROWS_SHOWN) continue;
  table.classList.add("cut");
  const more = document.createElement("button");
  more.type = "button";
  const name = () => {
    more.textContent = table.classList.contains("cut") ? `Show all ${count.toLocaleString("en")} rows` : "Show fewer";
  };
  more.onclick = () => { table.classList.toggle("cut"); name(); };
  name();
  table.parentElement.after(more);
}
