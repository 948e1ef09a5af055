/** Records of kept objects, and masks on their way to the server. */
import { words } from '../words.js';
import { colourOf } from '../pure/colours.js';
import { area, boundsOf, runsOf } from '../pure/rle.js';
import { chosenMask, current, picture, shownMask } from '../state.js';

let lastId = 0;

/** @returns {string} an id no other object or piece of this page has, also after a reload */
export function newId() {
  lastId += 1;
  return `${Date.now().toString(36)}${lastId.toString(36)}`;
}

/**
 * @param {object[]} objects those kept already
 * @param {{name?: string, rle: object, score: number|null, area: number, box: number[], source: object|null}} fields
 * @returns {object} a kept object with the next colour and, where it has none, the next name
 */
export function keptOf(objects, { name, ...fields }) {
  // Colour 0 is that of the object being made.
  const colour = objects.reduce((most, one) => Math.max(most, one.colour), 0) + 1;
  return { id: newId(), name: name ?? nextName(objects), colour, visible: true, ...fields };
}

/** @returns {string} "object 4": one more than the highest, so that a name is not given twice */
export function nextName(objects) {
  const names = new Set(objects.map((one) => one.name));
  let number = objects.length + 1;
  while (names.has(words.objects.name(number))) number += 1;
  return words.objects.name(number);
}

/**
 * @param {object} item a kept object, or what has its fields
 * @returns {object} as the server takes objects
 */
export function asSent({ name, rle, score, colour, source }) {
  return { name, rle, score: score ?? null, colour: colourOf(colour ?? 0), source: source ?? null };
}

/**
 * @param {object} state
 * @returns {object|null} the object being worked on, with the fields of a kept one
 */
export function currentAsKept(state) {
  const now = current(state);
  const rle = shownMask(state);
  const entry = picture(state);
  if (!rle || !entry) return null;
  const kept = entry.history.now.objects.find((one) => one.id === now.objectId);
  if (kept?.rle === rle) return kept;
  const mask = now.edited ? null : chosenMask(state);
  const runs = mask ? null : runsOf(rle);
  const isAsked = mask && now.steps.length > 0;
  return {
    id: now.objectId, name: kept?.name ?? nextName(entry.history.now.objects), colour: kept?.colour ?? 0, rle,
    score: mask?.score ?? null, area: mask?.area ?? area(runs), box: mask?.box ?? boundsOf(runs, rle.size),
    source: isAsked ? { kind: 'steps', steps: now.steps, mask: now.mask, number: mask.number } : { kind: 'edited' },
  };
}
