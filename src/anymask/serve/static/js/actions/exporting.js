/** Export: files of all formats, and the code that gives the same masks. */
import { words } from '../words.js';
import { say, unsay } from '../alerts.js';
import { patchPicture, picture } from '../state.js';
import { baseOf, safeName } from '../pure/file_names.js';
import { fieldsOfCandidate } from './everything_selecting.js';
import { asSent, currentAsKept } from './kept.js';
import { copyText, fileNameOf, notesOf, saveBlob } from './saving.js';

/** Formats in the order of the menu; `zip` is the cut-outs. */
export const FORMATS = ['coco', 'labelmap', 'png', 'overlay', 'sa1b', 'labelme', 'yolo', 'html', 'receipt', 'zip'];
/** For names the server does not give. */
const ENDINGS = { labelmap: 'png', png: 'zip', overlay: 'png', yolo: 'txt', html: 'html' };

/**
 * @param {object} state
 * @returns {{what: 'kept'|'current'|'shown', count: number}[]} what can be exported now, the likeliest first
 */
export function exportable(state) {
  const entry = picture(state);
  if (!entry) return [];
  const { objects } = entry.history.now;
  const num = entry.everything.shown.length;
  const made = state.tool !== 'everything' && currentAsKept(state);
  return [
    ...(objects.length ? [{ what: 'kept', count: objects.length }] : []),
    ...(made && !made.id ? [{ what: 'current', count: 1 }] : []),
    ...(num ? [{ what: 'shown', count: num + objects.length }] : []),
  ];
}

function objectsOf(state, what, format) {
  const entry = picture(state);
  if (what === 'current') return [currentAsKept(state)];
  // Hidden objects are work as well; only a drawing leaves them out.
  const made = currentAsKept(state);
  const kept = entry.history.now.objects
    .filter((one) => one.visible || format !== 'overlay')
    .map((one) => (one.id === made?.id ? { ...one, ...made } : one));
  if (what === 'kept') return kept;
  const { shown, colours } = entry.everything;
  const found = shown.map((number) => ({ ...fieldsOfCandidate(entry, number), colour: colours?.get(number) }));
  return [...kept, ...found];
}

/**
 * Download what code reads besides the picture.
 * @param {{name: string, png: string|null}[]} files
 * @returns {string} a sentence about it, empty where there is none
 */
function saveFiles(files) {
  for (const { name, png } of files) {
    if (png) saveBlob(new Blob([Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0))], { type: 'image/png' }), name);
  }
  return files.length ? words.exporting.files(files.map((file) => file.name).join(', ')) : '';
}

/**
 * The mask whose code is copied: what is selected, else what is being made, else the last one kept.
 * @param {object} state
 * @returns {object|null}
 */
export function codeTarget(state) {
  const entry = picture(state);
  if (!entry) return null;
  const { selected } = entry.everything;
  if (state.tool === 'everything' && selected.length) return fieldsOfCandidate(entry, selected.at(-1));
  const { objects } = entry.history.now;
  const chosen = objects.find((one) => one.id === state.selected.at(-1));
  return chosen ?? currentAsKept(state) ?? objects.at(-1) ?? null;
}

/**
 * @param {object} store
 * @param {object} server
 * @param {object} painter
 * @param {object} actions all of them, by name
 */
export function makeExportingActions(store, server, painter, actions) {
  async function exportAs(format, what = exportable(store.get())[0]?.what) {
    const state = store.get();
    unsay(store, 'note');
    if (format === 'zip') return exportPieces();
    const entry = picture(state);
    if (!entry || !what) return say(store, 'note', words.exporting.nothing);
    const objects = objectsOf(state, what, format).map(asSent);
    store.set({ exporting: format });
    try {
      const { blob, headers } = await server.forPicture(entry, 'export', { format, objects }, { as: 'bytes' });
      const otherwise = `${safeName(baseOf(entry.name))}.${ENDINGS[format] ?? 'json'}`;
      const name = fileNameOf(headers, otherwise);
      saveBlob(blob, name);
      // What is in a file is not lost with the page; a drawing holds no masks.
      const { objects: inFile } = entry.history.now;
      if (what !== 'current' && format !== 'overlay') patchPicture(store, entry.key, { exported: inFile });
      return finished(name, notesOf(headers));
    } finally {
      store.set({ exporting: null });
    }
  }

  function finished(name, notes) {
    const written = words.exporting.written(name);
    store.set({ announce: written });
    if (store.get().dialog === 'export') actions.closeDialog();
    if (notes.length) say(store, 'note', [written, ...notes].join(' '));
  }

  async function exportPieces() {
    const pieces = picture(store.get())?.history.now.pieces ?? [];
    if (!pieces.length) return say(store, 'note', words.exporting.noPieces);
    await actions.downloadZip();
    return store.get().dialog === 'export' && actions.closeDialog();
  }

  async function copyCode(kind) {
    const state = store.get();
    const target = codeTarget(state);
    if (!target) return say(store, 'note', words.exporting.noCode);
    const made = target.source ?? { kind: 'edited' };
    // The code of what was made by hand reads it from a file, which comes with it.
    const source = made.kind === 'edited' ? { kind: 'edited', rle: target.rle } : made;
    const answer = await server.forPicture(picture(state), 'code', { source });
    const files = saveFiles(answer.files ?? []);
    const isPython = kind === 'python';
    if (await copyText(answer[kind])) {
      const copied = isPython ? words.exporting.pythonCopied : words.exporting.commandCopied;
      const told = `${copied} ${files}`.trim();
      // Said where the person looks: in the dialog, or, without it, in the strip.
      if (store.get().dialog === 'export') return store.set({ exportNote: told, announce: told });
      return say(store, 'note', told);
    }
    const title = isPython ? words.exporting.showPython : words.exporting.showCommand;
    store.set({ codeShown: { title, text: answer[kind], files } });
    return actions.openDialog('code');
  }

  return {
    exportAs,
    copyPython: () => copyCode('python'),
    copyCommand: () => copyCode('command'),
  };
}
