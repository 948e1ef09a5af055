/** One wave that runs from the pointer through a mask that has just appeared. */

export const RIPPLE_MS = 520;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{x: number, y: number, width: number, height: number}} place of the mask's drawing on the canvas
 * @param {ImageBitmap} bitmap the mask's drawing; the wave is seen only on it
 * @param {{x: number, y: number, share: number, ratio: number}} wave centre on the canvas, how far it has come
 */
export function drawRipple(context, place, bitmap, wave) {
  // Only what is in sight: a mask whose view is zoomed into just now would need a canvas of any size.
  const [left, top] = [Math.max(Math.floor(place.x), 0), Math.max(Math.floor(place.y), 0)];
  const width = Math.min(Math.ceil(place.x + place.width), context.canvas.width) - left;
  const height = Math.min(Math.ceil(place.y + place.height), context.canvas.height) - top;
  if (width <= 0 || height <= 0) return;
  const layer = new OffscreenCanvas(width, height);
  const own = layer.getContext('2d');
  own.drawImage(bitmap, place.x - left, place.y - top, place.width, place.height);
  own.globalCompositeOperation = 'source-in';
  own.fillStyle = bandOf(own, place, { ...wave, x: wave.x - left, y: wave.y - top });
  own.fillRect(0, 0, width, height);
  context.drawImage(layer, left, top);
}

/** The wave's own light: nothing within, brightest at its front, fainter the farther it has come. */
function bandOf(own, place, { x, y, share, ratio }) {
  const reach = Math.hypot(place.width, place.height);
  const radius = Math.max(share * reach, 1);
  const band = Math.max(reach * 0.16, 24 * ratio);
  const shade = own.createRadialGradient(x, y, Math.max(radius - band, 0), x, y, radius + band / 4);
  shade.addColorStop(0, 'rgba(255, 255, 255, 0)');
  shade.addColorStop(0.75, `rgba(255, 255, 255, ${0.9 * (1 - share)})`);
  shade.addColorStop(1, 'rgba(255, 255, 255, 0)');
  return shade;
}
