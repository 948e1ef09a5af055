/** Pieces cut out of the picture: making them, and handing them on as PNG. */
import { words } from '../words.js';
import { say } from '../alerts.js';
import { commit, picture, work } from '../state.js';
import { pieceName } from '../pure/file_names.js';
import { fieldsOfCandidate } from './everything_selecting.js';
import { asSent, currentAsKept, newId } from './kept.js';
import { copyPng, fileNameOf, saveBlob } from './saving.js';

/** More pieces than this are only made when the person has said so twice. */
const MANY_PIECES = 200;

const pieceOf = (entry, { id, name, rle, score, area, box, colour, source }) => ({
  id: newId(), name, rle, score, area, box, colour: colour ?? 0, source, objectId: id ?? null, pictureKey: entry.key,
});

/** @returns {object[]} what "cut out" is about now: masks selected, else the object being made, else objects selected */
function inHand(state) {
  const entry = picture(state);
  if (!entry) return [];
  const { selected } = entry.everything;
  if (state.tool === 'everything' && selected.length) return selected.map((number) => fieldsOfCandidate(entry, number));
  const made = currentAsKept(state);
  if (made && state.tool !== 'everything') return [made];
  const { objects } = entry.history.now;
  return state.selected.map((id) => objects.find((one) => one.id === id)).filter(Boolean);
}

/** @returns {object[]} the pieces of a picture, largest first: the order of the tray and of the zip */
export function sortedPieces(entry) {
  return [...(entry?.history.now.pieces ?? [])].sort((a, b) => b.area - a.area);
}

function makeHandingOn(store, server) {
  const piecesNow = () => sortedPieces(picture(store.get()));

  async function png(piece, options = store.get().cutoutOptions) {
    const entry = picture(store.get());
    const { blob } = await server.forPicture(entry, 'cutout', { object: asSent(piece), options }, { as: 'bytes' });
    return blob;
  }

  function nameOf(piece) {
    const place = piecesNow().findIndex((one) => one.id === piece.id);
    return pieceName(picture(store.get()).name, place + 1, piece.name);
  }

  async function downloadPiece(id) {
    const piece = piecesNow().find((one) => one.id === id);
    if (piece) saveBlob(await png(piece), nameOf(piece));
  }

  /** Copies a piece, or without an id what is in hand. */
  async function copyPiece(id) {
    const state = store.get();
    const piece = id === undefined ? inHand(state)[0] ?? piecesNow()[0] : piecesNow().find((one) => one.id === id);
    if (!piece) return say(store, 'note', words.cutouts.nothing);
    const asked = png(piece);
    if (await copyPng(asked)) return store.set({ announce: words.cutouts.copied(piece.name) });
    const run = async () => saveBlob(await asked, nameOf(piece));
    return say(store, 'note', words.cutouts.copyRefused, { label: words.cutouts.downloadInstead, run });
  }

  async function downloadZip() {
    const state = store.get();
    const objects = piecesNow().map(asSent);
    if (!objects.length) return say(store, 'note', words.cutouts.nothing);
    const body = { objects, options: state.cutoutOptions };
    const { blob, headers } = await server.forPicture(picture(state), 'cutouts', body, { as: 'bytes' });
    return saveBlob(blob, fileNameOf(headers, 'cutouts.zip'));
  }

  return { downloadPiece, copyPiece, downloadZip, pieceBlob: png };
}

/**
 * @param {object} store
 * @param {object} server
 * @param {object} painter
 * @param {object} actions all of them, by name
 */
export function makeCutoutsActions(store, server, painter, actions) {
  function cutOut() {
    const state = store.get();
    const entry = picture(state);
    const found = inHand(state);
    if (!found.length) return say(store, 'note', words.cutouts.nothing);
    const pieces = found.map((fields) => pieceOf(entry, fields));
    commit(store, words.cutouts.changes.cut, (before) => ({ ...before, pieces: [...before.pieces, ...pieces] }));
    const sentence = pieces.length === 1 ? words.cutouts.cut(pieces[0].name) : words.cutouts.cutMany(pieces.length);
    return store.set({ announce: sentence });
  }

  function cutOutAll({ confirmed = false } = {}) {
    const entry = picture(store.get());
    if (!entry?.everything.shown.length) return;
    const cut = new Set(entry.history.now.pieces.map((piece) => piece.rle.counts));
    const found = entry.everything.shown
      .map((number) => fieldsOfCandidate(entry, number))
      .filter((fields) => !cut.has(fields.rle.counts));
    if (!found.length) return void say(store, 'note', words.cutouts.alreadyCut);
    if (found.length > MANY_PIECES && !confirmed) return void actions.openDialog('many');
    const pieces = found.map((fields) => pieceOf(entry, fields));
    commit(store, words.cutouts.changes.cutAll, (before) => ({ ...before, pieces: [...before.pieces, ...pieces] }));
    store.set({ announce: words.cutouts.cutMany(pieces.length) });
  }

  /** Draws the piece's mask on the picture until the pointer moves over it; a second time takes it away. */
  function showPiece(id) {
    const state = store.get();
    const piece = work(state)?.pieces.find((one) => one.id === id);
    if (!piece) return;
    const isSeen = state.preview?.masks[0]?.rle === piece.rle;
    const mask = { number: 0, score: piece.score, area: piece.area, box: piece.box, rle: piece.rle };
    store.set({ preview: isSeen ? null : { request: 0, masks: [mask], best: 0, warnings: [] } });
    if (!isSeen) actions.fit();
  }

  function removePiece(id) {
    const gone = work(store.get())?.pieces.find((one) => one.id === id);
    if (!gone) return;
    commit(store, words.cutouts.changes.remove, (before) => ({ ...before, pieces: before.pieces.filter((piece) => piece.id !== id) }));
    store.set({ announce: words.cutouts.removed(gone.name) });
  }

  return {
    cutOut, cutOutAll, showPiece,
    removePiece,
    setCutoutOption: (name, value) => store.set((state) => ({ cutoutOptions: { ...state.cutoutOptions, [name]: value } })),
    ...makeHandingOn(store, server),
  };
}
