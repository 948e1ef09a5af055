/** The six pictures of the gallery as buttons; the empty stage and the gallery dialog both show them. */
import { h } from '../dom.js';
import { words } from '../words.js';

/** A file's name without its ending, as a title. */
const titleOf = (name) => name.replace(/\.[a-z]+$/i, '');

function tile(sample, choose) {
  const image = h('img', { src: `/api/gallery/${encodeURIComponent(sample.id)}/thumbnail`, alt: '', loading: 'lazy', draggable: 'false' });
  return h('button', { type: 'button', class: 'tile', testid: `gallery-${sample.id}`, onclick: () => choose(sample.id) },
    h('span', { class: 'tile-picture' }, image), h('span', { class: 'tile-name' }, titleOf(sample.name)));
}

/** Moves the focus among the tiles with the arrow keys, as in a grid. */
function walk(event, grid) {
  const tiles = [...grid.children];
  const at = tiles.indexOf(document.activeElement);
  if (at < 0) return;
  const across = getComputedStyle(grid).gridTemplateColumns.split(' ').length;
  const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across, Home: -at, End: tiles.length - 1 - at };
  const to = tiles[at + (moves[event.key] ?? NaN)];
  if (!to) return;
  event.preventDefault();
  event.stopPropagation();
  to.focus();
}

/**
 * Gives the grid of samples, or a sentence if the server has none.
 *
 * @param {{id: string, name: string}[]} gallery
 * @param {(id: string) => void} choose
 */
export function samples(gallery, choose) {
  if (gallery.length === 0) return h('p', { class: 'hint' }, words.card.galleryNone);
  const grid = h('div', { class: 'tiles' }, gallery.map((sample) => tile(sample, choose)));
  grid.addEventListener('keydown', (event) => walk(event, grid));
  return grid;
}
