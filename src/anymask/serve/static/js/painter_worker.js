/**
 * Beside the page: reads run lengths and draws masks, so that the pointer never waits for it.
 *
 * Takes {slot, size, spec, shown, view, pixelRatio} and gives {slot, shown, bitmap} where `shown` is the rectangle drawn, in
 * screen pixels of the view it was asked for; bitmap is null where nothing of the masks is in sight.
 * Takes {codes: [[number, counts]…], key} once and keeps them for specs that name masks by number.
 */
import { boundsOf, decompress } from './pure/rle.js';
import { composite, draw } from './pure/raster.js';

const MOST_KEPT = 64;
const read = new Map();
const numbered = { key: null, runs: new Map() };

function runsOfText(counts) {
  let runs = read.get(counts);
  if (!runs) {
    runs = decompress(counts);
    if (read.size >= MOST_KEPT) read.delete(read.keys().next().value);
    read.set(counts, runs);
  }
  return runs;
}

function keepCodes({ key, codes, isFresh }) {
  if (numbered.key !== key || isFresh) {
    numbered.key = key;
    numbered.runs.clear();
  }
  for (const [number, counts] of codes) numbered.runs.set(number, decompress(counts));
}

function runsOfMask(mask) {
  return mask.rle ? runsOfText(mask.rle.counts) : numbered.runs.get(mask.number);
}

/** The part of the screen (device pixels) that the masks can touch, with room for their outlines. */
function touched(bounds, view, shown, margin) {
  const x0 = Math.max(Math.floor(bounds[0] * view.scale + view.x) - margin, shown.x0);
  const y0 = Math.max(Math.floor(bounds[1] * view.scale + view.y) - margin, shown.y0);
  const x1 = Math.min(Math.ceil(bounds[2] * view.scale + view.x) + margin, shown.x1);
  const y1 = Math.min(Math.ceil(bounds[3] * view.scale + view.y) + margin, shown.y1);
  return x1 > x0 && y1 > y0 ? { x0, y0, x1, y1 } : null;
}

function boundsOfAll(list, size) {
  const all = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { runs } of list) {
    const box = boundsOf(runs, size);
    if (!box || box[2] <= box[0]) continue;
    for (const side of [0, 1]) {
      all[side] = Math.min(all[side], box[side]);
      all[side + 2] = Math.max(all[side + 2], box[side + 2]);
    }
  }
  return all[0] < all[2] ? all : null;
}

function bitmapOf(rgba, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d').putImageData(new ImageData(rgba, width, height), 0, 0);
  return canvas.transferToImageBitmap();
}

function drawn({ size, spec, shown, view, pixelRatio }) {
  const list = spec.masks.map((mask) => ({ ...mask, runs: runsOfMask(mask) })).filter((mask) => mask.runs);
  const bounds = boundsOfAll(list, size);
  const rect = bounds && touched(bounds, view, shown, Math.ceil(4 * pixelRatio));
  if (!rect) return { bitmap: null, shown: null };
  const [width, height] = [rect.x1 - rect.x0, rect.y1 - rect.y0];
  const window = {
    x0: (rect.x0 - view.x) / view.scale, y0: (rect.y0 - view.y) / view.scale,
    x1: (rect.x1 - view.x) / view.scale, y1: (rect.y1 - view.y) / view.scale,
  };
  // Hatching moves with the picture, not with the part of it that is drawn.
  const look = { ...spec.look, pixelRatio, anchor: { x: view.x - rect.x0, y: view.y - rect.y0 } };
  const rgba = list.length === 1
    ? draw(list[0].runs, size, window, width, height, { ...look, rgb: list[0].rgb, pattern: look.pattern && (list[0].pattern ?? 0) })
    : composite(list, size, window, width, height, look);
  return { bitmap: bitmapOf(rgba, width, height), shown: rect };
}

addEventListener('message', ({ data }) => {
  if (data.codes) {
    keepCodes(data);
    return;
  }
  const { slot } = data;
  try {
    const { bitmap, shown } = drawn(data);
    postMessage({ slot, bitmap, shown }, bitmap ? [bitmap] : []);
  } catch (error) {
    postMessage({ slot, bitmap: null, shown: null, fault: String(error) });
  }
});
