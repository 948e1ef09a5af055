import assert from 'node:assert/strict';
import test from 'node:test';

import { pure } from './pure.mjs';

const { baseOf, pieceName, safeName } = await pure('file_names.js');

test('folders and endings go', () => {
  assert.equal(baseOf('C:\\photos\\cat.one.JPG'), 'cat.one');
  assert.equal(baseOf('/tmp/cat'), 'cat');
  assert.equal(baseOf('.hidden'), '.hidden');
});

test('nothing that a system takes for more than a name is left', () => {
  assert.equal(safeName('<img src=x onerror=alert(1)>'), '_img src=x onerror=alert(1)_');
  assert.equal(safeName('../../etc/passwd'), 'passwd');
  assert.equal(safeName('con'), '_con');
  assert.equal(safeName('\u202Egnp.exe\u0000'), 'gnp.exe');
  assert.equal(safeName('...'), 'picture');
  assert.equal([...safeName('🐈'.repeat(3) + 'x'.repeat(300))].length, 111);
});

test('letters of all scripts stay', () => assert.equal(safeName('고양이 사진'), '고양이 사진'));

test('pieces are numbered after their picture', () => {
  assert.equal(pieceName('picture.jpg', 3, 'cat'), 'picture_003_cat.png');
  assert.equal(pieceName('', 12), 'picture_012_object.png');
});
