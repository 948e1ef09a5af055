/**
 * Which masks are to be seen, worked out from the state: a list of slots, lowest first, each with what the worker draws into it.
 */
import { chosenMask, current, picture, shownMask, work } from './state.js';
import { area, boundsOf, runsOf } from './pure/rle.js';
import { colourOf } from './pure/colours.js';

/** @typedef {{masks: {rle?: object, number?: number, rgb: number[]}[], look: object}} Spec */
/** @typedef {{slot: string, pictureKey: string, deps: any[], spec: Spec, alpha?: number, ripple?: boolean, isSoft?: boolean}} Layer */

export const SLOTS = ['everything', 'chosen', 'kept', 'ringed', 'solid', 'preview'];

const plain = (look) => ({ opacity: look.opacity, outlineOnly: look.outlineOnly, pattern: look.pattern, dashed: false });

/** The colour index the current object has, or will have when it is kept. */
export function currentColour(state) {
  const { current: now, objects } = work(state) ?? {};
  const held = now?.objectId && objects.find((one) => one.id === now.objectId);
  return held ? held.colour : 0;
}

function everythingLayers(state, entry) {
  const { shown, hover, selected, colours } = entry.everything;
  if (state.tool !== 'everything' || !shown.length) return [];
  const rgbOf = (number) => colourOf(colours?.get(number) ?? number % 8);
  const base = {
    slot: 'everything', alpha: hover === null ? 1 : 0.45,
    deps: [shown, entry.everything.codes, entry.everything.codes.size, colours, state.look],
    spec: { masks: shown.map((number) => ({ number, rgb: rgbOf(number) })), look: plain(state.look) },
  };
  const bright = [...new Set([...selected, ...(hover === null ? [] : [hover])])];
  if (!bright.length) return [base];
  const look = { ...plain(state.look), opacity: Math.min(state.look.opacity + 0.25, 0.9) };
  return [base, {
    slot: 'chosen', deps: [bright.join(), entry.everything.codes, colours, state.look],
    spec: { masks: bright.map((number) => ({ number, rgb: rgbOf(number) })), look },
  }];
}

function keptLayers(state) {
  const { objects, current: now } = work(state);
  const seen = objects.filter((one) => one.visible && one.id !== now?.objectId);
  const paints = (list) => list.map((one) => ({ rle: one.rle, rgb: colourOf(one.colour), pattern: one.colour }));
  const made = [];
  const resting = seen.filter((one) => !state.selected.includes(one.id));
  if (resting.length) {
    // Under the masks of everything mode a tint would be taken for one of them.
    const isUnder = state.tool === 'everything' && picture(state).everything.shown.length > 0;
    const look = { ...plain(state.look), outlineOnly: state.look.outlineOnly || isUnder };
    made.push({ slot: 'kept', deps: [objects, now?.objectId, state.selected, state.look, isUnder], spec: { masks: paints(resting), look } });
  }
  const ringed = seen.filter((one) => state.selected.includes(one.id));
  if (ringed.length) {
    const look = { ...plain(state.look), opacity: Math.min(state.look.opacity + 0.2, 0.9) };
    made.push({ slot: 'ringed', deps: [objects, now?.objectId, state.selected, state.look], spec: { masks: paints(ringed), look } });
  }
  return made;
}

function currentLayers(state) {
  const solid = shownMask(state);
  const made = [];
  const colour = currentColour(state);
  const rgb = colourOf(colour);
  if (solid) made.push({ slot: 'solid', isSoft: true, deps: [solid, colour, state.look], spec: { masks: [{ rle: solid, rgb }], look: plain(state.look) } });
  const preview = state.preview?.masks[state.preview.best];
  if (preview) {
    const isNext = Boolean(current(state));
    const look = isNext ? { ...plain(state.look), outlineOnly: true, dashed: true } : plain(state.look);
    made.push({ slot: 'preview', isSoft: true, ripple: !isNext, box: preview.box, deps: [preview.rle, isNext, state.look], spec: { masks: [{ rle: preview.rle, rgb }], look } });
  }
  return made;
}

/**
 * @param {object} state
 * @returns {Layer[]} what is to be seen now, lowest first
 */
export function layersOf(state) {
  const entry = picture(state);
  if (!entry?.width) return [];
  const made = [...everythingLayers(state, entry), ...keptLayers(state), ...currentLayers(state)];
  return made.map((layer) => ({ ...layer, pictureKey: entry.key }));
}

const measuredByHand = new WeakMap();

/** Area and box of a mask that no answer describes, as one mended by hand. */
function measured(rle) {
  if (!measuredByHand.has(rle)) {
    const runs = runsOf(rle);
    measuredByHand.set(rle, { area: area(runs), box: [...boundsOf(runs, rle.size)] });
  }
  return measuredByHand.get(rle);
}

/** @returns {object|null} area, box and score of the mask a person sees as "the" mask, for tests and the status line */
export function maskFacts(state) {
  const now = current(state);
  const mask = now ? chosenMask(state) : state.preview?.masks[state.preview.best];
  const solid = shownMask(state);
  if (now && solid && solid !== mask?.rle) return { ...measured(solid), score: null };
  return mask ? { area: mask.area, box: mask.box, score: mask.score } : null;
}
