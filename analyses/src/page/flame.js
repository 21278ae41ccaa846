// The flame graph: the root is on top; a frame is as wide as its weight with all that it calls.
(() => {
  const trees = JSON.parse(document.getElementById("flame-data").textContent);
  const graph = document.getElementById("flame-graph");
  if (!graph || !trees.length) { show(); return; }
  graph.hidden = false;
  const [view, detail, found] = ["view", "detail", "found"].map(id => document.getElementById("flame-" + id));
  const [pick, colour, search, reset] = ["tree", "colour", "search", "reset"].map(id => document.getElementById("flame-" + id));
  const ROW = 20;
  const FRAMES_MAX = 4000;
  const hint = detail.textContent;
  const grouped = n => n.toLocaleString("en");
  const percent = (part, whole) => whole > 0 ? (part * 100 / whole).toFixed(1) + " %" : "-";

  for (const tree of trees) {
    pick.append(new Option(tree.analysis));
    tree.children = tree.name.map(() => []);
    for (let at = 1; at < tree.name.length; at++) tree.children[tree.parent[at]].push(at);
    for (const children of tree.children) children.sort((a, b) => tree.total[b] - tree.total[a] || a - b);
    tree.hottest = tree.own.reduce((a, b) => Math.max(a, b), 1);
    // The same name has the same colour, in every report.
    tree.colours = tree.names.map(name => {
      let hash = 0;
      for (const c of name) hash = (hash * 31 + c.codePointAt(0)) >>> 0;
      return hash % 8;
    });
  }
  pick.parentElement.hidden = trees.length < 2;
  let tree = trees[0];
  let zoomed = 0;
  const name = at => at === 0 ? "whole run" : tree.names[tree.name[at]];

  function text(at) {
    const calls = tree.calls[at] > 0 ? `, ${grouped(tree.calls[at])} calls` : "";
    const [own, total, whole] = [tree.own[at], tree.total[at], tree.total[0]];
    return `${name(at)}: ${grouped(total)} ${tree.unit} with callees (${percent(total, whole)}), `
      + `${grouped(own)} its own (${percent(own, whole)})${calls}`;
  }

  // Frames that are to be drawn, with their left edge and width as shares of the view.
  function frames() {
    const list = [];
    const above = [];
    for (let at = zoomed; at !== 0; at = tree.parent[at]) above.push(tree.parent[at]);
    above.reverse().forEach((at, depth) => list.push({ at, depth, left: 0, width: 1, above: true }));
    const least = 1 / Math.max(view.clientWidth, 300);
    const whole = Math.max(tree.total[zoomed], 1);
    const open = [{ at: zoomed, depth: above.length, left: 0, width: 1 }];
    while (open.length && list.length < FRAMES_MAX) {
      const frame = open.pop();
      list.push(frame);
      let left = frame.left;
      const below = [];
      for (const child of tree.children[frame.at]) {
        const width = tree.total[child] / whole;
        if (width < least) break;
        below.push({ at: child, depth: frame.depth + 1, left, width });
        left += width;
      }
      // Tab goes down the heaviest way first.
      open.push(...below.reverse());
    }
    return list;
  }

  function draw() {
    if (!view.clientWidth) return;
    const wanted = search.value.toLowerCase();
    const isFound = at => wanted !== "" && at !== 0 && name(at).toLowerCase().includes(wanted);
    const list = frames();
    const nodes = list.map(({ at, depth, left, width, above }) => {
      const node = document.createElement("div");
      node.className = "frame";
      // One stop of Tab; arrows go on from there.
      node.tabIndex = at === zoomed ? 0 : -1;
      node.setAttribute("role", "treeitem");
      node.setAttribute("aria-level", depth + 1);
      node.dataset.node = at;
      node.dataset.depth = depth;
      node.textContent = name(at);
      node.title = text(at);
      node.classList.add(at === 0 ? "root" : colour.value === "own" ? "own" : "c" + tree.colours[tree.name[at]]);
      node.classList.toggle("above", !!above);
      node.classList.toggle("found", isFound(at));
      node.style.cssText = `top:${depth * ROW}px;left:${left * 100}%;width:${width * 100}%`;
      if (colour.value === "own") node.style.setProperty("--own", (tree.own[at] * 100 / tree.hottest).toFixed(1) + "%");
      return node;
    });
    view.replaceChildren(...nodes);
    view.style.height = (list.reduce((deepest, frame) => Math.max(deepest, frame.depth), 0) + 1) * ROW + 1 + "px";
    view.classList.toggle("searching", wanted !== "");
    found.textContent = "";
    if (wanted !== "") {
      // Each is counted once, however often what is found is below itself.
      let sum = 0;
      const open = [0];
      while (open.length) {
        const at = open.pop();
        if (isFound(at)) sum += tree.total[at];
        else open.push(...tree.children[at]);
      }
      found.textContent = `found in ${percent(sum, tree.total[0])}`;
    }
    reset.disabled = zoomed === 0;
  }

  function zoom(at) {
    zoomed = at;
    draw();
    detail.textContent = at === 0 ? hint : text(at);
    drawn(at)?.focus({ preventScroll: true });
  }
  const drawn = at => view.querySelector(`[data-node="${at}"]`);
  // The frame that an arrow leads to.
  function neighbour(at, key) {
    if (key === "ArrowUp") return at === 0 ? null : drawn(tree.parent[at]);
    if (key === "ArrowDown") return tree.children[at].map(drawn).find(child => child);
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (!step) return null;
    const row = [...view.querySelectorAll(`[data-depth="${drawn(at).dataset.depth}"]`)];
    return row[row.indexOf(drawn(at)) + step];
  }
  const nodeOf = event => event.target.closest(".frame")?.dataset.node;
  view.onclick = event => { const at = nodeOf(event); if (at !== undefined) zoom(Number(at)); };
  view.onkeydown = event => {
    const at = nodeOf(event);
    const to = at !== undefined && neighbour(Number(at), event.key);
    if (to) to.focus();
    else if (event.key === "Enter" && at !== undefined) zoom(Number(at));
    else if (event.key === "Escape") zoom(0);
    else return;
    event.preventDefault();
  };
  for (const kind of ["mouseover", "focusin"]) {
    view.addEventListener(kind, event => {
      const at = nodeOf(event);
      if (at !== undefined) detail.textContent = text(Number(at));
    });
  }
  search.oninput = draw;
  colour.onchange = draw;
  reset.onclick = () => zoom(0);
  pick.onchange = () => { tree = trees[pick.selectedIndex]; zoom(0); };
  addEventListener("section", draw);
  addEventListener("resize", draw);
  show();
})();
