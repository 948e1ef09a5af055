/** The block Cut-Outs: the pieces on a checkerboard, what can be done with each, and how they are cut. */
import { button, h } from '../dom.js';
import { picture } from '../state.js';
import { words } from '../words.js';
import { actionOf } from '../pure/keymap.js';
import { sortedPieces } from '../actions/cutouts.js';
import { mountOptions } from './cutouts_options.js';
import { flyToBadge } from './flight.js';

const text = words.cutouts;
/** Thumbnails asked for at the same time; clicks should not wait behind them. */
const AT_ONCE = 2;
/** From so many pieces on they stand in columns. */
const MANY = 3;
/** What can be done with a piece, as its buttons are named. */
const LABELS = { 'piece-copy': text.copy, 'piece-download': text.download, 'piece-show': text.show, 'piece-delete': text.remove };

/** Thumbnails: the piece itself, tightly cropped; each address is given back when its piece goes. */
function makeThumbnails(actions, store) {
  const kept = new Map();
  const waiting = [];
  let going = 0;

  async function next() {
    if (going >= AT_ONCE || !waiting.length) return;
    const { piece, image, key } = waiting.shift();
    going += 1;
    const blob = image.isConnected ? await actions.pieceBlob(piece, { ...JSON.parse(key), crop: true, margin: 0 }) : null;
    going -= 1;
    if (blob && image.isConnected) {
      const url = URL.createObjectURL(blob);
      const before = kept.get(piece.id);
      if (before) URL.revokeObjectURL(before);
      kept.set(piece.id, url);
      image.src = url;
      image.hidden = false;
    }
    next();
  }

  return {
    show(piece, image) {
      const { background, edge } = store.get().cutoutOptions;
      const key = JSON.stringify({ background, edge });
      if (image.dataset.asked === key) return;
      image.dataset.asked = key;
      waiting.push({ piece, image, key });
      next();
    },
    forget(ids) {
      for (const [id, url] of kept) {
        if (ids.has(id)) continue;
        URL.revokeObjectURL(url);
        kept.delete(id);
      }
    },
  };
}

/** Keys on a piece are about that piece: both keys that copy or cut out copy it. */
function onKeys(grid, store, actions) {
  const runs = { cutout: actions.copyPiece, copy: actions.copyPiece, remove: actions.removePiece };
  grid.addEventListener('keydown', (event) => {
    const { map, letters } = store.get().keys;
    const run = runs[actionOf(event, map ?? undefined, { letters })];
    const id = event.target.closest('[data-piece]')?.dataset.piece;
    if (!run || !id) return;
    event.preventDefault();
    event.stopPropagation();
    run(id);
  });
}

function tileOf(piece, actions) {
  const [x0, y0, x1, y1] = piece.box;
  const size = h('span', { class: 'hint figures', style: { display: 'block' } }, text.size(x1 - x0, y1 - y0));
  // A soft edge may reach a pixel beyond the mask.
  const image = h('img', { alt: text.piece(piece.name), hidden: true, style: { position: 'absolute', inset: '0' },
    onload: () => { size.textContent = text.size(image.naturalWidth, image.naturalHeight); } });
  const make = (drawing, testid, run) => button(
    { icon: drawing, label: LABELS[testid](piece.name), class: 'button quiet', iconOnly: true }, { testid, onclick: () => run(piece.id) });
  return h('li', { class: 'tile', testid: `piece-${piece.id}`, dataset: { piece: piece.id }, style: { alignItems: 'stretch', paddingInline: '0' } },
    h('div', { class: 'tile-picture whole checker', style: { position: 'relative', maxHeight: '10rem' } }, image),
    h('div', { class: 'tile-name' }, h('span', null, piece.name), ' ', size),
    h('div', { class: 'row tight', style: { justifyContent: 'space-around', gap: '0', flexWrap: 'wrap' } },
      make('copy', 'piece-copy', actions.copyPiece), make('download', 'piece-download', actions.downloadPiece),
      make('show', 'piece-show', actions.showPiece), make('trash', 'piece-delete', actions.removePiece)));
}

