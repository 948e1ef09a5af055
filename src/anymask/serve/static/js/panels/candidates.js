/** Three thumbnails by the picture: whole, part, sub-part; the pointer previews, a click chooses. */
import { h, replace } from '../dom.js';
import { draw } from '../pure/raster.js';
import { decompress } from '../pure/rle.js';
import { bySize, current, picture } from '../state.js';
import { words } from '../words.js';

const BLUE = [0, 114, 189];
const THUMB = { width: 208, height: 144 };

/** Draws the picture small with one mask over it. */
export function drawThumbnail(canvas, bitmap, size, rle, limit = THUMB) {
  const scale = Math.min(limit.width / size.width, limit.height / size.height);
  canvas.width = Math.max(1, Math.round(size.width * scale));
  canvas.height = Math.max(1, Math.round(size.height * scale));
  const context = canvas.getContext('2d');
  if (bitmap) context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  if (!rle) return;
  const window = { x0: 0, y0: 0, x1: size.width, y1: size.height };
  const colours = draw(decompress(rle.counts), rle.size, window, canvas.width, canvas.height, { rgb: BLUE, opacity: 0.55, pixelRatio: 1 });
  const layer = new OffscreenCanvas(canvas.width, canvas.height);
  layer.getContext('2d').putImageData(new ImageData(colours, canvas.width, canvas.height), 0, 0);
  context.drawImage(layer, 0, 0);
}

function tile(entry, mask, { index, rank, names }, actions) {
  const canvas = h('canvas', { 'aria-hidden': 'true' });
  drawThumbnail(canvas, entry.bitmap, entry, mask.rle);
  const score = words.card.score(mask.score);
  const name = names[rank] ?? String(rank + 1);
  return h('button', {
    type: 'button', class: 'tile candidate', testid: `candidate-${rank}`, dataset: { index }, 'aria-pressed': 'false',
    'aria-label': words.card.candidate(name, score, rank + 1),
    onclick: () => actions.chooseCandidate(index),
    onpointerenter: (event) => event.pointerType !== 'touch' && actions.previewCandidate(index),
    onpointerleave: () => actions.previewCandidate(null),
    onfocus: () => actions.previewCandidate(index),
    onblur: () => actions.previewCandidate(null),
  }, h('span', { class: 'tile-picture' }, canvas),
  h('span', { class: 'candidate-facts' }, h('span', null, name), h('span', { class: 'score' }, score)));
}

/** The answer whose masks are offered, or null: one that gives a person something to choose from. */
function offered(state) {
  const answer = current(state)?.answer;
  return state.multimask && answer?.masks.length > 1 ? answer : null;
}

/**
 * @param {HTMLElement} element
 * @param {object} store
 * @param {object} actions
 */
export function mountCandidates(element, store, actions) {
  const place = document.getElementById('candidates') ?? element;
  store.watch(offered, (answer) => {
    if (answer === null) {
      replace(place);
      return;
    }
    const entry = picture(store.get());
    const tiles = bySize(answer.masks).map((index, rank) => tile(entry, answer.masks[index], { index, rank, names: words.card.candidateNames }, actions));
    replace(place, h('div', { class: 'candidates', role: 'group', 'aria-label': words.card.candidates }, tiles));
    markChosen(place, current(store.get())?.chosen);
  });
  store.watch((state) => current(state)?.chosen, (chosen) => markChosen(place, chosen));
}

function markChosen(place, chosen) {
  for (const made of place.querySelectorAll('.candidate')) made.setAttribute('aria-pressed', String(Number(made.dataset.index) === chosen));
}
