/**
 * Names of files that are saved: the same as the server gives, so that a piece is called alike alone and in a zip.
 *
 * Exports: baseOf(name) → without folder and ending · safeName(text, fallback) → usable on every system
 * pieceName(picture, number, name) → "picture_003_cat.png"
 */

const MOST_BYTES = 120;
const MOST_ENDING = 10;
const MOST_LABEL = 60;
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i;
/** Control and formatting letters, halves of letters, unknown ones, separators of lines. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]/gu;

const lengthOf = (text) => new TextEncoder().encode(text).length;

/**
 * @param {string} name  Of a file, with or without folders.
 * @returns {string}
 */
export function baseOf(name) {
  return (name.split(/[/\\]/).pop() ?? '').replace(/(.)\.[A-Za-z0-9]{1,5}$/u, '$1');
}

/**
 * Make a text usable as a file's name; letters of all scripts stay, and folders go.
 *
 * @param {string} text
 * @param {string} [fallback]  Where nothing is left.
 * @returns {string}
 */
export function safeName(text, fallback = 'picture') {
  const last = text.split(/[/\\]/).pop() ?? '';
  const shown = last.normalize('NFC').replace(/\s/gu, ' ').replace(INVISIBLE, '');
  const plain = shown.replace(/[<>:"/\\|?*]/g, '_').replace(/^[ .]+|[ .]+$/g, '').replace(/^[-~]+/, '');
  return shortened(RESERVED.test(plain) ? `_${plain}` : plain) || fallback;
}

/** Cut a name to what files may have, letter by letter; its ending is kept. */
function shortened(name) {
  if (lengthOf(name) <= MOST_BYTES) return name;
  const ending = endingOf(name);
  const kept = lengthOf(ending) <= MOST_ENDING ? ending : '';
  const letters = [...name.slice(0, name.length - kept.length)];
  while (lengthOf(letters.join('')) + lengthOf(kept) > MOST_BYTES) letters.pop();
  return letters.join('').replace(/[ .]+$/, '') + kept;
}

/** From the last dot, unless the name begins or ends with it. */
function endingOf(name) {
  const dot = name.lastIndexOf('.');
  return dot > 0 && dot < name.length - 1 ? name.slice(dot) : '';
}

/**
 * @param {string} picture  The picture's file name.
 * @param {number} number  Of the piece, from 1.
 * @param {string} [name]  Of the object.
 * @returns {string}
 */
export function pieceName(picture, number, name = '') {
  const label = [...safeName(name.replace(/[/\\]/g, '_'), 'object')].slice(0, MOST_LABEL).join('').replace(/[ .]+$/, '');
  const whole = safeName(picture);
  return `${whole.slice(0, whole.length - endingOf(whole).length)}_${String(number).padStart(3, '0')}_${label}.png`;
}
