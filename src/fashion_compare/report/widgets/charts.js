"use strict";
// Pictures that answer to the pointer and the arrow keys: learning curves, ROC curves, the images behind confusions.

(() => {
  const data = JSON.parse(document.getElementById("explore-data").textContent);
  const find = (id) => document.getElementById(id);
  const element = (name, attributes = {}, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };
  const percent = (value, digits = 2) => `${(100 * value).toFixed(digits)}%`;
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

  // A chart as wide as there is room, so that its text is as large on a phone. An axis is {low, high, log, ticks, label,
  // text}; a line {points, className, style}.
  function scale(axis, from, to) {
    const of = axis.log ? Math.log : (v) => v;
    return (v) => from + ((of(v) - of(axis.low)) / (of(axis.high) - of(axis.low))) * (to - from);
  }
  function chart(svg, x, y, lines) {
    const width = Math.min(Math.max(svg.parentElement.clientWidth, 300), 900);
    const frame = { left: 52, right: width - 12, top: 10, bottom: 256 };
    svg.setAttribute("viewBox", `0 0 ${width} 300`);
    const [across, up] = [scale(x, frame.left, frame.right), scale(y, frame.bottom, frame.top)];
    const marks = [];
    for (const tick of x.ticks) {
      marks.push(element("line", { x1: across(tick), x2: across(tick), y1: frame.top, y2: frame.bottom, class: "grid" }));
      marks.push(element("text", { x: across(tick), y: frame.bottom + 16, "text-anchor": "middle" }, x.text(tick)));
    }
    for (const tick of y.ticks) {
      marks.push(element("line", { x1: frame.left, x2: frame.right, y1: up(tick), y2: up(tick), class: "grid" }));
      marks.push(element("text", { x: frame.left - 6, y: up(tick) + 4, "text-anchor": "end" }, y.text(tick)));
    }
    marks.push(element("text", { x: (frame.left + frame.right) / 2, y: 294, "text-anchor": "middle" }, x.label));
    marks.push(element("text", { x: 12, y: 133, "text-anchor": "middle", transform: "rotate(-90 12 133)" }, y.label));
    for (const line of lines) {
      // Log axes have no zero, and what is beyond an axis ends at its rim.
      const inside = (v, axis) => Math.min(Math.max(v, axis.low), axis.high);
      const points = line.points.map(([a, b]) => `${across(inside(a, x)).toFixed(1)},${up(inside(b, y)).toFixed(1)}`);
      marks.push(element("polyline", { points: points.join(" "), class: line.className, ...line.style }));
    }
    const cursor = element("g", { class: "cursor" });
    svg.replaceChildren(...marks, cursor);
    // Where the pointer is, 0 at the left end of the axis and 1 at its right.
    const share = (event) => {
      const box = svg.getBoundingClientRect();
      const place = ((event.clientX - box.left) / box.width) * width;
      return Math.min(Math.max((place - frame.left) / (frame.right - frame.left), 0), 1);
    };
    return { across, up, cursor, share, frame };
  }
  const steps = (low, high, wanted) => {
    const rough = (high - low) / wanted;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= rough);
    return Array.from({ length: Math.floor(high / step + 1e-9) - Math.ceil(low / step - 1e-9) + 1 }, (_, i) =>
      (Math.ceil(low / step - 1e-9) + i) * step);
  };
  const short = (v) => {
    const rounded = Number(v.toPrecision(3));
    return rounded && (rounded < 1e-3 || rounded >= 1e5) ? rounded.toExponential() : String(rounded);
  };
  // Ticks of a log axis: many a decade where there are few decades, else evenly spaced where there is none of one.
  const logSteps = (low, high) => {
    const [first, last] = [low, high].map((v) => Math.floor(Math.log10(v)));
    const factors = last - first < 3 ? [1, 2, 3, 5, 7] : [1];
    const every = Math.ceil((last - first) / 8) || 1;
    const powers = Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, i) => Number(`1e${first + i * every}`));
    const ticks = powers.flatMap((power) => factors.map((k) => k * power)).filter((v) => v >= low && v <= high);
    return ticks.length > 1 ? ticks : steps(low, high, 5);
  };
  const dashes = ["", "7 3", "2 3", "9 3 2 3", "5 5", "1 5", "12 4", "3 6"];

  // Learning curves: configurations to switch on and off, and the epoch under the pointer.
  function curves() {
    const holder = find("explore-curves");
    if (!holder || !data.curves.length) return null;
    const [svg, metric, single] = [holder.querySelector("svg"), find("curve-metric"), find("curve-single")];
    const places = {};
    const runs = data.curves.map((run) => {
      const place = (places[run.model] = (places[run.model] ?? -1) + 1);
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: place === 0 });
      const key = element("svg", { viewBox: "0 0 30 8", class: "key", "aria-hidden": "true" });
      const style = { "stroke-dasharray": dashes[place % dashes.length] };
      key.append(element("line", { x1: 0, x2: 30, y1: 4, y2: 4, class: `curve ${run.model}`, ...style }));
      label.append(box, key, ` ${run.model} ${run.configuration}`);
      find("curve-runs").append(label);
      box.addEventListener("change", draw);
      return { ...run, box, style };
    });
    let drawn = null;
    let epoch = null;
    function draw() {
      const name = metric.value;
      const shown = runs.filter((run) => run.box.checked);
      const values = shown.flatMap((run) => [...run[name].train, ...run[name].validation].flatMap((seed) => seed.slice(1)));
      if (!values.length) values.push(0.5, 1);
      const last = Math.max(1, ...shown.flatMap((run) => run[name].validation.map((seed) => seed.length - 1)));
      const [low, high] = [Math.min(...values), Math.max(...values)];
      const y = name === "loss"
        ? { low: Math.max(low, 1e-4) / 1.05, high: Math.max(high * 1.05, 1e-3), log: true, label: "loss (log scale)", text: short }
        : { low: low - 0.01, high: Math.min(1, high + 0.01), label: "accuracy (%)", text: (v) => (100 * v).toFixed(0) };
      y.ticks = y.log ? logSteps(y.low, y.high) : steps(y.low, y.high, 6);
      const x = { low: 0, high: last, ticks: steps(0, last, 10).filter(Number.isInteger), label: "epoch", text: String };
      const lines = shown.flatMap((run) => ["train", "validation"].flatMap((part) => {
        const line = (points, extra) =>
          ({ points: points.map((v, e) => [e, v]), className: `curve ${run.model} ${part} ${extra}`, style: run.style });
        const seeds = run[name][part];
        return [...(single.checked ? seeds.map((seed) => line(seed, "single")) : []), line(means(seeds), "")];
      }));
      drawn = { ...chart(svg, x, y, lines), last, name, shown };
      say();
    }
    const means = (seeds) =>
      Array.from({ length: Math.min(...seeds.map((seed) => seed.length)) }, (_, e) => mean(seeds.map((seed) => seed[e])));
    function say() {
      const { across, cursor, last, name, shown, frame } = drawn;
      const output = find("curve-values");
      cursor.replaceChildren();
      if (epoch === null) {
        output.textContent = "Point at the curves, or focus them and use the arrow keys, for values by epoch.";
        return;
      }
      epoch = Math.min(Math.max(epoch, 0), last);
      cursor.append(element("line", { x1: across(epoch), x2: across(epoch), y1: frame.top, y2: frame.bottom }));
      const text = (v) => (name === "loss" ? v.toPrecision(3) : percent(v));
      output.textContent = [`Epoch ${epoch}`, ...shown.map((run) => {
        const [validation, training] = [run[name].validation, run[name].train].map((seeds) => means(seeds)[epoch]);
        const said = validation === undefined ? "had ended" : `validation ${text(validation)}, training ${text(training)}`;
        return `${run.model} ${run.configuration}: ${said}`;
      })].join(" · ");
    }
    svg.addEventListener("pointermove", (event) => {
      epoch = Math.round(drawn.share(event) * drawn.last);
      say();
    });
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      epoch = (epoch ?? 0) + step;
      say();
    });
    metric.addEventListener("change", draw);
    single.addEventListener("change", draw);
    holder.hidden = false;
    draw();
    return draw;
  }

  // ROC of one class: both models, and the threshold under the pointer.
  function roc() {
    const holder = find("explore-roc");
    if (!holder || !Object.keys(data.roc).length) return null;
    const [svg, chosen] = [holder.querySelector("svg"), find("roc-class")];
    const x = { low: 1e-4, high: 1, log: true, ticks: [1e-4, 1e-3, 0.01, 0.1, 1], text: String,
      label: "false positive rate (log scale), test" };
    const y = { low: 0, high: 1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1], text: (v) => v.toFixed(1), label: "true positive rate, test" };
    let drawn = null;
    let rate = 0.01;
    function draw() {
      const held = Object.entries(data.roc).map(([model, classes]) => [model, classes[chosen.value]]).filter(([, points]) => points);
      const lines = held.map(([model, points]) => ({ points: points.map(([, f, t]) => [f, t]), className: `curve ${model}` }));
      drawn = { ...chart(svg, x, y, lines), held };
      say();
    }
    function say() {
      const { across, up, cursor, held } = drawn;
      const said = held.map(([model, points]) => {
        const distance = ([, f]) => Math.abs(Math.log(Math.max(f, x.low) / rate));
        // Of points with the same false positive rate the last one, which finds most.
        const [threshold, f, t] = points.reduce((best, point) => (distance(point) <= distance(best) ? point : best));
        return { model, threshold, f, t };
      });
      cursor.replaceChildren(...said.map(({ model, f, t }) =>
        element("circle", { cx: across(Math.max(f, x.low)), cy: up(t), r: 5, class: `dot ${model}` })));
      find("roc-values").textContent = said.map(({ model, threshold, f, t }) =>
        `${model}: ${threshold === null ? `nothing called ${data.classes[chosen.value]}` :
          `called ${data.classes[chosen.value]} from a probability of ${threshold.toPrecision(3)} on`}, ` +
        `${percent(t)} of them are found, and ${percent(f)} of all else is called so`).join(" · ");
    }
    svg.addEventListener("pointermove", (event) => {
      rate = x.low ** (1 - drawn.share(event));
      say();
    });
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      rate = Math.min(Math.max(rate * 1.25 ** step, x.low), 1);
      say();
    });
    chosen.addEventListener("change", draw);
    holder.hidden = false;
    draw();
    return draw;
  }

  // A cell of a confusion matrix opens test images behind it, with what each model answers.
  function confusions() {
    const [held, panel] = [data.confusions, find("behind")];
    if (!held || !panel) return;
    const address = `url(${held.sheet})`;
    const rows = Math.ceil(held.index.length / held.columns);
    const answers = Object.entries(held.answers);
    function open(model, label, answer) {
      const own = held.answers[model];
      const inside = held.index.map((_, k) => k).filter((k) => held.label[k] === label && own.answer[k] === answer);
      inside.sort((a, b) => own.probability[b] - own.probability[a]);
      // Beyond these lie images that stand behind cells of the other model: some, not the surest.
      inside.splice(held.most);
      const title = document.createElement("p");
      title.textContent = inside.length
        ? `${data.classes[label]}, called ${data.classes[answer]} by the ${model} of the first seed: its surest answers.`
        : `${data.classes[label]}, called ${data.classes[answer]} by the ${model}: none by the network of the first seed.`;
      const images = inside.map((k) => {
        const figure = document.createElement("figure");
        const image = document.createElement("div");
        image.className = "thumb";
        image.setAttribute("role", "img");
        image.setAttribute("aria-label", `test image ${held.index[k]}, ${data.classes[label]}`);
        image.style.backgroundImage = address;
        image.style.backgroundSize = `${held.columns * 100}% ${rows * 100}%`;
        const [column, row] = [k % held.columns, Math.floor(k / held.columns)];
        image.style.backgroundPosition = `${(100 * column) / Math.max(held.columns - 1, 1)}% ${(100 * row) / Math.max(rows - 1, 1)}%`;
        const text = document.createElement("figcaption");
        text.append(`test image ${held.index[k]}`, ...answers.flatMap(([name, said]) => {
          const who = document.createElement("span");
          who.className = `${name}-text`;
          who.textContent = name;
          return [document.createElement("br"), who, ` ${data.classes[said.answer[k]]} ${percent(said.probability[k], 0)}`];
        }));
        figure.append(image, text);
        return figure;
      });
      panel.replaceChildren(title, ...images);
    }
    for (const cell of document.querySelectorAll("td[data-cell]")) {
      const [model, label, answer] = cell.dataset.cell.split(",");
      const button = document.createElement("button");
      button.textContent = cell.textContent;
      button.setAttribute("aria-label", `${cell.textContent} of ${data.classes[label]} called ${data.classes[answer]} by the ${model}: show images`);
      button.addEventListener("click", () => {
        document.querySelectorAll("td[data-cell] button").forEach((other) => other.setAttribute("aria-pressed", other === button));
        open(model, Number(label), Number(answer));
      });
      cell.replaceChildren(button);
    }
    find("behind-hint").hidden = false;
  }

  const redraw = [curves(), roc()];
  confusions();
  addEventListener("resize", () => redraw.forEach((draw) => draw?.()));
})();
