/**
 * Keys and what they do. A key is written 'z', 'Shift+z', 'Mod+z' (Ctrl or Cmd), 'Delete', ' ' is
 * 'Space'; signs such as '+' and '?' are written as themselves, whatever Shift they need.
 *
 * Exports: DEFAULT_KEYS {action: [keys]} · actionOf(event, map, {letters}) → action | null
 * keyOf(event) → key | null · labelOf(key, {mac}) → text · labels(map, {mac}) → {action: text}
 * withKeys(map, action, keys) → map · clashes(map) → [{key, actions}]
 *
 * @typedef {Record<string, string[]>} KeyMap
 */

/** @type {KeyMap} */
export const DEFAULT_KEYS = Object.freeze({
  'tool-hover': ['h'],
  'tool-box': ['b'],
  'tool-everything': ['e'],
  'tool-cutouts': ['t'],
  'sign-add': ['+', '='],
  'sign-remove': ['-'],
  undo: ['z', 'Mod+z'],
  redo: ['Shift+z', 'y', 'Mod+Shift+z', 'Mod+y'],
  keep: ['Enter'],
  drop: ['Escape'],
  remove: ['Delete', 'Backspace'],
  'candidate-0': ['1'],
  'candidate-1': ['2'],
  'candidate-2': ['3'],
  cutout: ['c'],
  copy: ['Shift+c'],
  new: ['n'],
  previous: ['a'],
  next: ['d'],
  fit: ['f'],
  outline: ['o'],
  'less-opacity': ['['],
  'more-opacity': [']'],
  gallery: ['g'],
  climb: ['w'],
  descend: ['s'],
  merge: ['m'],
  subtract: ['Shift+m'],
  rename: ['l'],
  export: ['x'],
  help: ['?'],
  place: ['Space', 'Shift+Space'],
  left: ['ArrowLeft', 'Shift+ArrowLeft'],
  right: ['ArrowRight', 'Shift+ArrowRight'],
  up: ['ArrowUp', 'Shift+ArrowUp'],
  down: ['ArrowDown', 'Shift+ArrowDown'],
});

const SHOWN = {
  Space: 'Space', Escape: 'Esc', Delete: 'Delete', Backspace: 'Backspace', Enter: 'Enter',
  ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓', '-': '−',
};
const TYPED_INTO = /^(input|textarea|select)$/i;
// Sliders, checkboxes and the like take arrows and Space, but nobody types into them.
const NOT_TYPED_INTO = /^(range|checkbox|radio|button|submit|reset|color|file|image)$/i;

/**
 * Say what a key press means.
 *
 * @param {{key: string, code?: string, shiftKey?: boolean, ctrlKey?: boolean, metaKey?: boolean,
 *   altKey?: boolean, isComposing?: boolean, target?: unknown}} event
 * @param {KeyMap} [map]
 * @param {{letters?: boolean}} [options]  False: keys of one character without Ctrl or Cmd do nothing.
 * @returns {string | null} Null while typing and for what has no meaning.
 */
export function actionOf(event, map = DEFAULT_KEYS, { letters = true } = {}) {
  if (event.isComposing || isTyping(event.target)) return null;
  const key = keyOf(event);
  if (key === null || (!letters && isLone(key))) return null;
  const found = Object.entries(map).find(([, keys]) => keys.includes(key));
  return found ? found[0] : null;
}

/**
 * Write a key press as maps do.
 *
 * @param {Parameters<typeof actionOf>[0]} event
 * @returns {string | null} Null for modifiers alone and with Alt, which browsers and people need.
 */
export function keyOf(event) {
  if (event.altKey || /^(Shift|Control|Alt|Meta|Dead|Process|Unidentified)$/.test(event.key)) return null;
  const letter = letterOf(event);
  const isSign = letter === null && event.key.length === 1 && event.key !== ' ';
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push('Mod');
  if (event.shiftKey && !isSign) parts.push('Shift');
  parts.push(letter ?? (event.key === ' ' ? 'Space' : event.key));
  return parts.join('+');
}

/** Give the letter of a key; where letters are not Latin, the one printed beside on most keyboards. */
function letterOf(event) {
  if (/^[a-z]$/i.test(event.key)) return event.key.toLowerCase();
  const isOther = event.key.length === 1 && event.key.charCodeAt(0) > 127 && /\p{L}/u.test(event.key);
  const physical = /^Key([A-Z])$/.exec(event.code ?? '');
  return isOther && physical ? physical[1].toLowerCase() : null;
}

function isLone(key) {
  return !key.startsWith('Mod+') && key.replace(/^Shift\+/, '').length === 1;
}

function isTyping(target) {
  if (!target || typeof target !== 'object') return false;
  if (target.isContentEditable) return true;
  return TYPED_INTO.test(target.tagName ?? '') && !NOT_TYPED_INTO.test(target.type ?? '');
}

/**
 * @param {string} key
 * @param {{mac?: boolean}} [options]
 * @returns {string} As people read it: "Shift + Z".
 */
export function labelOf(key, { mac = false } = {}) {
  const modifiers = /^(Mod\+)?(Shift\+)?/.exec(key);
  const rest = key.slice(modifiers[0].length);
  const parts = [];
  if (modifiers[1]) parts.push(mac ? '⌘' : 'Ctrl');
  if (modifiers[2]) parts.push('Shift');
  parts.push(SHOWN[rest] ?? (rest.length === 1 ? rest.toUpperCase() : rest));
  return parts.join(' + ');
}

/**
 * @param {KeyMap} [map]
 * @param {{mac?: boolean}} [options]
 * @returns {Record<string, string>} All keys of each action, for the list of keys.
 */
export function labels(map = DEFAULT_KEYS, options = {}) {
  const written = ([action, keys]) => [action, keys.map((key) => labelOf(key, options)).join(', ')];
  return Object.fromEntries(Object.entries(map).map(written));
}

/**
 * Give an action other keys; they are taken from whatever had them.
 *
 * @param {KeyMap} map
 * @param {string} action
 * @param {string[]} keys
 * @returns {KeyMap}
 */
export function withKeys(map, action, keys) {
  const others = Object.entries(map).map(([name, had]) => [name, had.filter((key) => !keys.includes(key))]);
  return Object.freeze({ ...Object.fromEntries(others), [action]: [...keys] });
}

/**
 * @param {KeyMap} map
 * @returns {{key: string, actions: string[]}[]} Keys that more than one action claims.
 */
export function clashes(map) {
  const users = new Map();
  for (const [action, keys] of Object.entries(map)) {
    for (const key of keys) users.set(key, [...(users.get(key) ?? []), action]);
  }
  return [...users].filter(([, actions]) => actions.length > 1).map(([key, actions]) => ({ key, actions }));
}
