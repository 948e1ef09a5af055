/** A small builder of elements: text goes in as text, never as markup. */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Gives a new element.
 *
 * Props: `class`, `testid` (data-testid), `dataset` and `style` (objects), `on…` (listeners), booleans for attributes
 * without a value, `aria-…` as given (also false), anything else as an attribute. Undefined and null are left out.
 *
 * @param {string} tag
 * @param {Object<string, any>|null} [props]
 * @param {...(Node|string|number|null|undefined|false|Array<Node|string>)} children
 * @returns {HTMLElement}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) setProp(element, name, value);
  append(element, children);
  return element;
}

/** @param {HTMLElement} element @param {string} name @param {any} value */
export function setProp(element, name, value) {
  if (value === undefined || value === null) return;
  if (name === 'testid') element.dataset.testid = value;
  else if (name === 'dataset') Object.assign(element.dataset, value);
  else if (name === 'style') Object.assign(element.style, value);
  else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
  else if (typeof value === 'boolean' && !name.startsWith('aria-')) element.toggleAttribute(name, value);
  else element.setAttribute(name, String(value));
}

/** Adds children; what is null, undefined or false is left out. */
export function append(element, children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** Puts new children in the place of all old ones. */
export function replace(element, ...children) {
  element.textContent = '';
  append(element, children);
}

/**
 * Gives a drawing of icons.svg, hidden from screen readers (the button around it has the name).
 *
 * @param {string} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `/static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/**
 * Gives a button with an icon and a label.
 *
 * @param {{icon?: string, label: string, class?: string, iconOnly?: boolean}} parts the label is the name in every case
 * @param {Object<string, any>} [props]
 */
export function button(parts, props) {
  const kind = parts.class ?? 'button';
  const all = { type: 'button', class: kind + (parts.iconOnly ? ' icon-only' : ''), ...props };
  if (parts.iconOnly) Object.assign(all, { 'aria-label': parts.label, title: parts.label });
  return h('button', all, parts.icon ? icon(parts.icon) : null, parts.iconOnly ? null : h('span', null, parts.label));
}

/**
 * Gives a named slider: {element, set(value)}.
 *
 * @param {{label: string, min: number, max: number, step: number, testid?: string, show?: (v: number) => string, change: (v: number) => void}} options
 */
export function slider({ label, min, max, step, testid, show = String, change }) {
  const output = h('output', { class: 'slider-value' });
  const input = h('input', { type: 'range', min, max, step, testid });
  const tell = (value) => {
    output.textContent = show(value);
    input.setAttribute('aria-valuetext', output.textContent);
    input.style.setProperty('--fill', `${(100 * (Number(input.value) - min)) / (max - min)}%`);
  };
  const set = (value) => {
    if (Number(input.value) !== value) input.value = String(value);
    tell(value);
  };
  input.addEventListener('input', () => {
    tell(Number(input.value));
    change(Number(input.value));
  });
  const element = h('label', { class: 'slider' }, h('span', { class: 'slider-name' }, label), output, input);
  return { element, input, set };
}

/** Gives a button that opens the file chooser; files go to `take`. */
export function fileButton(parts, props, { accept, multiple, take }) {
  const input = h('input', { type: 'file', accept, multiple, hidden: true, tabindex: '-1', 'aria-hidden': 'true' });
  input.addEventListener('change', () => {
    if (input.files.length > 0) take([...input.files]);
    // Emptied, so that the same file can be chosen again.
    input.value = '';
  });
  const opener = button(parts, { ...props, onclick: () => input.click() });
  return { opener, input };
}
