/** The tray at the right: the objects kept in this picture, their names, and what can be done with each. */
import { button, h } from '../dom.js';
import { picture, work } from '../state.js';
import { words } from '../words.js';
import { colourOf } from '../pure/colours.js';
import { actionOf } from '../pure/keymap.js';

const text = words.objects;

/** The name of an object, which becomes a field while it is changed. */
function nameField(object, store, actions) {
  const input = h('input', { class: 'input item-name', value: object.name, 'aria-label': text.rename(object.name), testid: 'rename', maxlength: 200 });
  let isOver = false;
  const end = (isKept) => {
    if (isOver) return;
    isOver = true;
    const hadFocus = document.activeElement === input;
    store.set({ renaming: null, renamed: hadFocus ? object.id : null });
    if (isKept) actions.renameObject(object.id, input.value);
  };
  input.addEventListener('keydown', (event) => {
    event.stopPropagation();
    if (event.isComposing) return;
    if (event.key === 'Enter') end(true);
    if (event.key === 'Escape') end(false);
  });
  input.addEventListener('blur', () => end(true));
  return input;
}

function nameButton(object, store, actions) {
  const percent = text.percent(object.area / (object.rle.size[0] * object.rle.size[1]));
  const isSelected = store.get().selected.includes(object.id);
  const name = h('button', {
    type: 'button', class: 'button quiet item-name', testid: 'object-name', 'aria-pressed': String(isSelected), title: object.name,
    'aria-label': `${text.select(object.name)}, ${percent}`,
    style: { textAlign: 'start', display: 'block', padding: '0.25rem 0' },
    onclick: (event) => actions.selectObject(object.id, { add: event.shiftKey || event.ctrlKey || event.metaKey }),
    ondblclick: () => actions.startRename(object.id),
  },
  h('span', { style: { display: 'block', overflow: 'hidden', textOverflow: 'ellipsis' } }, object.name),
  h('span', { class: 'hint figures', style: { display: 'block' } }, object.score === null ? percent : text.figures(percent, object.score.toFixed(2))));
  return name;
}

function rowOf(object, store, actions) {
  const isSelected = store.get().selected.includes(object.id);
  const [red, green, blue] = colourOf(object.colour);
  const small = (drawing, label, testid, run) => button({ icon: drawing, label, class: 'button quiet', iconOnly: true }, { testid, onclick: run });
  const eye = small(object.visible ? 'eye' : 'eye-off', object.visible ? text.hide(object.name) : text.show(object.name), 'object-eye', () => actions.toggleVisible(object.id));
  const isRenamed = store.get().renaming === object.id;
  const remove = small('trash', text.remove(object.name), 'object-delete', () => actions.deleteObject(object.id));
  const named = (drawing, word, label, testid, run) => button({ icon: drawing, label: word, class: 'button' }, { testid, 'aria-label': label, onclick: run });
  const tools = isSelected && !isRenamed ? h('div', { class: 'row even', style: { flex: '1 0 100%', padding: '0 0.25rem 0.25rem 0' } },
    named('pencil', text.renameShort, text.rename(object.name), 'object-rename', () => actions.startRename(object.id)),
    named('plus', text.refineShort, text.refine(object.name), 'object-refine', () => actions.editObject(object.id))) : null;
  return h('li', { class: isSelected ? 'item selected' : 'item', testid: `object-${object.id}`, dataset: { object: object.id }, style: { flexWrap: 'wrap' } },
    h('span', { class: 'swatch', style: { backgroundColor: `rgb(${red}, ${green}, ${blue})` } }),
    isRenamed ? nameField(object, store, actions) : nameButton(object, store, actions), eye, remove, tools);
}

/** Which control had the focus, so that a new list gives it back. */
function focusIn(list) {
  const held = document.activeElement;
  if (!list.contains(held)) return null;
  const rows = [...list.children];
  const row = held.closest('[data-object]');
  return { id: row?.dataset.object, place: rows.indexOf(row), control: held.dataset.testid };
}

function giveFocusBack(list, focus) {
  if (!focus) return;
  const row = [...list.children].find((one) => one.dataset.object === focus.id) ?? list.children[Math.min(focus.place, list.children.length - 1)];
  const control = row?.querySelector(`[data-testid="${focus.control}"]`) ?? row?.querySelector('button');
  control?.focus();
}

/** Keys on a row are about that row, whatever is selected. */
function onKeys(list, store, runs) {
  list.addEventListener('keydown', (event) => {
    const { map, letters } = store.get().keys;
    const run = runs[actionOf(event, map ?? undefined, { letters })];
    const id = event.target.closest('[data-object]')?.dataset.object;
    if (!run || !id) return;
    event.preventDefault();
    event.stopPropagation();
    run(id);
  });
}

