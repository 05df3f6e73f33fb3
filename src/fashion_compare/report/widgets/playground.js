"use strict";
// Both trained networks, run in the page: forward pass, and Grad-CAM for the cnn. No library, no request.

const playground = (() => {
  const holder = document.getElementById("playground-data");
  if (!holder) return null;
  const data = JSON.parse(holder.textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const networks = Object.fromEntries(
    Object.entries(data.networks).map(([model, network]) => [
      model, { ...network, weights: new Float32Array(bytes(network.weights).buffer) },
    ]),
  );
  const pictures = bytes(data.pictures.pixels);
  const side = 28;

  // Calls visit(to, at) for each place `to` of a pooled map and each place `at` of the map that it is taken from.
  function windows(layer, x, visit) {
    const [maps, height, width] = x.shape;
    const places = (length) => Math.floor((length - layer.size) / layer.stride) + 1;
    const [rows, columns] = [places(height), places(width)];
    for (let m = 0; m < maps; m++)
      for (let r = 0; r < rows; r++)
        for (let c = 0; c < columns; c++)
          for (let y = r * layer.stride; y < r * layer.stride + layer.size; y++)
            for (let z = c * layer.stride; z < c * layer.stride + layer.size; z++)
              visit((m * rows + r) * columns + c, (m * height + y) * width + z);
    return { shape: [maps, rows, columns], length: maps * rows * columns };
  }

  // Layers: each takes values {shape, data} and returns new ones; max also remembers where its maxima were.
  const layers = {
    dense(layer, w, x) {
      const out = new Float64Array(layer.outputs);
      for (let j = 0; j < layer.outputs; j++) {
        let sum = w[layer.bias + j];
        const row = layer.at + j * layer.inputs;
        for (let i = 0; i < layer.inputs; i++) sum += w[row + i] * x.data[i];
        out[j] = sum;
      }
      return { shape: [layer.outputs], data: out };
    },
    convolution(layer, w, x) {
      const [, height, width] = x.shape;
      const { inputs, outputs, size, padding, stride } = layer;
      const places = (length) => Math.floor((length + 2 * padding - size) / stride) + 1;
      const [rows, columns] = [places(height), places(width)];
      const out = new Float64Array(outputs * rows * columns);
      for (let o = 0; o < outputs; o++)
        for (let r = 0; r < rows; r++)
          for (let c = 0; c < columns; c++) {
            const [top, left] = [r * stride - padding, c * stride - padding];
            const [y0, y1] = [Math.max(0, -top), Math.min(size, height - top)];
            const [z0, z1] = [Math.max(0, -left), Math.min(size, width - left)];
            let sum = w[layer.bias + o];
            for (let i = 0; i < inputs; i++)
              for (let y = y0; y < y1; y++) {
                const weight = layer.at + ((o * inputs + i) * size + y) * size;
                const value = (i * height + top + y) * width + left;
                for (let z = z0; z < z1; z++) sum += w[weight + z] * x.data[value + z];
              }
            out[(o * rows + r) * columns + c] = sum;
          }
      return { shape: [outputs, rows, columns], data: out };
    },
    max(layer, w, x) {
      const from = new Int32Array(windows(layer, x, () => {}).length);
      const out = new Float64Array(from.length).fill(-Infinity);
      const { shape } = windows(layer, x, (to, at) => {
        if (x.data[at] > out[to]) [out[to], from[to]] = [x.data[at], at];
      });
      return { shape, data: out, from };
    },
    average(layer, w, x) {
      const out = new Float64Array(windows(layer, x, () => {}).length);
      const { shape } = windows(layer, x, (to, at) => { out[to] += x.data[at] / layer.size ** 2; });
      return { shape, data: out };
    },
    addition: (layer, w, x, other) => ({ shape: x.shape, data: x.data.map((v, k) => v + other.data[k]) }),
    affine(layer, w, x) {
      const each = x.data.length / layer.units;
      return { shape: x.shape, data: x.data.map((v, k) => {
        const unit = Math.floor(k / each);
        return v * w[layer.scale + unit] + w[layer.shift + unit];
      }) };
    },
    relu: (layer, w, x) => ({ shape: x.shape, data: x.data.map((v) => Math.max(v, 0)) }),
    tanh: (layer, w, x) => ({ shape: x.shape, data: x.data.map(Math.tanh) }),
    sigmoid: (layer, w, x) => ({ shape: x.shape, data: x.data.map((v) => (1 + Math.tanh(v / 2)) / 2) }),
  };

  // What the network makes of 784 grey levels, layer by layer; the last are the scores.
  function forward(network, pixels) {
    const values = Float64Array.from(pixels, (v) => (v - network.mean) / network.deviation);
    const passed = [{ shape: [1, side, side], data: values }];
    for (const layer of network.layers)
      passed.push(layers[layer.kind](layer, network.weights, ...layer.from.map((k) => passed[k])));
    return passed;
  }

  const logits = (model, pixels) => Array.from(forward(networks[model], pixels).at(-1).data);

  function softmax(scores) {
    const highest = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - highest));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((power) => power / sum);
  }

  // What reaches a layer's input of the gradient at its output.
  const backward = {
    dense(layer, w, x, y, gradient, back) {
      for (let j = 0; j < layer.outputs; j++)
        for (let i = 0; i < layer.inputs; i++) back[i] += w[layer.at + j * layer.inputs + i] * gradient[j];
    },
    convolution(layer, w, x, y, gradient, back) {
      const [[, height, width], [, rows, columns]] = [x.shape, y.shape];
      const { inputs, outputs, size, padding, stride } = layer;
      for (let o = 0; o < outputs; o++)
        for (let r = 0; r < rows; r++)
          for (let c = 0; c < columns; c++)
            for (let i = 0; i < inputs; i++)
              for (let a = 0; a < size; a++)
                for (let b = 0; b < size; b++) {
                  const [row, column] = [r * stride - padding + a, c * stride - padding + b];
                  if (row >= 0 && column >= 0 && row < height && column < width)
                    back[(i * height + row) * width + column] +=
                      w[layer.at + ((o * inputs + i) * size + a) * size + b] * gradient[(o * rows + r) * columns + c];
                }
    },
    relu(layer, w, x, y, gradient, back) {
      for (let i = 0; i < back.length; i++) back[i] += y.data[i] > 0 ? gradient[i] : 0;
    },
    affine(layer, w, x, y, gradient, back) {
      const each = back.length / layer.units;
      for (let i = 0; i < back.length; i++) back[i] += gradient[i] * w[layer.scale + Math.floor(i / each)];
    },
    max(layer, w, x, y, gradient, back) {
      for (let i = 0; i < gradient.length; i++) back[y.from[i]] += gradient[i];
    },
    average(layer, w, x, y, gradient, back) {
      windows(layer, x, (to, at) => { back[at] += gradient[to] / layer.size ** 2; });
    },
    addition(layer, w, x, y, gradient, back) {
      for (let i = 0; i < back.length; i++) back[i] += gradient[i];
    },
  };

  // Grad-CAM: the gradient of one score walks back, on all ways, to the maps of one layer, whose means weigh them.
  function coarseGradCam(network, passed, target) {
    const gradients = passed.map((x) => new Float64Array(x.data.length));
    gradients.at(-1)[target] = 1;
    for (let k = network.layers.length; k > network.cam; k--) {
      const layer = network.layers[k - 1];
      for (const input of layer.from)
        if (input >= network.cam)
          backward[layer.kind](layer, network.weights, passed[input], passed[k], gradients[k], gradients[input]);
    }
    const gradient = gradients[network.cam];
    const { shape: [maps, rows, columns], data: values } = passed[network.cam];
    const coarse = new Float64Array(rows * columns);
    for (let m = 0; m < maps; m++) {
      let mean = 0;
      for (let i = 0; i < rows * columns; i++) mean += gradient[m * rows * columns + i] / (rows * columns);
      for (let i = 0; i < rows * columns; i++) coarse[i] += mean * values[m * rows * columns + i];
    }
    return coarse.map((v) => Math.max(v, 0));
  }

  function gradCam(network, passed, target) {
    return place(coarseGradCam(network, passed, target), passed[network.cam].shape[1], data.place);
  }

  // Each coarse value belongs at the centre of what its unit sees: `weights` has 28 rows, one column a unit.
  function place(coarse, units, weights) {
    const heat = new Float64Array(side * side);
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++)
        for (let i = 0; i < units; i++)
          if (weights[y][i])
            for (let j = 0; j < units; j++) heat[y * side + x] += weights[y][i] * coarse[i * units + j] * weights[x][j];
    return heat;
  }

  // The picture moved, turned and scaled about its middle, bilinearly, black beyond its rim.
  function changed(pixels, { x, y, turn, scale }) {
    const [sine, cosine] = [Math.sin((turn * Math.PI) / 180), Math.cos((turn * Math.PI) / 180)];
    const middle = (side - 1) / 2;
    const at = (row, column) =>
      row < 0 || column < 0 || row >= side || column >= side ? 0 : pixels[row * side + column];
    return Uint8Array.from({ length: side * side }, (_, k) => {
      const [down, right] = [Math.floor(k / side) - middle - y, (k % side) - middle - x];
      const row = (cosine * down + sine * right) / scale + middle;
      const column = (cosine * right - sine * down) / scale + middle;
      const [top, left] = [Math.floor(row), Math.floor(column)];
      const [v, h] = [row - top, column - left];
      return Math.round(
        (1 - v) * ((1 - h) * at(top, left) + h * at(top, left + 1)) + v * ((1 - h) * at(top + 1, left) + h * at(top + 1, left + 1)),
      );
    });
  }

  return { data, networks, pictures, side, forward, logits, softmax, coarseGradCam, gradCam, changed };
})();

