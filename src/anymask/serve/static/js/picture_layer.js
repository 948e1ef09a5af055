/** Draws the picture itself; big ones from a reduced copy where they are shown small. */
import { picture } from './state.js';

const SHARP_FROM = 4;
const REDUCED_SIDE = 1600;
const reduced = new WeakMap();

/** Make the reduced copy of a big picture ahead of time; drawing a 12 MP bitmap small costs every frame of a pan. */
export async function prepareReduced(bitmap) {
  const share = REDUCED_SIDE / Math.max(bitmap.width, bitmap.height);
  if (share > 0.75) return;
  const [resizeWidth, resizeHeight] = [Math.round(bitmap.width * share), Math.round(bitmap.height * share)];
  reduced.set(bitmap, await createImageBitmap(bitmap, { resizeWidth, resizeHeight, resizeQuality: 'high' }));
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {object} state
 * @param {number} ratio device pixels a CSS pixel
 */
export function drawPicture(canvas, state, ratio) {
  const context = canvas.getContext('2d');
  context.clearRect(0, 0, canvas.width, canvas.height);
  const entry = picture(state);
  if (!entry?.bitmap) return;
  const { scale, x, y } = state.view;
  const small = reduced.get(entry.bitmap);
  const isSmallEnough = small && entry.width * scale * ratio <= small.width * 1.1;
  // A picture of one row is still a line.
  const [width, height] = [entry.width, entry.height].map((side) => Math.max(side * scale * ratio, ratio));
  context.imageSmoothingEnabled = scale < SHARP_FROM;
  context.imageSmoothingQuality = 'high';
  context.drawImage(isSmallEnough ? small : entry.bitmap, x * ratio, y * ratio, width, height);
}