/** Rows that stay as they are when others change: a list of hundreds is not made anew for one click. */
function makeRows(store, actions) {
  let made = new Map();
  return (objects) => {
    const { selected, renaming } = store.get();
    const chosen = new Set(selected);
    const next = new Map(objects.map((object) => {
      const facts = [object, chosen.has(object.id), renaming === object.id];
      const known = made.get(object.id);
      const isSame = known?.facts.every((fact, place) => fact === facts[place]);
      return [object.id, isSame ? known : { facts, element: rowOf(object, store, actions) }];
    }));
    made = next;
    return [...next.values()].map((row) => row.element);
  };
}

/** Put elements into a list in their order; those that are there already are not moved, so that they keep the focus. */
function settleInto(list, elements) {
  const wanted = new Set(elements);
  for (const element of [...list.children]) if (!wanted.has(element)) element.remove();
  elements.forEach((element, place) => {
    if (list.children[place] !== element) list.insertBefore(element, list.children[place] ?? null);
  });
}

function mountList(store, actions) {
  const list = h('ul', { class: 'list', testid: 'objects', 'aria-label': text.title });
  const shown = (state) => [work(state)?.objects, state.selected, state.renaming];
  const rowsOf = makeRows(store, actions);
  let before = [];
  const update = () => {
    const now = shown(store.get());
    if (now.every((value, place) => value === before[place])) return;
    const focus = focusIn(list);
    before = now;
    settleInto(list, rowsOf(now[0] ?? []));
    const field = list.querySelector('[data-testid="rename"]');
    if (field) {
      field.focus();
      field.select();
    } else if (!list.contains(document.activeElement)) giveFocusBack(list, focus ?? renamedFocus(store));
    else renamedFocus(store);
  };
  onKeys(list, store, { remove: actions.deleteObject, rename: actions.startRename });
  store.watch((state) => work(state)?.objects, update);
  store.watch((state) => state.selected, update);
  store.watch((state) => state.renaming, update);
  return list;
}

/** After a rename the keyboard goes on from the name. */
function renamedFocus(store) {
  const { renamed } = store.get();
  if (renamed) store.set({ renamed: null });
  return renamed ? { id: renamed, place: 0, control: 'object-name' } : null;
}

function joining(store, actions) {
  const make = (drawing, label, testid, run, title) => button({ icon: drawing, label, class: 'button' }, { testid, title, onclick: run });
  const made = [
    make('merge', text.merge, 'objects-merge', () => actions.mergeSelected()),
    make('subtract', text.subtract, 'objects-subtract', () => actions.subtractSelected(), text.subtractTitle),
  ];
  const row = h('div', { class: 'row even' }, made);
  store.watch((state) => state.selected.length >= 2, (can) => { row.hidden = !can; });
  return row;
}

/**
 * @param {HTMLElement} element
 * @param {object} store
 * @param {object} actions
 */
export function mountObjectsTray(element, store, actions) {
  const fold = button({ icon: 'tray', label: text.fold, class: 'button quiet', iconOnly: true },
    { testid: 'tray-fold', onclick: () => store.set((state) => ({ trayOpen: !state.trayOpen })) });
  const title = h('h2', { class: 'heading', style: { flex: '1 1 auto' } });
  const head = h('div', { class: 'row tight' }, title, fold);
  const none = h('p', { class: 'empty-note' }, text.none);
  const exporting = button({ icon: 'export', label: words.exporting.button, class: 'button primary wide' },
    { testid: 'export', 'aria-haspopup': 'dialog', onclick: () => actions.openDialog('export') });
  // At hand also under a list of hundreds.
  const foot = h('div', { class: 'stack', style: { position: 'sticky', bottom: '0', padding: '0.5rem 0', background: 'var(--surface)' } },
    joining(store, actions), exporting);
  const body = h('div', { class: 'stack' }, none, mountList(store, actions), foot);
  const panel = h('div', { class: 'stack', style: { padding: '0.75rem', width: 'var(--tray-width)', maxWidth: '100%' } }, head, body);
  element.append(panel);
  store.watch((state) => work(state)?.objects.length ?? 0, (count) => {
    none.hidden = count > 0;
    title.textContent = count ? text.count(count) : text.title;
  });
  store.watch((state) => picture(state) === null, (isEmpty) => { element.hidden = isEmpty; });
  store.watch((state) => state.trayOpen, (isOpen) => {
    body.hidden = !isOpen;
    title.hidden = !isOpen;
    panel.style.width = isOpen ? 'var(--tray-width)' : 'auto';
    fold.setAttribute('aria-expanded', String(isOpen));
    fold.setAttribute('aria-label', isOpen ? text.fold : text.unfold);
    fold.title = isOpen ? text.fold : text.unfold;
  });
}
