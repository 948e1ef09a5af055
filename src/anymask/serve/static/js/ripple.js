/** One wave that runs from the pointer through a mask that has just appeared. */

export const RIPPLE_MS = 520;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{x: number, y: number, width: number, height: number}} place of the mask's drawing on the canvas
 * @param {ImageBitmap} bitmap the mask's drawing; the wave is seen only on it
 * @param {{x: number, y: number, share: number, ratio: number}} wave centre on the canvas, how far it has come
 */
export function drawRipple(context, place, bitmap, wave) {
  const layer = new OffscreenCanvas(Math.max(Math.ceil(place.width), 1), Math.max(Math.ceil(place.height), 1));
  const own = layer.getContext('2d');
  own.drawImage(bitmap, 0, 0, layer.width, layer.height);
  own.globalCompositeOperation = 'source-in';
  const reach = Math.hypot(place.width, place.height);
  const radius = Math.max(wave.share * reach, 1);
  const band = Math.max(reach * 0.16, 24 * wave.ratio);
  const [x, y] = [wave.x - place.x, wave.y - place.y];
  const shade = own.createRadialGradient(x, y, Math.max(radius - band, 0), x, y, radius + band / 4);
  shade.addColorStop(0, 'rgba(255, 255, 255, 0)');
  shade.addColorStop(0.75, `rgba(255, 255, 255, ${0.9 * (1 - wave.share)})`);
  shade.addColorStop(1, 'rgba(255, 255, 255, 0)');
  own.fillStyle = shade;
  own.fillRect(0, 0, layer.width, layer.height);
  context.drawImage(layer, place.x, place.y);
}
