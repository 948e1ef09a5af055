import assert from 'node:assert/strict';
import test from 'node:test';

import { pure } from './pure.mjs';

const { DEFAULT_KEYS, actionOf, clashes, keyOf, labelOf, labels, withKeys } = await pure('keymap.js');
const press = (key, more = {}) => ({ key, code: '', ...more });

test('the keys of the list do what it says', () => {
  const expected = {
    h: 'tool-hover', b: 'tool-box', e: 'tool-everything', t: 'tool-cutouts', '-': 'sign-remove', z: 'undo', y: 'redo',
    Enter: 'keep', Escape: 'drop', Delete: 'remove', 1: 'candidate-0', 3: 'candidate-2', c: 'cutout', n: 'new', a: 'previous',
    d: 'next', f: 'fit', o: 'outline', '[': 'less-opacity', ']': 'more-opacity', g: 'gallery', s: 'descend', w: 'climb',
    m: 'merge', l: 'rename', x: 'export', ' ': 'place', ArrowUp: 'up', q: null, F5: null,
  };
  for (const [key, action] of Object.entries(expected)) assert.equal(actionOf(press(key)), action, key);
});

test('no key has two meanings', () => assert.deepEqual(clashes(DEFAULT_KEYS), []));

test('modifiers make other keys, and Cmd is as Ctrl', () => {
  assert.equal(actionOf(press('Z', { shiftKey: true })), 'redo');
  assert.equal(actionOf(press('z', { ctrlKey: true })), 'undo');
  assert.equal(actionOf(press('z', { metaKey: true, shiftKey: true })), 'redo');
  assert.equal(actionOf(press('C', { shiftKey: true })), 'copy');
  assert.equal(actionOf(press('M', { shiftKey: true })), 'subtract');
  assert.equal(actionOf(press('c', { ctrlKey: true })), null);
  assert.equal(actionOf(press('z', { altKey: true })), null);
  assert.equal(actionOf(press('ArrowLeft', { shiftKey: true })), 'left');
});

test('signs are what they show, whatever Shift they need', () => {
  assert.equal(actionOf(press('+', { shiftKey: true })), 'sign-add');
  assert.equal(actionOf(press('+')), 'sign-add');
  assert.equal(actionOf(press('?', { shiftKey: true })), 'help');
});

test('capital letters without Shift are the letters', () => assert.equal(actionOf(press('H')), 'tool-hover'));

test('letters work on a Korean and a Russian keyboard', () => {
  assert.equal(actionOf(press('ㅗ', { code: 'KeyH' })), 'tool-hover');
  assert.equal(actionOf(press('Я', { code: 'KeyZ', shiftKey: true })), 'redo');
});

test('nothing happens while somebody types', () => {
  for (const target of [{ tagName: 'INPUT', type: 'text' }, { tagName: 'TEXTAREA' }, { tagName: 'DIV', isContentEditable: true }]) {
    assert.equal(actionOf(press('h', { target })), null);
  }
  assert.equal(actionOf(press('h', { isComposing: true })), null);
  assert.equal(actionOf(press('h', { target: { tagName: 'INPUT', type: 'range' } })), 'tool-hover');
});

test('keys of one letter can be switched off, the others stay', () => {
  const off = { letters: false };
  assert.equal(actionOf(press('h'), DEFAULT_KEYS, off), null);
  assert.equal(actionOf(press('Z', { shiftKey: true }), DEFAULT_KEYS, off), null);
  assert.equal(actionOf(press('?'), DEFAULT_KEYS, off), null);
  assert.equal(actionOf(press('z', { ctrlKey: true }), DEFAULT_KEYS, off), 'undo');
  assert.equal(actionOf(press('Enter'), DEFAULT_KEYS, off), 'keep');
});

test('a key given to another action is taken from the first', () => {
  const map = withKeys(DEFAULT_KEYS, 'cutout', ['h']);
  assert.equal(actionOf(press('h'), map), 'cutout');
  assert.equal(actionOf(press('c'), map), null);
  assert.deepEqual(map['tool-hover'], []);
  assert.deepEqual(clashes(map), []);
});

test('modifiers alone are no key', () => assert.equal(keyOf(press('Shift', { shiftKey: true })), null));

test('keys are written as people read them', () => {
  assert.equal(labelOf('Mod+Shift+z'), 'Ctrl + Shift + Z');
  assert.equal(labelOf('Mod+z', { mac: true }), '⌘ + Z');
  assert.equal(labels().drop, 'Esc');
  assert.equal(labels()['sign-remove'], '−');
});
