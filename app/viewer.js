// A viewer of greyscale images: window by drag, zoom with nearest neighbour, pan, invert, masks.
// Panes share one look, so two images are seen in step. Text is set as text, never as HTML.

const FULL = { width: 255, level: 127.5 };
const PRESETS = { full: FULL, dark: { width: 128, level: 64 }, middle: { width: 128, level: 128 },
  bright: { width: 128, level: 191 } };
const FRESH = { ...FULL, invert: 0, zoom: 1, x: 0, y: 0, mask: 1 };
const FIELDS = Object.keys(FRESH);
const COLOURS = ["#56b4e9", "#e69f00", "#cc79a7", "#009e73"]; // Okabe and Ito: for every eye

export default function (component) {
  const { parentElement, data, setStateValue } = component;
  const root = parentElement.querySelector(".viewer");
  root.viewer ??= new Viewer(root);
  root.viewer.tell = (look) => setStateValue("look", look);
  root.viewer.show(data);
  return () => root.viewer.observer.disconnect();
}

class Viewer {
  constructor(root) {
    this.root = root;
    this.tool = "window";
    this.pointers = new Map();
    this.observer = new ResizeObserver(() => this.draw());
    root.addEventListener("click", (event) => this.click(event.target.closest("button")));
    root.addEventListener("keydown", (event) => this.key(event));
  }

  show(data) {
    this.look ??= parsed(data.look);
    this.kinds = data.kinds;
    const figures = this.root.querySelector(".panes");
    while (figures.children.length > data.panes.length) figures.lastChild.remove();
    while (figures.children.length < data.panes.length) figures.append(this.figure());
    this.panes = data.panes.map((pane, index) => this.pane(pane, figures.children[index]));
    figures.style.setProperty("--panes", data.panes.length);
    const masks = this.panes.some((pane) => pane.mask);
    this.button("mask").hidden = !masks;
    this.legend(masks);
    this.observer.observe(figures);
    this.draw();
  }

  figure() {
    const figure = document.createElement("figure");
    figure.append(document.createElement("canvas"), document.createElement("figcaption"));
    this.listen(figure.firstChild);
    return figure;
  }

  pane(pane, figure) {
    const canvas = figure.querySelector("canvas");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", pane.alt);
    figure.querySelector("figcaption").textContent = pane.caption;
    return { canvas, width: pane.width, height: pane.height, pixels: bytes(pane.pixels),
      mask: pane.mask ? bytes(pane.mask) : null, real: pane.real };
  }

  legend(masks) {
    const items = (masks ? this.kinds : []).map((kind, index) => {
      const item = document.createElement("span");
      item.textContent = kind;
      item.style.borderColor = COLOURS[index % COLOURS.length];
      return item;
    });
    this.root.querySelector(".legend").replaceChildren(...items);
  }

  // -- what people do -----------------------------------------------------------------------------

  click(button) {
    if (!button) return;
    const { tool, preset, act } = button.dataset;
    if (tool) this.tool = tool;
    if (preset) Object.assign(this.look, PRESETS[preset]);
    if (act) this.act(act);
    this.commit();
  }

  act(name) {
    if (name === "in") this.zoom(1.25);
    if (name === "out") this.zoom(0.8);
    if (name === "invert") this.look.invert = 1 - this.look.invert;
    if (name === "mask") this.look.mask = 1 - this.look.mask;
    if (name === "reset") Object.assign(this.look, FRESH);
  }

