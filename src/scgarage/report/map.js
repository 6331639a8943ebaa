"use strict";
// The map of the cells: drawn on a canvas, with a box for each source and type, and a label under the pointer.
(() => {
  const root = document.getElementById("map");
  if (!root) return;
  const data = JSON.parse(document.getElementById("map-data").textContent);
  const canvas = root.querySelector("canvas"), context = canvas.getContext("2d");
  const label = root.querySelector(".tip"), status = root.querySelector(".status");
  const n = data.x.length, ink = "#9a9a9a";
  const shownSources = data.sources.map(() => true), shownTypes = data.types.map(() => true);
  let colourBy = data.types.length ? "type" : "source", hovered = -1, scale = 1, left = 0, top = 0, height = 0;
  document.documentElement.classList.add("live");

  const element = (tag, text, kind) => {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const visible = i => shownSources[data.source[i]] && (data.type[i] < 0 || shownTypes[data.type[i]]);
  const colour = i => {
    if (colourBy === "source") return data.sources[data.source[i]].colour;
    return data.type[i] < 0 ? ink : data.types[data.type[i]].colour;
  };
  const placeX = i => left + scale * data.x[i], placeY = i => top + scale * (data.height - data.y[i]);

  function dot(i, radius) {
    // Synthetic cells are rings when colours stand for types, so that both can be told apart at once.
    const ring = colourBy === "type" && data.source[i] === 1;
    context.beginPath();
    context.arc(placeX(i), placeY(i), radius, 0, 2 * Math.PI);
    if (ring) { context.lineWidth = 1.2; context.strokeStyle = colour(i); context.stroke(); }
    else { context.fillStyle = colour(i); context.fill(); }
  }
  function draw() {
    const width = root.querySelector(".sheet").clientWidth, pixels = window.devicePixelRatio || 1, margin = 12;
    height = Math.round(Math.min(560, Math.max(280, 0.72 * width)));
    canvas.style.height = height + "px";
    canvas.width = Math.round(width * pixels); canvas.height = Math.round(height * pixels);
    context.setTransform(pixels, 0, 0, pixels, 0, 0);
    context.clearRect(0, 0, width, height);
    scale = Math.min((width - 2 * margin) / data.width, (height - 2 * margin) / data.height);
    left = (width - scale * data.width) / 2; top = (height - scale * data.height) / 2;
    const radius = Math.min(3.4, Math.max(1.5, 90 / Math.sqrt(n)));
    let drawn = 0;
    context.globalAlpha = 0.75;
    for (let i = 0; i < n; i++) if (visible(i)) { dot(i, radius); drawn++; }
    context.globalAlpha = 1;
    if (hovered >= 0) {
      context.beginPath(); context.arc(placeX(hovered), placeY(hovered), radius + 4, 0, 2 * Math.PI);
      context.lineWidth = 2; context.strokeStyle = "#222"; context.stroke();
    }
    status.textContent = drawn.toLocaleString("en") + " of " + n.toLocaleString("en") + " cells shown";
  }
  function nearest(x, y) {
    let best = -1, least = 144;
    for (let i = 0; i < n; i++) {
      if (!visible(i)) continue;
      const dx = placeX(i) - x, dy = placeY(i) - y, distance = dx * dx + dy * dy;
      if (distance < least) { least = distance; best = i; }
    }
    return best;
  }
  function hover(event) {
    const box = canvas.getBoundingClientRect(), i = nearest(event.clientX - box.left, event.clientY - box.top);
    if (i !== hovered) { hovered = i; draw(); }
    label.hidden = i < 0;
    if (i < 0) return;
    const kind = data.type[i] < 0 ? "no type" : data.types[data.type[i]].name;
    label.textContent = data.sources[data.source[i]].name + " · " + kind;
    const x = placeX(i), right = x > box.width / 2;
    label.style.left = right ? "auto" : x + 10 + "px";
    label.style.right = right ? box.width - x + 10 + "px" : "auto";
    label.style.top = Math.max(0, placeY(i) - 30) + "px";
  }
  function leave() { hovered = -1; label.hidden = true; draw(); }

  function box(list, text, count, swatch, isRing, flags, place) {
    const line = element("label"), input = element("input"), mark = element("i", "", "swatch" + (isRing ? " ring" : ""));
    input.type = "checkbox"; input.checked = true;
    mark.style.setProperty("--colour", swatch);
    input.addEventListener("change", () => { flags[place] = input.checked; leave(); });
    line.append(input, mark, element("span", text), element("small", count));
    list.append(line);
    return input;
  }
  const sources = root.querySelector(".sources"), types = root.querySelector(".types");
  data.sources.forEach((one, k) => box(sources, one.name, one.cells.toLocaleString("en"), one.colour, false, shownSources, k));
  if (data.types.length) {
    const inputs = data.types.map((one, k) => box(
      types, one.name + (one.rare ? " (rare)" : ""), one.real + " + " + one.synthetic, one.colour, false, shownTypes, k));
    const choose = wanted => { inputs.forEach((input, k) => { input.checked = shownTypes[k] = wanted(k); }); leave(); };
    const buttons = element("div", "", "buttons");
    [["all", () => true], ["none", () => false], ["rare only", k => data.types[k].rare]].forEach(([text, wanted]) => {
      if (text === "rare only" && !data.types.some(one => one.rare)) return;
      const button = element("button", text);
      button.type = "button"; button.addEventListener("click", () => choose(wanted)); buttons.append(button);
    });
    types.append(buttons);
    root.querySelectorAll("input[name=colour-by]").forEach(input => {
      input.checked = input.value === colourBy;
      input.addEventListener("change", () => { colourBy = input.value; root.dataset.colourBy = colourBy; draw(); });
    });
  } else {
    types.remove(); root.querySelector(".colours").remove();
  }
  root.dataset.colourBy = colourBy;
  canvas.addEventListener("pointermove", hover);
  canvas.addEventListener("pointerdown", hover);
  canvas.addEventListener("pointerleave", leave);
  window.addEventListener("resize", draw);
  root.hidden = false;
  draw();
})();
// The methods paragraph, selected and copied with one click.
(() => {
  const button = document.getElementById("copy"), text = document.getElementById("methods-text");
  if (!button || !text) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const range = document.createRange();
    range.selectNodeContents(text);
    const selection = window.getSelection();
    selection.removeAllRanges(); selection.addRange(range);
    button.textContent = document.execCommand("copy") ? "copied" : "selected: press Ctrl+C";
  });
})();
// On paper nothing can be unfolded.
(() => {
  const opened = [];
  window.addEventListener("beforeprint", () => document.querySelectorAll("details:not([open])").forEach(one => {
    one.open = true; opened.push(one);
  }));
  window.addEventListener("afterprint", () => opened.splice(0).forEach(one => { one.open = false; }));
})();
