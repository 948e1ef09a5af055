/** The tool card: upload and gallery, then four tool blocks of which one is open. */
import { button, fileButton, h, icon } from '../dom.js';
import { picture, work } from '../state.js';
import { words } from '../words.js';
import { mountBoxBlock } from './box_block.js';
import { mountHoverBlock } from './hover_block.js';
import { historyRow, promptControls, signToggles, slot } from './prompt_controls.js';

const TOOLS = ['hover', 'box', 'everything', 'cutouts'];

function openRow(actions) {
  const text = words.card;
  const { opener, input } = fileButton({ icon: 'upload', label: text.upload }, { testid: 'upload' },
    { accept: 'image/*', multiple: true, take: (files) => actions.openFiles(files) });
  const gallery = button({ icon: 'gallery', label: text.gallery },
    { testid: 'gallery', 'aria-haspopup': 'dialog', onclick: () => actions.openDialog('gallery') });
  return h('div', { class: 'card-open' }, opener, gallery, input);
}

function toolBlock(tool, actions) {
  const body = h('div', { class: 'tool-body', id: `tool-body-${tool}`, role: 'group', 'aria-labelledby': `tool-name-${tool}` });
  const name = h('button', {
    type: 'button', class: 'tool-name', id: `tool-name-${tool}`, testid: `tool-${tool}`, 'aria-controls': body.id, 'aria-expanded': 'false',
    onclick: () => actions.chooseTool(tool),
  }, icon(tool), h('span', null, words.card.toolNames[tool]));
  return { tool, name, body, section: h('div', { class: 'tool' }, name, body) };
}

function badgeOn(block, store) {
  const badge = h('span', { class: 'badge', testid: 'badge', hidden: true });
  block.name.append(badge);
  store.watch((state) => work(state)?.pieces.length ?? 0, (count) => {
    badge.hidden = count === 0;
    badge.textContent = String(count);
    badge.setAttribute('aria-label', words.card.pieces(count));
  });
}

/** Another panel's block; the page works without it. */
async function mountOther(file, name, element, store, actions) {
  try {
    (await import(`./${file}.js`))[name](element, store, actions);
  } catch (error) {
    console.warn(`panel ${file}: ${error.message}`);
  }
}

/**
 * @param {HTMLElement} element
 * @param {object} store
 * @param {object} actions
 */
export function mountCard(element, store, actions) {
  const blocks = TOOLS.map((tool) => toolBlock(tool, actions));
  const places = Object.fromEntries(blocks.map((block) => [block.tool, h('div', { class: 'tool-own' })]));
  for (const block of blocks) block.body.append(places[block.tool]);
  const shared = { signs: signToggles(store, actions), history: historyRow(store, actions), controls: promptControls(store, actions) };
  mountHoverBlock(places.hover, store, actions);
  mountBoxBlock(places.box, store, actions);
  for (const block of blocks.slice(2)) block.body.append(slot('history'));
  mountOther('everything_block', 'mountEverythingBlock', places.everything, store, actions);
  mountOther('cutouts_block', 'mountCutoutsBlock', places.cutouts, store, actions);
  badgeOn(blocks[3], store);
  element.append(h('div', { class: 'card-sheet' },
    h('h2', { class: 'card-title' }, words.card.tools), openRow(actions),
    h('div', { class: 'tools' }, blocks.map((block) => block.section))));

  store.watch((state) => state.tool, (tool) => {
    for (const block of blocks) {
      const isOpen = block.tool === tool;
      block.section.classList.toggle('open', isOpen);
      block.name.setAttribute('aria-expanded', String(isOpen));
      block.body.hidden = !isOpen;
      if (!isOpen) continue;
      // Buttons that several tools have exist once: they move into the block that is open.
      for (const place of block.body.querySelectorAll('[data-slot]')) place.append(shared[place.dataset.slot]);
    }
  });
  store.watch((state) => picture(state) === null, (isEmpty) => element.classList.toggle('bare', isEmpty));
}
