"use strict";
// A picture of one's own as the data set shows garments, by the rules of `data/picture.py`.

// Grey levels, bright on black, and their background's, of four bytes a pixel: red, green, blue and how opaque it is.
function brightOnBlack(colours, width, height, outlinedShare) {
  const pixels = Array.from({ length: width * height }, (_, k) => colours.subarray(4 * k, 4 * k + 4));
  const grey = pixels.map(([red, green, blue]) => 0.299 * red + 0.587 * green + 0.114 * blue);
  const alpha = pixels.map((pixel) => pixel[3] / 255);
  const half = Math.max(...alpha) / 2;
  const transparent = alpha.map((a) => a < half);
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const laidOn = (ground) => grey.map((v, k) => alpha[k] * v + (1 - alpha[k]) * ground);
  let background;
  if (sum(transparent) >= outlinedShare * pixels.length) {
    // White behind a dark garment, black behind a bright one: the outline is seen whatever the garment's grey.
    background = 2 * sum(laidOn(0)) > 255 * sum(alpha) ? 0 : 255;
  } else {
    // The median: a garment may reach the rim.
    const edge = (k) => k < width || k >= width * (height - 1) || k % width === 0 || k % width === width - 1;
    const rim = grey.filter((_, k) => edge(k) && !transparent[k]).sort((a, b) => a - b);
    background = rim[Math.floor(rim.length / 2)] ?? 255;
  }
  const laid = laidOn(background);
  const dark = background > sum(laid) / laid.length;
  const shade = (v) => Math.round(dark ? 255 - v : v);
  return { grey: laid.map(shade), background: shade(background) };
}
