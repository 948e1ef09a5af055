/** Handing things to the person: files to the downloads folder, texts and pictures to the clipboard. */

/**
 * @param {Blob} blob
 * @param {string} name of the file
 */
export function saveBlob(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads the address after this turn; a minute is ample and the memory comes back.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/**
 * @param {Headers} headers
 * @param {string} otherwise
 * @returns {string} the file name the server gave
 */
export function fileNameOf(headers, otherwise) {
  const told = headers.get('Content-Disposition') ?? '';
  const coded = /filename\*=UTF-8''([^;]+)/i.exec(told);
  const plain = /filename="([^"]*)"/i.exec(told);
  try {
    return coded ? decodeURIComponent(coded[1]) : plain?.[1] || otherwise;
  } catch {
    return otherwise;
  }
}

/**
 * @param {Headers} headers
 * @returns {string[]} what the server says of a file it wrote: what was lost, what belongs beside it
 */
export function notesOf(headers) {
  try {
    return JSON.parse(decodeURIComponent(headers.get('X-Anymask-Notes') ?? '%5B%5D'));
  } catch {
    return [];
  }
}

/**
 * @param {string} text
 * @returns {Promise<boolean>} false where the browser refuses the clipboard
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {Promise<Blob>} png asked for already: some browsers only take it while the click is fresh
 * @returns {Promise<boolean>} false where the browser refuses the clipboard
 */
export async function copyPng(png) {
  if (!navigator.clipboard?.write || !globalThis.ClipboardItem) return false;
  let trouble = null;
  const watched = png.catch((error) => { trouble = error; throw error; });
  try {
    await navigator.clipboard.write([new ClipboardItem({ 'image/png': watched })]);
    return true;
  } catch {
    await watched.catch(() => {});
    if (trouble) throw trouble;
    return false;
  }
}