/** The object it was cut from has got another name. */
function nameTile(tile, name) {
  tile.querySelector('.tile-name').firstChild.textContent = name;
  tile.querySelector('img').alt = text.piece(name);
  for (const control of tile.querySelectorAll('button')) {
    const label = LABELS[control.dataset.testid](name);
    Object.assign(control, { ariaLabel: label, title: label });
  }
}

/** The grid; tiles stay when others come or go, so that focus and thumbnails do. */
function mountGrid(store, actions) {
  const thumbnails = makeThumbnails(actions, store);
  const grid = h('ul', { class: 'tiles', 'aria-label': text.title, style: { gridTemplateColumns: '1fr' } });
  const tiles = new Map();
  onKeys(grid, store, actions);
  // A long tray asks only for what is on the screen.
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) ask(entry.target.dataset.piece);
  }, { rootMargin: '200px' });

  function ask(id) {
    const tile = tiles.get(id);
    if (tile) thumbnails.show(tile.piece, tile.element.querySelector('img'));
  }

  function update(pieces) {
    const ids = new Set(pieces.map((piece) => piece.id));
    const held = document.activeElement.closest('[data-piece]');
    const heldAt = held && grid.contains(held) ? [...grid.children].indexOf(held) : -1;
    for (const [id, { element }] of tiles) {
      if (ids.has(id)) continue;
      seen.unobserve(element);
      element.remove();
      tiles.delete(id);
    }
    thumbnails.forget(ids);
    pieces.forEach((piece, place) => {
      if (!tiles.has(piece.id)) {
        tiles.set(piece.id, { piece, element: tileOf(piece, actions) });
        seen.observe(tiles.get(piece.id).element);
      }
      const { element } = tiles.get(piece.id);
      const known = tiles.get(piece.id).piece;
      if (known.name !== piece.name) nameTile(element, piece.name);
      tiles.get(piece.id).piece = piece;
      if (grid.children[place] !== element) grid.insertBefore(element, grid.children[place] ?? null);
    });
    grid.style.gridTemplateColumns = pieces.length < MANY ? '1fr' : 'repeat(auto-fill, minmax(5.6rem, 1fr))';
    // The keyboard goes on from the piece that has come to the place of the one deleted.
    const next = grid.children[Math.min(heldAt, grid.children.length - 1)];
    if (heldAt >= 0 && !grid.contains(document.activeElement)) next?.querySelector('button').focus();
  }

  store.watch((state) => picture(state)?.history.now.pieces, () => update(sortedPieces(picture(store.get()))));
  store.watch((state) => `${state.cutoutOptions.background} ${state.cutoutOptions.edge}`, () => {
    for (const { element } of tiles.values()) {
      seen.unobserve(element);
      seen.observe(element);
    }
  });
  return grid;
}

function watchFlights(store) {
  let known = { key: null, ids: new Set() };
  store.watch((state) => picture(state)?.history.now.pieces, (pieces = []) => {
    const { key } = picture(store.get()) ?? { key: null };
    const fresh = pieces.filter((piece) => !known.ids.has(piece.id));
    // Pieces that come with another picture, or many at once, do not fly.
    if (known.key === key && fresh.length === 1) flyToBadge(store.get(), fresh[0]);
    known = { key, ids: new Set(pieces.map((piece) => piece.id)) };
  });
}

/**
 * @param {HTMLElement} element
 * @param {object} store
 * @param {object} actions
 */
export function mountCutoutsBlock(element, store, actions) {
  const none = h('p', { class: 'empty-note' }, text.none);
  const zip = button({ icon: 'zip', label: text.zip, class: 'button wide' }, { testid: 'zip', onclick: async () => {
    zip.disabled = true;
    zip.lastChild.textContent = text.zipping;
    await actions.downloadZip();
    zip.disabled = false;
    zip.lastChild.textContent = text.zip;
  } });
  const some = h('div', { class: 'stack' }, zip, mountOptions(store, actions), mountGrid(store, actions));
  store.watch((state) => picture(state)?.history.now.pieces.length ?? 0, (count) => {
    none.hidden = count > 0;
    some.hidden = count === 0;
  });
  element.append(none, some);
  watchFlights(store);
}