  key(event) {
    const act = { "+": "in", "-": "out", i: "invert", m: "mask", r: "reset" }[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    this.act(act);
    this.commit();
    event.preventDefault();
  }

  listen(canvas) {
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, event);
    });
    canvas.addEventListener("pointermove", (event) => this.move(event, canvas));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => {
        if (this.pointers.delete(event.pointerId) && this.pointers.size === 0) this.commit();
      });
    }
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15);
      this.draw();
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.commit(), 300);
    }, { passive: false });
  }

  move(event, canvas) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return this.read(event, canvas);
    const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY;
    if (this.pointers.size === 2) this.pinch(event, before);
    const button = event.buttons;
    if (button & 2) this.zoom(Math.exp(-dy / 150));
    else if (this.pointers.size === 2 || this.tool === "pan" || button & 4 || event.shiftKey) {
      const pane = this.panes[0], scale = this.look.zoom * canvas.clientWidth / pane.width;
      this.look.x -= dx / scale / this.pointers.size;
      this.look.y -= dy / scale / this.pointers.size;
    } else {
      this.look.width = clamp(this.look.width + dx, 1, 510);
      this.look.level = clamp(this.look.level + dy / 2, 0, 255);
    }
    this.pointers.set(event.pointerId, event);
    this.draw();
    this.read(event, canvas);
  }

  pinch(event, before) {
    const [other] = [...this.pointers.values()].filter((one) => one.pointerId !== event.pointerId);
    const far = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    if (far(before) > 0) this.zoom(far(event) / far(before));
  }

  zoom(factor) {
    this.look.zoom = clamp(this.look.zoom * factor, 1, 32);
  }

  commit() {
    this.draw();
    this.tell(FIELDS.map((name) => Math.round(this.look[name] * 100) / 100).join("_"));
  }

  // -- what people see ----------------------------------------------------------------------------

  draw() {
    for (const pane of this.panes) drawPane(pane, this.look);
    for (const button of this.root.querySelectorAll("button[data-tool]")) {
      button.setAttribute("aria-pressed", button.dataset.tool === this.tool);
    }
    this.button("invert").setAttribute("aria-pressed", !!this.look.invert);
    this.button("mask").setAttribute("aria-pressed", !!this.look.mask);
    const { width, level, zoom } = this.look;
    this.say(`W ${width.toFixed(0)}  L ${level.toFixed(0)}  zoom ${zoom.toFixed(1)}`);
  }

  read(event, canvas) {
    const pane = this.panes.find((one) => one.canvas === canvas), box = canvas.getBoundingClientRect();
    const [x, y] = placed(pane, this.look, event.clientX - box.left, event.clientY - box.top);
    const inside = x >= 0 && y >= 0 && x < pane.width && y < pane.height;
    const { width, level, zoom } = this.look;
    const value = inside ? `  x ${x}  y ${y}  grey ${pane.pixels[y * pane.width + x]}` : "";
    this.say(`W ${width.toFixed(0)}  L ${level.toFixed(0)}  zoom ${zoom.toFixed(1)}${value}`);
  }

  say(text) {
    this.root.querySelector(".readout").textContent = text;
  }

  button(act) {
    return this.root.querySelector(`button[data-act="${act}"]`);
  }
}

function drawPane(pane, look) {
  const { canvas, width, height } = pane, ratio = window.devicePixelRatio || 1;
  canvas.style.aspectRatio = `${width} / ${height}`;
  canvas.width = Math.round(canvas.clientWidth * ratio);
  canvas.height = Math.round(canvas.clientHeight * ratio);
  const context = canvas.getContext("2d"), scale = (look.zoom * canvas.width) / width;
  context.imageSmoothingEnabled = false;
  context.translate(canvas.width / 2, canvas.height / 2);
  context.scale(scale, scale);
  context.translate(-width / 2 - look.x, -height / 2 - look.y);
  context.drawImage(windowed(pane, look), 0, 0);
  if (pane.mask && look.mask) outline(context, pane, (1.5 * ratio) / scale);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = "600 12px sans-serif";
  context.lineWidth = 3;
  context.strokeStyle = "#000";
  const says = pane.real ? "REAL" : "SYNTHETIC";
  context.strokeText(says, 8, 18);
  context.fillStyle = pane.real ? "#ff8a80" : "#f0b45a";
  context.fillText(says, 8, 18);
}

function windowed({ pixels, width, height }, look) {
  const grey = new Uint8ClampedArray(256), low = look.level - look.width / 2;
  for (let value = 0; value < 256; value++) {
    const shown = ((value - low) / look.width) * 255;
    grey[value] = look.invert ? 255 - shown : shown;
  }
  const image = new ImageData(width, height);
  for (let index = 0, at = 0; index < pixels.length; index++, at += 4) {
    image.data[at] = image.data[at + 1] = image.data[at + 2] = grey[pixels[index]];
    image.data[at + 3] = 255;
  }
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function outline(context, { mask, width, height }, thick) {
  const at = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : mask[y * width + x]);
  context.lineWidth = thick;
  for (let y = 0; y <= height; y++) {
    for (let x = 0; x <= width; x++) {
      const here = at(x, y);
      if (here !== at(x - 1, y)) line(context, here || at(x - 1, y), x, y, x, y + 1);
      if (here !== at(x, y - 1)) line(context, here || at(x, y - 1), x, y, x + 1, y);
    }
  }
}

function line(context, kind, x, y, toX, toY) {
  context.strokeStyle = COLOURS[(kind - 1) % COLOURS.length];
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(toX, toY);
  context.stroke();
}

function placed({ canvas, width, height }, look, x, y) {
  const scale = (look.zoom * canvas.clientWidth) / width;
  return [
    Math.floor((x - canvas.clientWidth / 2) / scale + width / 2 + look.x),
    Math.floor((y - canvas.clientHeight / 2) / scale + height / 2 + look.y),
  ];
}

function parsed(text) {
  const values = text ? text.split("_").map(Number) : [];
  if (values.length !== FIELDS.length || values.some(Number.isNaN)) return { ...FRESH };
  return Object.fromEntries(FIELDS.map((name, index) => [name, values[index]]));
}

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
