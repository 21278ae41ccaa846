// Everything is readable without: this opens what is linked to, filters, and steps through what did not execute.
const root = document.documentElement;
document.getElementById("theme").onclick = () => {
  const dark = root.classList.contains("dark")
    || (!root.classList.contains("light") && matchMedia("(prefers-color-scheme: dark)").matches);
  root.classList.remove("light", "dark");
  root.classList.add(dark ? "light" : "dark");
};
function show() {
  const target = document.getElementById(location.hash.slice(1));
  if (!target) return;
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  target.scrollIntoView({ block: target.tagName === "TR" ? "center" : "start" });
}
addEventListener("hashchange", show);
show();
document.getElementById("filter").oninput = event => {
  const wanted = event.target.value.toLowerCase();
  for (const row of document.querySelectorAll("[data-path]"))
    row.hidden = !row.dataset.path.toLowerCase().includes(wanted);
};
let at = -1;
addEventListener("keydown", event => {
  if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { n: 1, p: -1 }[event.key];
  const missed = document.querySelectorAll("tr.miss, tr.part");
  if (!step || !missed.length) return;
  at = (at + step + missed.length) % missed.length;
  location.hash = missed[at].id;
});
