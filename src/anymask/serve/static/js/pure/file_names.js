/**
 * Names of files that are saved.
 *
 * Exports: baseOf(name) → without folder and ending · safeName(text, fallback) → usable on every system
 * pieceName(picture, number, name) → "picture_003_cat.png"
 */

const MOST_CHARACTERS = 80;
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)$/i;

/**
 * @param {string} name  Of a file, with or without folders.
 * @returns {string}
 */
export function baseOf(name) {
  return (name.split(/[/\\]/).pop() ?? '').replace(/(.)\.[A-Za-z0-9]{1,5}$/u, '$1');
}

/**
 * Make a text usable as a file's name; letters of all scripts stay.
 *
 * @param {string} text
 * @param {string} [fallback]  Where nothing is left.
 * @returns {string}
 */
export function safeName(text, fallback = 'picture') {
  const kept = text.normalize('NFC').replace(/[^\p{L}\p{M}\p{N}._-]+/gu, '_');
  const trimmed = [...kept].slice(0, MOST_CHARACTERS).join('').replace(/^[._]+|[._]+$/g, '');
  return trimmed === '' || RESERVED.test(trimmed) ? fallback : trimmed;
}

/**
 * @param {string} picture  The picture's file name.
 * @param {number} number  Of the piece, from 1.
 * @param {string} [name]  Of the object.
 * @returns {string}
 */
export function pieceName(picture, number, name = '') {
  const parts = [safeName(baseOf(picture)), String(number).padStart(3, '0')];
  const called = safeName(name, '');
  return [...parts, ...(called ? [called] : [])].join('_') + '.png';
}