// The controls around it. What is shown is in the address, so that a link shows the same.
if (playground) {
  const { data, networks, side } = playground;
  const find = (id) => document.getElementById(`play-${id}`);
  const sliders = ["x", "y", "turn", "scale"];
  const still = { x: 0, y: 0, turn: 0, scale: 1 };
  let state = { image: 0, ...still };
  // A picture of one's own, or a changed one: 784 grey levels; null for the test image.
  let own = null;
  let shown = new Uint8Array(side * side);

  const original = () => own ?? playground.pictures.subarray(state.image * side * side, (state.image + 1) * side * side);
  const encoded = (pixels) => btoa(String.fromCharCode(...pixels)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const decoded = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));

  function address() {
    const said = new URLSearchParams(own ? { pixels: encoded(own) } : { image: state.image });
    for (const name of sliders) if (state[name] !== still[name]) said.set(name, state[name]);
    return `#playground?${said}`;
  }

  function fromAddress() {
    if (!location.hash.startsWith("#playground?")) return false;
    const said = new URLSearchParams(location.hash.slice("#playground?".length));
    const number = (name, low, high, otherwise) => {
      const value = said.has(name) ? Number(said.get(name)) : NaN;
      return Number.isFinite(value) ? Math.min(Math.max(value, low), high) : otherwise;
    };
    state = { image: Math.round(number("image", 0, data.pictures.index.length - 1, 0)) };
    for (const name of sliders) state[name] = number(name, Number(find(name).min), Number(find(name).max), still[name]);
    own = null;
    try {
      const pixels = decoded(said.get("pixels") ?? "");
      own = pixels.length === side * side ? pixels : null;
    } catch { /* no picture */ }
    return true;
  }

  function paint(canvas, colour) {
    const context = canvas.getContext("2d");
    const picture = context.createImageData(side, side);
    for (let k = 0; k < side * side; k++) picture.data.set(colour(k), 4 * k);
    context.putImageData(picture, 0, 0);
  }

  function hide(model) {
    find(`answer-${model}`).textContent = "no answer: the image has no contrast";
    for (const row of find(`bars-${model}`).children) {
      row.classList.remove("answer");
      row.querySelector("i").style.width = "0%";
      row.querySelector("b").textContent = "";
    }
    if (model === "cnn") {
      paint(find("heat"), () => [0, 0, 0, 0]);
      find("strength").textContent = "no map";
    }
  }

  function show() {
    shown = playground.changed(original(), state);
    paint(find("image"), (k) => { const grey = 255 - shown[k]; return [grey, grey, grey, 255]; });
    // Without contrast networks answer as they do to an empty image: that is no answer.
    const blank = Math.max(...shown) - Math.min(...shown) < data.least_contrast;
    for (const [model, network] of Object.entries(networks)) {
      if (blank) {
        hide(model);
        continue;
      }
      const passed = playground.forward(network, shown);
      const shares = playground.softmax(Array.from(passed.at(-1).data));
      const answer = shares.indexOf(Math.max(...shares));
      find(`answer-${model}`).textContent = `${data.classes[answer]}, ${(100 * shares[answer]).toFixed(1)}%`;
      [...find(`bars-${model}`).children].forEach((row, c) => {
        row.classList.toggle("answer", c === answer);
        row.querySelector("i").style.width = `${100 * shares[c]}%`;
        row.querySelector("b").textContent = (100 * shares[c]).toFixed(1);
      });
      if (model === "cnn") {
        const heat = playground.gradCam(network, passed, answer);
        const highest = Math.max(...heat);
        paint(find("heat"), (k) => [214, 56, 20, highest > 0 ? Math.round((230 * heat[k]) / highest) : 0]);
        find("strength").textContent = highest > 0 ? `heat up to ${highest.toPrecision(2)}` : "map all zero";
      }
    }
    for (const name of sliders) find(name).value = state[name];
    find("number").value = state.image;
    find("label").textContent = own
      ? "your picture"
      : `test image ${data.pictures.index[state.image]}: ${data.classes[data.pictures.label[state.image]]}`;
  }

  function update() {
    show();
    history.replaceState(null, "", address());
  }

  for (const name of sliders) find(name).addEventListener("input", (event) => {
    state[name] = Number(event.target.value);
    update();
  });

  function choose(image) {
    const count = data.pictures.index.length;
    state = { image: ((image % count) + count) % count, ...still };
    own = null;
    update();
  }
  find("number").addEventListener("change", (event) => choose(Math.round(Number(event.target.value)) || 0));
  find("previous").addEventListener("click", () => choose(state.image - 1));
  find("next").addEventListener("click", () => choose(state.image + 1));
  find("reset").addEventListener("click", () => choose(state.image));

  // Drawing works on what is seen: moves and turns are baked in first.
  function draw(event) {
    const box = find("image").getBoundingClientRect();
    const [column, row] = [event.clientX - box.left, event.clientY - box.top].map((v) => Math.floor((v / box.width) * side));
    if (own === null || sliders.some((name) => state[name] !== still[name])) {
      own = Uint8Array.from(shown);
      state = { image: state.image, ...still };
    }
    const grey = document.querySelector("input[name=play-tool]:checked").value === "draw" ? 255 : 0;
    for (const [down, right] of [[0, 0], [0, 1], [1, 0], [1, 1]])
      if (row + down >= 0 && row + down < side && column + right >= 0 && column + right < side)
        own[(row + down) * side + column + right] = grey;
    update();
  }
  const board = find("board");
  board.addEventListener("pointerdown", (event) => {
    board.setPointerCapture(event.pointerId);
    draw(event);
  });
  board.addEventListener("pointermove", (event) => {
    if (event.buttons) draw(event);
  });

  // A picture of one's own: fitted into 28×28, bright on black whatever it was.
  async function take(file) {
    let bitmap;
    try {
      bitmap = await createImageBitmap(file);
    } catch {
      find("label").textContent = "this file is no picture that the browser can read";
      return;
    }
    const factor = side / Math.max(bitmap.width, bitmap.height);
    const [width, height] = [bitmap.width, bitmap.height].map((length) => Math.max(1, Math.round(length * factor)));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, width, height);
    const colours = context.getImageData(0, 0, width, height).data;
    const { grey, background } = brightOnBlack(colours, width, height, data.outlined_share);
    own = new Uint8Array(side * side).fill(background);
    const [down, right] = [Math.floor((side - height) / 2), Math.floor((side - width) / 2)];
    grey.forEach((v, k) => { own[(Math.floor(k / width) + down) * side + (k % width) + right] = v; });
    state = { image: state.image, ...still };
    update();
  }
  find("file").addEventListener("change", (event) => event.target.files[0] && take(event.target.files[0]));
  board.addEventListener("dragover", (event) => event.preventDefault());
  board.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });

  addEventListener("hashchange", () => fromAddress() && show());
  const linked = fromAddress();
  show();
  if (linked) document.getElementById("playground").scrollIntoView();
}
