/** The short flight of a piece from the picture to the badge of Cut-Outs. */
import { picture } from '../state.js';
import { runsOf } from '../pure/rle.js';
import { sample } from '../pure/raster.js';
import { toScreen } from '../pure/view.js';

const FLIGHT_MS = 200;
const MOST_SIDE = 240;

/** @returns {HTMLCanvasElement} the piece's own pixels, small */
function drawn(entry, piece, width, height) {
  const [x0, y0, x1, y1] = piece.box;
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d');
  const inside = sample(runsOf(piece.rle), piece.rle.size, { x0, y0, x1, y1 }, width, height);
  const alpha = new ImageData(width, height);
  for (let at = 0; at < inside.length; at += 1) alpha.data[4 * at + 3] = inside[at] ? 255 : 0;
  context.putImageData(alpha, 0, 0);
  context.globalCompositeOperation = 'source-in';
  context.drawImage(entry.bitmap, x0, y0, x1 - x0, y1 - y0, 0, 0, width, height);
  return canvas;
}

/** Where the badge stands; while it is not seen, the button of the tool. */
function goal() {
  const badge = document.querySelector('[data-testid="badge"]');
  const tool = document.querySelector('[data-testid="tool-cutouts"]');
  return (badge && !badge.hidden ? badge : tool)?.getBoundingClientRect() ?? null;
}

/**
 * @param {object} state
 * @param {object} piece that was just cut
 */
export function flyToBadge(state, piece) {
  const entry = picture(state);
  const stage = document.getElementById('stage')?.getBoundingClientRect();
  if (!stage || !entry?.bitmap || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  // The badge has its number by the next frame.
  requestAnimationFrame(() => {
    const to = goal();
    if (!to) return;
    const [x0, y0, x1, y1] = piece.box;
    const from = toScreen(state.view, x0, y0);
    const [wide, high] = [(x1 - x0) * state.view.scale, (y1 - y0) * state.view.scale];
    const shrink = Math.min(1, MOST_SIDE / Math.max(wide, high));
    const size = [wide, high].map((side) => Math.max(1, Math.round(side * shrink)));
    const canvas = drawn(entry, piece, ...size);
    Object.assign(canvas.style, {
      position: 'fixed', left: `${stage.left + from.x}px`, top: `${stage.top + from.y}px`, width: `${wide}px`, height: `${high}px`,
      pointerEvents: 'none', zIndex: '10', transformOrigin: '0 0',
    });
    document.body.append(canvas);
    const [dx, dy] = [to.left - stage.left - from.x, to.top - stage.top - from.y];
    const end = `translate(${dx}px, ${dy}px) scale(${to.width / wide}, ${to.height / high})`;
    const flight = canvas.animate([{ transform: 'none', opacity: 1 }, { transform: end, opacity: 0.3 }], { duration: FLIGHT_MS, easing: 'ease-in' });
    flight.finished.finally(() => canvas.remove());
  });
}
