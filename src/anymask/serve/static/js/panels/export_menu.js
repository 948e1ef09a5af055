/** The export dialog, and the one that shows code where the browser refuses the clipboard. */
import { button, h, replace } from '../dom.js';
import { picture } from '../state.js';
import { words } from '../words.js';
import { mountModal } from './modal.js';
import { codeTarget, exportable, FORMATS } from '../actions/exporting.js';

const text = words.exporting;
const MEMORY = 'anymask-export';

/** A choice of one; real radio buttons, so that arrows and names work by themselves. */
function radios(label, name, entries, chosen, choose) {
  return h('fieldset', { style: { border: '0', padding: '0', margin: '0', minWidth: '0' } },
    h('legend', { class: 'heading', style: { padding: '0 0 0.25rem' } }, label),
    h('div', { style: { display: 'grid', gridTemplateColumns: 'repeat(auto-fill, minmax(min(100%, 18rem), 1fr))', gap: '0.25rem 0.5rem' } }, entries.map(({ value, title, hint }) => h('label', { class: 'item', style: { cursor: 'pointer' } },
      h('input', { type: 'radio', name, value, checked: value === chosen, dataset: name === 'export-format' && value === chosen ? { first: '' } : {}, testid: `${name}-${value}`, style: { width: '1.1rem', height: '1.1rem', flex: 'none' }, onchange: () => choose(value) }),
      h('span', null, title, hint ? h('span', { class: 'hint', style: { display: 'block' } }, hint) : null)))));
}

function remembered() {
  try {
    const format = localStorage.getItem(MEMORY);
    return FORMATS.includes(format) ? format : FORMATS[0];
  } catch {
    return FORMATS[0];
  }
}

function remember(format) {
  try {
    localStorage.setItem(MEMORY, format);
  } catch {
    // Where the browser keeps nothing, the choice is kept for as long as the page is open.
  }
}

function whatEntries(state) {
  const titles = { kept: text.kept, current: () => text.current, shown: text.shown };
  return exportable(state).map(({ what, count }) => ({ value: what, title: titles[what](count) }));
}

function codeRow(store, actions) {
  const target = codeTarget(store.get());
  const make = (label, testid, run) => button({ icon: 'code', label }, { testid, disabled: !target, onclick: run });
  return h('div', { class: 'stack' },
    h('p', { class: 'hint' }, target ? `${text.codeOf(target.name)} ${text.copyHint}` : text.noCode),
    h('div', { class: 'row' }, make(text.copyPython, 'copy-python', () => actions.copyPython()), make(text.copyCommand, 'copy-command', () => actions.copyCommand())));
}

function mountChoosing(element, store, actions) {
  const choice = { format: remembered(), what: null };
  const note = h('p', { class: 'hint', role: 'status', style: { flex: '1 1 10rem', alignSelf: 'center' } });
  const download = button({ icon: 'download', label: text.download, class: 'button primary' }, { testid: 'export-download', onclick: () => {
    remember(choice.format);
    actions.exportAs(choice.format, choice.what ?? undefined);
  } });

  const settle = () => {
    const state = store.get();
    const isPieces = choice.format === 'zip';
    const hasSome = isPieces ? (picture(state)?.history.now.pieces.length ?? 0) > 0 : choice.what !== null;
    const isBusy = Boolean(state.exporting);
    download.disabled = isBusy || !hasSome;
    note.textContent = isBusy ? text.working : hasSome ? state.exportNote ?? '' : isPieces ? text.noPieces : text.nothing;
  };

  const body = () => {
    const what = whatEntries(store.get());
    choice.what = what[0]?.value ?? null;
    store.set({ exportNote: null });
    const formats = FORMATS.map((value) => ({ value, title: text.formats[value][0], hint: text.formats[value][1] }));
    settle();
    return [
      what.length ? radios(text.whatLabel, 'export-what', what, choice.what, (value) => { choice.what = value; }) : null,
      radios(text.formatLabel, 'export-format', formats, choice.format, (value) => { choice.format = value; settle(); }),
      codeRow(store, actions),
    ];
  };
  mountModal(element, store, actions, { name: 'export', title: text.title, testid: 'export-menu', body, foot: () => [note, download] });
  store.watch((state) => Boolean(state.exporting), settle);
  store.watch((state) => state.exportNote, settle);
}

/** What stands in the dialog with code: marked already, so that one key copies it. */
function codeBody({ title, text: code, files }) {
  const area = h('textarea', {
    class: 'input', readonly: true, rows: 14, spellcheck: 'false', testid: 'code-text', dataset: { first: '' }, 'aria-label': title,
    style: { fontFamily: 'var(--font-figures)', fontSize: 'var(--small)', width: '100%' }, onfocus: () => area.select(),
  }, code);
  return [h('p', { class: 'hint' }, text.pressCopy), area, files ? h('p', null, files) : null];
}

/**
 * @param {HTMLElement} element
 * @param {object} store
 * @param {object} actions
 */
export function mountExportMenu(element, store, actions) {
  mountChoosing(element, store, actions);
  mountModal(element, store, actions, {
    name: 'code', title: text.codeTitle, testid: 'code-dialog', body: () => codeBody(store.get().codeShown),
  });
}
